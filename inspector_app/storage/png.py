"""Lossless 8-bit PNG, fast: maps as one grey channel, frames as three colours.

Pictures are decoded by ``vision.decode``; a map is no picture, and is read back here.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Levels
from inspector_app.core.frame import RgbArray

# Run lengths and one fixed filter suit maps (mostly flat): half of the default's time, and no larger.
_MAP = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
)
_PHOTO = (cv2.IMWRITE_PNG_COMPRESSION, 1)


def encode_levels(levels: Levels) -> bytes:
    """``H x W`` uint8 as a grey PNG."""
    return _encode(levels, _MAP)


def encode_rgb(pixels: RgbArray) -> bytes:
    """``H x W x 3`` uint8 RGB as a colour PNG."""
    return _encode(pixels[:, :, ::-1], _PHOTO)


def decode_levels(data: bytes) -> Levels | None:
    """The ``H x W`` uint8 of ``encode_levels``, None when the data are damaged."""
    if not data:
        return None
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if array is None or array.dtype != np.uint8 or array.ndim != 2:
        return None
    return array  # type: ignore[return-value]


def _encode(array: NDArray[np.uint8], options: tuple[int, ...]) -> bytes:
    done, data = cv2.imencode(".png", array, options)
    if not done:
        raise ValueError(f"no PNG can hold an array of {array.shape}")
    return data.tobytes()
