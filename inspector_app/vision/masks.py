"""Masks: the change at a threshold, and a truth brought to another grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import ChangeMap, Mask, level_of
from inspector_app.vision.maps import levels_at


def change_mask(change_map: ChangeMap, threshold: float, size: tuple[int, int]) -> Mask:
    """Where the test image changed.

    Args:
        change_map: what the network saw.
        threshold: the least probability that counts, 0 < threshold <= 1.
        size: ``(width, height)`` of the grid over the test image that is wanted.

    Returns:
        ``height x width`` bool, read-only.
    """
    mask: Mask = np.greater_equal(levels_at(change_map, size), level_of(threshold))
    mask.setflags(write=False)
    return mask


def truth_at(mask: Mask, size: tuple[int, int]) -> Mask:
    """A mask sampled at ``size`` = ``(width, height)`` by nearest neighbour, pixel centres aligned.

    Source index ``floor((i + 0.5) * source / target)``, in whole numbers, as Pillow's NEAREST takes it.
    """
    height, width = mask.shape
    if (width, height) == size:
        return mask
    rows = _nearest(height, size[1])
    columns = _nearest(width, size[0])
    sampled: Mask = mask[rows[:, None], columns]
    sampled.setflags(write=False)
    return sampled


def _nearest(source: int, target: int) -> NDArray[np.int64]:
    return (2 * np.arange(target, dtype=np.int64) + 1) * source // (2 * target)
