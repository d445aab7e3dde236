"""The mask of change at a threshold."""

from __future__ import annotations

import numpy as np

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
