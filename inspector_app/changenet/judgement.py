"""Choice of a model's suggested decision limits, from probability maps of *training* pairs only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import Judgement

Probability = NDArray[np.float32]
"""H x W, 0..1, on the network's grid."""

# 0.5 is what the pixel measures use; others must separate better to be taken.
_THRESHOLDS: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.4, 0.3)
_LEAST_AREA = 8


class OneSidedPairsError(KeeperError):
    """Pairs are all good or all defective where both kinds are needed."""


def largest_region(probability: Probability, threshold: float) -> int:
    """Return the area in pixels of the largest 8-connected region at or above ``threshold``; 0 if none."""
    reached = (probability >= threshold).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(reached, connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0


def suggest_judgement(maps: Sequence[Probability], defective: Sequence[bool]) -> Judgement:
    """Return the threshold and least area that tell good from defective maps with fewest errors.

    Among equals the widest margin wins; the least area lies in its (geometric) middle, and is not below 8
    pixels unless that would let a defect escape.  Raises OneSidedPairsError when either kind is missing.
    """
    if not any(defective) or all(defective):
        raise OneSidedPairsError(
            "pairs_one_sided", "Both good and defective pairs are needed to choose decision limits."
        )
    chosen, best = _THRESHOLDS[0], None
    for threshold in _THRESHOLDS:
        areas = [max(1, largest_region(m, threshold)) for m in maps]
        cut = _best_cut(areas, defective)
        # A tenth more on a log scale is needed to leave the plain threshold of one half.
        if best is None or (cut.errors, -cut.margin + 0.1) < (best.errors, -best.margin):
            chosen, best = threshold, cut
    assert best is not None
    return Judgement(threshold=chosen, min_area_px=best.area)


@dataclass(frozen=True)
class _Cut:
    """A least area, the images that it judges wrongly, and how far apart (log) the areas around it are."""

    errors: int
    margin: float
    area: int


def _best_cut(areas: Sequence[int], defective: Sequence[bool]) -> _Cut:
    edges = sorted({1, *areas, max(areas) + 1})
    cuts = []
    for low, high in pairwise(edges):
        errors = sum((area >= high) != bad for area, bad in zip(areas, defective, strict=True))
        middle = max(round(math.sqrt(low * high)), low + 1, _LEAST_AREA)
        cuts.append(_Cut(errors, math.log(high / low), min(high, middle)))
    return min(cuts, key=lambda cut: (cut.errors, -cut.margin))
