"""What probabilities say against what is true: counts of pixels by level, and expected calibration error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Levels, Mask, level_of
from inspector_app.core.metrics import PixelCounts

BINS = 10
LEVELS = 256
Counts = NDArray[np.int64]
"""256 whole numbers, one a level."""


@dataclass(frozen=True, eq=False)
class LevelCounts:
    """Pixels by level, apart by their truth: every threshold's confusion counts follow from it.

    Attributes:
        change: pixels that are change in truth, 256 counts.
        same: pixels that are not, 256 counts.
    """

    change: Counts
    same: Counts

    @staticmethod
    def of(levels: Levels, truth: Mask) -> LevelCounts:
        """Count one map against its truth.

        Raises:
            ValueError: when the shapes differ.
        """
        if levels.shape != truth.shape:
            raise ValueError(f"map and truth differ in shape: {levels.shape} and {truth.shape}")
        every = np.bincount(levels.ravel(), minlength=LEVELS)
        change = np.bincount(levels[truth], minlength=LEVELS)
        return LevelCounts(change.astype(np.int64), (every - change).astype(np.int64))

    @staticmethod
    def none() -> LevelCounts:
        """No pixel at all."""
        return LevelCounts(np.zeros(LEVELS, np.int64), np.zeros(LEVELS, np.int64))

    def __add__(self, other: LevelCounts) -> LevelCounts:
        return LevelCounts(self.change + other.change, self.same + other.same)

    def at(self, threshold: float) -> PixelCounts:
        """The confusion counts when pixels from ``threshold`` (0 < threshold <= 1) on are called change."""
        level = level_of(threshold)
        tp, fp = int(self.change[level:].sum()), int(self.same[level:].sum())
        return PixelCounts(tp, fp, int(self.change.sum()) - tp, int(self.same.sum()) - fp)


def add_up(counts: Iterable[LevelCounts]) -> LevelCounts:
    """The sum of all counts."""
    return sum(counts, LevelCounts.none())


@dataclass(frozen=True)
class ReliabilityBin:
    """Those whose probability lies in ``[low, high)`` (the last bin holds 1 too).

    Attributes:
        count: how many.
        said: their mean probability.
        seen: the share of them that is change (defective) in truth.
    """

    low: float
    high: float
    count: int
    said: float
    seen: float


@dataclass(frozen=True)
class Reliability:
    """A reliability table and the expected calibration error over it.

    ``ece`` is the mean over all of ``|said - seen|`` of the bin that each lies in (Naeini et al., AAAI 2015; Guo et
    al., ICML 2017); ``worst`` is the largest of them. Both are None without anything to count.
    """

    bins: tuple[ReliabilityBin, ...]
    ece: float | None
    worst: float | None

    @property
    def count(self) -> int:
        """How many were counted in all."""
        return sum(one.count for one in self.bins)


def pixel_reliability(counts: LevelCounts, bins: int = BINS) -> Reliability:
    """Of pixels: probability is ``level / 255``."""
    probability = np.arange(LEVELS) / (LEVELS - 1)
    return _reliability(probability, counts.change, counts.change + counts.same, bins)


def image_reliability(scores: Sequence[float], defective: Sequence[bool], bins: int = BINS) -> Reliability:
    """Of images: the score taken as the probability of a defective unit.

    The share of defective units in the set enters: a set with few of them can only speak for such a share.
    """
    ones = np.ones(len(scores), dtype=np.int64)
    return _reliability(np.asarray(scores, dtype=np.float64), np.asarray(defective, np.int64), ones, bins)


def _reliability(
    probability: NDArray[np.float64], positives: Counts, counts: Counts, bins: int
) -> Reliability:
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    total = np.bincount(place, weights=counts, minlength=bins)
    said = np.bincount(place, weights=counts * probability, minlength=bins)
    seen = np.bincount(place, weights=positives, minlength=bins)
    filled = [int(i) for i in np.flatnonzero(total)]
    table = tuple(
        ReliabilityBin(i / bins, (i + 1) / bins, int(total[i]), said[i] / total[i], seen[i] / total[i])
        for i in filled
    )
    if not table:
        return Reliability((), None, None)
    gaps = [abs(one.said - one.seen) for one in table]
    ece = sum(gap * one.count for gap, one in zip(gaps, table, strict=True)) / sum(one.count for one in table)
    return Reliability(table, float(ece), float(max(gaps)))
