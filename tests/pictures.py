"""Plain pictures whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 64


def plain(side: int = SIDE, grey: int = 90) -> NDArray[np.uint8]:
    """A flat ``side x side x 3`` picture with a darker square, so that it can be aligned."""
    pixels = np.full((side, side, 3), grey, dtype=np.uint8)
    pixels[side // 4 : side // 2, side // 4 : side // 2] = grey // 2
    return pixels


def spoiled(boxes: Sequence[tuple[int, int, int, int]], side: int = SIDE) -> NDArray[np.uint8]:
    """``plain`` with bright boxes ``x, y, w, h`` on it."""
    pixels = plain(side)
    for x, y, w, h in boxes:
        pixels[y : y + h, x : x + w] = 255
    return pixels


def mask_of(boxes: Sequence[tuple[int, int, int, int]], side: int = SIDE) -> NDArray[np.uint8]:
    """0 and 255."""
    mask = np.zeros((side, side), dtype=np.uint8)
    for x, y, w, h in boxes:
        mask[y : y + h, x : x + w] = 255
    return mask


def write(path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Encode RGB or grey pixels by the path's suffix, making folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = pixels[:, :, ::-1] if pixels.ndim == 3 else pixels
    ok, data = cv2.imencode(path.suffix, bgr)
    assert ok
    path.write_bytes(data.tobytes())
    return path
