"""Bring a change map from the network's grid to the test image's own pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import ChangeMap, Levels


def levels_at(change_map: ChangeMap, size: tuple[int, int]) -> Levels:
    """The map over the test image, sampled at ``size`` = ``(width, height)``.

    Without alignment, or brought back already, the grid covers the test image: it is taken as it is when the size fits, else resized
    (bilinear when growing, by area when shrinking). With alignment it is first warped from the golden's frame
    into the test image's; what the golden does not cover has level 0.
    """
    levels = change_map.levels
    if change_map.registration is not None and not change_map.in_test_frame:
        levels = _warp_to_test(change_map)
    return _resize(levels, size)


def native_levels(change_map: ChangeMap) -> Levels:
    """The map at the test image's own resolution, ``H x W``."""
    return levels_at(change_map, change_map.frame_size)


def _resize(levels: Levels, size: tuple[int, int]) -> Levels:
    width, height = size
    if levels.shape == (height, width):
        return levels
    shrinking = levels.shape[0] >= height and levels.shape[1] >= width
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(levels, (width, height), interpolation=method), dtype=np.uint8)
    resized.setflags(write=False)
    return resized


def grid_to_golden(grid: tuple[int, int], golden: tuple[int, int]) -> NDArray[np.float64]:
    """``3 x 3`` matrix from grid pixel centres to golden pixel centres; sizes are ``(width, height)``."""
    sx, sy = golden[0] / grid[0], golden[1] / grid[1]
    return np.array([[sx, 0, sx / 2 - 0.5], [0, sy, sy / 2 - 0.5], [0, 0, 1]], dtype=np.float64)


def _warp_to_test(change_map: ChangeMap) -> Levels:
    assert change_map.registration is not None
    levels = change_map.levels
    to_golden = np.vstack([change_map.registration.transform.matrix, [0.0, 0.0, 1.0]])
    grid = (levels.shape[1], levels.shape[0])
    test_to_grid = np.linalg.inv(grid_to_golden(grid, change_map.golden_size)) @ to_golden
    warped = cv2.warpAffine(
        levels,
        test_to_grid[:2],
        change_map.frame_size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0, 0),
    )
    return np.asarray(warped, dtype=np.uint8)
