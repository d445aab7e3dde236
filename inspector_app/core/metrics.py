"""Measures, with integer pixel counts: one function serves every command.

Pooled measures add the counts of all images first (the model card's way). A ratio with an empty denominator
is None, never 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from inspector_app.core.change_map import Mask
from inspector_app.core.verdict import Verdict


def ratio(part: float, whole: float) -> float | None:
    """``part / whole``, None when ``whole`` is zero."""
    return part / whole if whole else None


@dataclass(frozen=True)
class PixelCounts:
    """Confusion counts of the change class, in pixels."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def __add__(self, other: PixelCounts) -> PixelCounts:
        return PixelCounts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    @property
    def marked(self) -> bool:
        """Whether the truth marks any change. Where it does not, precision, IoU and F1 speak of marks that are
        not there: they are 0 as soon as a pixel is predicted."""
        return self.tp + self.fn > 0

    @property
    def iou(self) -> float | None:
        """tp / (tp + fp + fn); None when truth and prediction are both empty."""
        return ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def dice(self) -> float | None:
        """2 tp / (2 tp + fp + fn), the same as F1."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def precision(self) -> float | None:
        """tp / (tp + fp)."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """tp / (tp + fn)."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def accuracy(self) -> float | None:
        """(tp + tn) / all."""
        return ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)


def count_pixels(predicted: Mask, truth: Mask) -> PixelCounts:
    """Compare two masks of one shape.

    Raises:
        ValueError: when the shapes differ.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"masks differ in shape: {predicted.shape} and {truth.shape}")
    tp = int(np.count_nonzero(predicted & truth))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return PixelCounts(tp, fp, fn, predicted.size - tp - fp - fn)


def pool(counts: Iterable[PixelCounts]) -> PixelCounts:
    """The sum of all counts."""
    return sum(counts, PixelCounts())


class Outcome(StrEnum):
    """An image's verdict against its truth; a defective unit is the positive."""

    TP = "TP"
    FP = "FP"
    TN = "TN"
    FN = "FN"


def outcome(rejected: bool, defective: bool) -> Outcome:
    """FP is a false call, FN an escape."""
    if defective:
        return Outcome.TP if rejected else Outcome.FN
    return Outcome.FP if rejected else Outcome.TN


def rejects(verdict: Verdict) -> bool:
    """Whether a verdict keeps the unit from shipping: everything but PASS (REVIEW and ERROR reject too)."""
    return verdict is not Verdict.PASS


def wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float] | None:
    """Wilson's score interval for a proportion (E. B. Wilson, JASA 1927); None without trials."""
    if trials == 0:
        return None
    p = successes / trials
    centre = p + z * z / (2 * trials)
    spread = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def auroc(scores: Sequence[float], defective: Sequence[bool]) -> float | None:
    """Area under the ROC curve by ranks (ties count half); None unless both classes are present."""
    values = np.asarray(scores, dtype=np.float64)
    labels = np.asarray(defective, dtype=bool)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if positives == 0 or negatives == 0:
        return None
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2.0)[inverse]
    rank_sum = float(ranks[labels].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)
