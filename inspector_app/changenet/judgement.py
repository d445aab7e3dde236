"""Choice of a model's suggested decision limits, from probability maps of *training* pairs only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.manifest import Judgement

Probability = NDArray[np.float32]
"""H x W, 0..1, on the network's grid."""

# 0.5 is what the pixel measures use; others must separate better to be taken.
_THRESHOLDS: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.4, 0.3)
_LEAST_AREA = 8


def largest_region(probability: Probability, threshold: float) -> int:
    """Return the area in pixels of the largest 8-connected region at or above ``threshold``; 0 if none."""
    reached = (probability >= threshold).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(reached, connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0


def suggest_judgement(maps: Sequence[Probability], defective: Sequence[bool]) -> Judgement:
    """Return the threshold and least area that separate good from defective maps with the widest margin.

    The least area is the geometric middle between the largest region of any good map and the smallest
    "largest region" of any defective one, and never less than 8 pixels.  Raises ValueError when either
    kind is missing.
    """
    if not any(defective) or all(defective):
        raise ValueError("both good and defective pairs are needed to choose decision limits")
    best, widest = Judgement(threshold=_THRESHOLDS[0], min_area_px=_LEAST_AREA), -math.inf
    for threshold in _THRESHOLDS:
        areas = [largest_region(m, threshold) for m in maps]
        good = max(1, *(a for a, bad in zip(areas, defective, strict=True) if not bad))
        bad = max(1, min(a for a, is_bad in zip(areas, defective, strict=True) if is_bad))
        margin = math.log(bad / good)
        # A tenth more on a log scale is needed to leave the plain threshold of one half.
        if margin > widest + 0.1:
            widest = margin
            best = Judgement(threshold=threshold, min_area_px=max(_LEAST_AREA, round(math.sqrt(good * bad))))
    return best
