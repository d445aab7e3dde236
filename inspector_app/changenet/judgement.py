"""Choice of a model's suggested decision limits, from probability maps of *training* pairs only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import quantise
from inspector_app.core.limit_choice import OneSidedPairsError, choose_limits
from inspector_app.core.manifest import Judgement
from inspector_app.vision.regions import region_areas

__all__ = ["OneSidedPairsError", "Probability", "largest_region", "suggest_judgement"]

Probability = NDArray[np.float32]
"""H x W, 0..1, on the network's grid."""

# 0.5 is what the pixel measures use; others must separate better to be taken.
_THRESHOLDS: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.4, 0.3)
_LEAST_AREA = 8


def largest_region(probability: Probability, threshold: float) -> int:
    """Return the area in pixels of the largest 8-connected region at or above ``threshold``; 0 if none.

    By 8-bit levels, as the app judges.
    """
    return region_areas(quantise(probability), (threshold,))[0]


def suggest_judgement(maps: Sequence[Probability], defective: Sequence[bool]) -> Judgement:
    """Return the threshold and least area that tell good from defective maps with fewest errors.

    See ``core.limit_choice``; the least area is not below 8 pixels unless that would let a defect escape.
    Raises OneSidedPairsError when either kind is missing.
    """
    areas = np.array([region_areas(quantise(one), _THRESHOLDS) for one in maps], dtype=np.int64)
    chosen = choose_limits(areas, defective, _THRESHOLDS, least_area=_LEAST_AREA)
    return Judgement(threshold=chosen.threshold, min_area_px=chosen.min_area_px)
