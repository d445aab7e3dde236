"""A mask drawn over its picture."""

from __future__ import annotations

import cv2
import numpy as np

from inspector_app.core.change_map import Mask
from inspector_app.core.frame import RgbArray

FILL = (255, 64, 48)


def draw_overlay(
    pixels: RgbArray, mask: Mask, opacity: float = 0.4, colour: tuple[int, int, int] = FILL
) -> RgbArray:
    """The mask as a translucent fill with a solid outline.

    Args:
        pixels: ``H x W x 3`` uint8 RGB.
        mask: ``H x W`` bool.
        opacity: of the fill, 0..1.
        colour: RGB.

    Returns:
        A new ``H x W x 3`` uint8 RGB.
    """
    result = pixels.copy()
    if not mask.any():
        return result
    tint = np.asarray(colour, dtype=np.float32) * opacity
    result[mask] = (pixels[mask] * (1.0 - opacity) + tint).astype(np.uint8)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    thickness = max(1, round(max(mask.shape) / 500))
    cv2.drawContours(result, contours, -1, colour, thickness, cv2.LINE_AA)
    return result
