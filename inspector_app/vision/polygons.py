"""Polygons to pixels, by one rule: a pixel belongs when its centre lies inside (even-odd)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Mask

Point = tuple[float, float]
_FAR = 1e7
"""Pixels beyond which a corner is pulled in, so that no sum overflows."""


def fill(polygons: Iterable[Sequence[Point]], size: tuple[int, int]) -> Mask:
    """Rasterise polygons; each is closed by itself, and what any of them covers is True.

    Args:
        polygons: corners in pixels, the origin at the image's top left corner, so that the centre of the
            first pixel lies at (0.5, 0.5). They may reach outside the image.
        size: ``(width, height)``.

    Returns:
        ``height x width`` bool.
    """
    width, height = size
    mask = np.zeros((height, width), dtype=np.bool_)
    for polygon in polygons:
        _fill_one(np.asarray(polygon, dtype=np.float64).reshape(-1, 2), mask)
    return mask


def _fill_one(points: NDArray[np.float64], mask: Mask) -> None:
    """Set the pixels inside one polygon: along each row, every edge crossed flips inside and outside."""
    height, width = mask.shape
    if len(points) < 3 or not np.isfinite(points).all():
        return
    points = np.clip(points, -_FAR, _FAR)
    first = max(0, int(np.ceil(points[:, 1].min() - 0.5)))
    last = min(height, int(np.ceil(points[:, 1].max() - 0.5)))
    if first >= last:
        return
    flips = np.zeros((last - first, width + 1), dtype=np.uint8)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        low, high = min(y0, y1), max(y0, y1)
        rows = np.arange(max(first, int(np.ceil(low - 0.5))), min(last, int(np.ceil(high - 0.5))))
        crossings = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        columns = np.clip(np.ceil(crossings - 0.5), 0, width).astype(np.intp)
        flips[rows - first, columns] ^= 1
    inside = np.bitwise_xor.accumulate(flips[:, :width], axis=1)
    mask[first:last] |= inside.astype(np.bool_)


def holds(polygon: Sequence[Point], x: float, y: float) -> bool:
    """Whether a point lies inside a polygon (even-odd), by the same rule as ``fill``."""
    inside = False
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        # Rounded just as in `fill`, or a centre that lies on an edge would belong by one and not by the other.
        if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * ((x1 - x0) / (y1 - y0)) - 0.5 <= x - 0.5:
            inside = not inside
    return inside
