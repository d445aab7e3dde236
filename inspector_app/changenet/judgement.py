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
_SPARED = 0.005
"""Share of the good pictures that may be called defective for the sake of small defects: one odd pair of good parts
would else set the least area for all, and an escape is dearer than a false call."""


def largest_region(probability: Probability, threshold: float) -> int:
    """Return the area in pixels of the largest 8-connected region at or above ``threshold``; 0 if none.

    By 8-bit levels, as the app judges.
    """
    return region_areas(quantise(probability), (threshold,))[0]


def suggest_judgement(maps: Sequence[Probability], defective: Sequence[bool]) -> Judgement:
    """Return the threshold and least area that tell good from defective maps with fewest errors.

    One good map in two hundred, those with the largest regions, has no say. See ``core.limit_choice``; the least area
    is not below 8 pixels unless that would let a defect escape.
    Raises OneSidedPairsError when either kind is missing.
    """
    areas = np.array([region_areas(quantise(one), _THRESHOLDS) for one in maps], dtype=np.int64)
    areas = _without_odd_ones(areas, np.asarray(defective, dtype=bool))
    chosen = choose_limits(areas, defective, _THRESHOLDS, least_area=_LEAST_AREA)
    return Judgement(threshold=chosen.threshold, min_area_px=chosen.min_area_px)


def _without_odd_ones(areas: NDArray[np.int64], bad: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The areas, those of the oddest good maps at each threshold brought down to the largest of the others."""
    kept = areas.copy()
    odd = int(_SPARED * int((~bad).sum()))
    if odd:
        largest = np.sort(areas[~bad], axis=0)[-odd - 1]
        kept[~bad] = np.minimum(areas[~bad], largest)
    return kept
