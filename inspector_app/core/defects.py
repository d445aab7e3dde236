"""A defect: one connected region of a change map that reached a threshold."""

from __future__ import annotations

from dataclasses import dataclass

from inspector_app.core.geometry import Box


@dataclass(frozen=True)
class Defect:
    """Measured in pixels of the test image.

    Attributes:
        box: the region's bounding box.
        cx, cy: centroid.
        area_px: number of pixels at or above the threshold.
        length_px: the longer side of the smallest rectangle around it, turned as it needs.
        score_max, score_mean: of the probabilities within, 0..1.
        region: name of the recipe's inspect region that holds its centroid, or "".
        truth_iou: IoU of this region with the truth inside its own box, None without a truth.
    """

    box: Box
    cx: float
    cy: float
    area_px: int
    length_px: float
    score_max: float
    score_mean: float
    region: str = ""
    truth_iou: float | None = None


@dataclass(frozen=True)
class Findings:
    """All that was found on one image.

    Attributes:
        defects: the regions that count under the recipe's limits, the largest first.
        score: the highest probability at which some region still has ``min_area_px`` pixels, 0 when there is
            none. It depends on no threshold, and reaches one exactly when a region counts at that threshold.
        defect_px: pixels of the counted defects.
        inspected_px: pixels that were looked at (inside the regions to inspect, outside those to ignore).
    """

    defects: tuple[Defect, ...]
    score: float
    defect_px: int
    inspected_px: int
