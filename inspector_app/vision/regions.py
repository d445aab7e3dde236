"""Defects: the connected regions of a change map, and the score of an image.

A region is a set of pixels of the test image at or above a level that hang together through any of their
eight neighbours.

The **score** is the highest level at which some region still has ``min_area_px`` pixels, divided by 255: with
a least area of one pixel it is the map's highest peak, with a larger one the peak is cut off where it
becomes too small to count. It depends on no threshold; it never grows when the least area grows or pixels are
ignored; and since regions only grow when the level falls, it reaches ``threshold`` exactly when at least one
defect is counted there, and ``review_threshold`` exactly when one would be counted there.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Affine, ChangeMap, Levels, Mask, level_of
from inspector_app.core.defects import Defect, Findings
from inspector_app.core.geometry import Box, Region
from inspector_app.core.recipe import Limits
from inspector_app.vision.maps import native_levels
from inspector_app.vision.polygons import Point, fill, holds


def find_defects(
    change_map: ChangeMap, limits: Limits, regions: tuple[Region, ...] = (), truth: Mask | None = None
) -> Findings:
    """Find what counts under the limits, in pixels of the test image.

    Args:
        change_map: what the network saw.
        limits: threshold and least area.
        regions: to inspect and to ignore, in the golden's frame.
        truth: ``H x W`` bool in the test image's frame; gives each defect its ``truth_iou``.

    Raises:
        ValueError: when ``truth`` has not the test image's size.
    """
    levels = native_levels(change_map)
    if truth is not None and truth.shape != levels.shape:
        raise ValueError(f"truth has shape {truth.shape}, the test image {levels.shape}")
    outlines = _outlines(change_map, regions)
    looked_at = _looked_at(outlines, change_map.frame_size)
    levels = _only(levels, looked_at)
    defects = _defects(levels, level_of(limits.threshold), limits.min_area_px, outlines, truth)
    return Findings(
        defects=defects,
        score=peak_level(levels, limits.min_area_px) / 255.0,
        defect_px=sum(defect.area_px for defect in defects),
        inspected_px=levels.size if looked_at is None else int(np.count_nonzero(looked_at)),
    )


def counted_mask(change_map: ChangeMap, limits: Limits, regions: tuple[Region, ...] = ()) -> Mask:
    """``H x W`` bool in the test image's frame: the pixels of all that ``find_defects`` counts."""
    above: Mask = inspected_levels(change_map, regions) >= level_of(limits.threshold)
    if not above.any():
        return above
    labels, stats, _, (left, top) = _components(above)
    counts = stats[:, cv2.CC_STAT_AREA] >= limits.min_area_px
    counts[0] = False
    mask = np.zeros_like(above)
    height, width = labels.shape
    mask[top : top + height, left : left + width] = counts[labels]
    return mask


def inspect_mask(change_map: ChangeMap, regions: tuple[Region, ...]) -> Mask | None:
    """``H x W`` bool in the test image's frame: what is looked at; None when that is everything."""
    return _looked_at(_outlines(change_map, regions), change_map.frame_size)


def to_test(points: Sequence[Point], transform: Affine) -> list[Point]:
    """Carry points from the golden's frame to the test image's (corner origin, not pixel centres)."""
    forward = np.vstack([transform.matrix, [0.0, 0.0, 1.0]])
    centres = np.column_stack([np.asarray(points, dtype=np.float64) - 0.5, np.ones(len(points))])
    carried = np.linalg.solve(forward, centres.T)[:2].T + 0.5
    return [(float(x), float(y)) for x, y in carried]


def peak_level(levels: Levels, min_area_px: int) -> int:
    """The highest level at which some region has ``min_area_px`` pixels; 0 when there is none at level 1."""
    if min_area_px <= 1:
        return int(levels.max())
    counts = cv2.calcHist([levels], [0], None, [256], [0, 256]).ravel()
    # float32 counts exactly up to 2**24 pixels; sums of more are made in 64 bits.
    at_least = np.cumsum(counts[::-1].astype(np.int64))[::-1]
    reached = np.flatnonzero(at_least >= min_area_px)
    # At a higher level there are too few pixels in all; the highest that has enough mostly has them in one piece.
    low, high = 0, int(reached[-1]) if len(reached) else 0
    level = high
    # The largest region never shrinks when the level falls, so halving the interval is exact.
    while low < high:
        if _has_region(levels >= level, min_area_px):
            low = level
        else:
            high = level - 1
        level = (low + high + 1) // 2
    return low


def inspected_levels(change_map: ChangeMap, regions: tuple[Region, ...]) -> Levels:
    """``H x W`` in the test image's frame: the map, 0 where it is not to be looked at."""
    return _only(native_levels(change_map), inspect_mask(change_map, regions))


def region_areas(levels: Levels, thresholds: Sequence[float], rank: int = 1) -> tuple[int, ...]:
    """The area of the ``rank``-th largest 8-connected region at each threshold; 0 where there are fewer."""
    return tuple(_area_at(levels >= level_of(threshold), rank) for threshold in thresholds)


def _area_at(mask: Mask, rank: int) -> int:
    if not mask.any():
        return 0
    _, stats, _, _ = _components(mask)
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])
    return int(areas[-rank]) if len(areas) >= rank else 0


def _only(levels: Levels, looked_at: Mask | None) -> Levels:
    return levels if looked_at is None else np.where(looked_at, levels, np.uint8(0))


def _has_region(mask: Mask, min_area_px: int) -> bool:
    """Whether some region of a mask has the least area."""
    _, stats, _, _ = _components(mask)
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0)) >= min_area_px


def _components(
    mask: Mask,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64], tuple[int, int]]:
    """Labels, statistics and centroids of the regions of a mask that is not empty, within the box around them
    all, and that box's corner: the search is costly, and most of a mask is empty."""
    x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
    part = np.ascontiguousarray(mask[y : y + h, x : x + w]).view(np.uint8)
    _, labels, stats, centroids = cv2.connectedComponentsWithStats(part, connectivity=8)
    return (
        np.asarray(labels, dtype=np.int32),
        np.asarray(stats, dtype=np.int32),
        np.asarray(centroids, dtype=np.float64),
        (x, y),
    )


def _outlines(change_map: ChangeMap, regions: tuple[Region, ...]) -> list[tuple[Region, list[Point]]]:
    """Each region with its corners in the test image's frame."""
    if change_map.registration is None:
        return [(region, list(region.points)) for region in regions]
    transform = change_map.registration.transform
    return [(region, to_test(region.points, transform)) for region in regions]


def _looked_at(outlines: list[tuple[Region, list[Point]]], size: tuple[int, int]) -> Mask | None:
    if not outlines:
        return None
    wanted = [points for region, points in outlines if region.mode == "inspect"]
    unwanted = [points for region, points in outlines if region.mode == "ignore"]
    mask = fill(wanted, size) if wanted else np.ones((size[1], size[0]), dtype=np.bool_)
    mask &= ~fill(unwanted, size)
    mask.setflags(write=False)
    return mask


def _defects(
    levels: Levels,
    level: int,
    min_area_px: int,
    outlines: list[tuple[Region, list[Point]]],
    truth: Mask | None,
) -> tuple[Defect, ...]:
    """The regions of at least the least area, the largest first, then from top left to bottom right."""
    above = levels >= level
    if np.count_nonzero(above) < min_area_px:
        return ()
    labels, stats, centroids, (left, top) = _components(above)
    wanted = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= min_area_px)
    found = []
    for label in wanted[wanted > 0]:
        x, y, w, h, area = (int(v) for v in stats[label])
        inside = labels[y : y + h, x : x + w] == label
        x, y = x + left, y + top
        cx, cy = float(centroids[label, 0]) + left, float(centroids[label, 1]) + top
        values = levels[y : y + h, x : x + w][inside]
        found.append(
            Defect(
                box=Box(x=x, y=y, w=w, h=h),
                cx=cx,
                cy=cy,
                area_px=area,
                length_px=_length(inside),
                score_max=int(values.max()) / 255.0,
                score_mean=float(values.mean()) / 255.0,
                region=_region_at(outlines, cx, cy),
                truth_iou=None if truth is None else _iou(inside, truth[y : y + h, x : x + w]),
            )
        )
    found.sort(key=lambda defect: (-defect.area_px, defect.box.y, defect.box.x))
    return tuple(found)


def _length(inside: Mask) -> float:
    """The longer side of the smallest turned rectangle through the outermost pixel centres, plus one pixel.

    One pixel has length 1, a row of n has n, and n along a diagonal have (n - 1) * sqrt(2) + 1.
    """
    rows = np.arange(len(inside))
    first = inside.argmax(axis=1)
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    ends: NDArray[np.float32] = np.concatenate(
        [np.column_stack([first, rows]), np.column_stack([last, rows])]
    ).astype(np.float32)
    _, (width, height), _ = cv2.minAreaRect(ends)
    return float(max(width, height)) + 1.0


def _region_at(outlines: list[tuple[Region, list[Point]]], cx: float, cy: float) -> str:
    """The name of the first region to inspect that holds the centroid (given at pixel centres)."""
    for region, points in outlines:
        if region.mode == "inspect" and holds(points, cx + 0.5, cy + 0.5):
            return region.name
    return ""


def _iou(inside: Mask, truth: Mask) -> float:
    """Of a region with the truth in its box; the region is never empty, so neither is the union."""
    return int(np.count_nonzero(inside & truth)) / int(np.count_nonzero(inside | truth))
