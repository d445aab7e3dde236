"""Made-up pictures for the tests of the training package."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 96
PITCH = 16


def board() -> NDArray[np.uint8]:
    """A coloured board with holes at a regular pitch."""
    image = np.full((SIDE, SIDE, 3), (190, 110, 80), np.uint8)
    for y in range(PITCH // 2, SIDE, PITCH):
        for x in range(PITCH // 2, SIDE, PITCH):
            cv2.circle(image, (x, y), 3, (30, 25, 20), -1)
    return image


def part_mask() -> NDArray[np.bool_]:
    """Where the part of :func:`good_picture` lies: a body with two legs."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[28:56, 32:64] = True
    mask[56:76, 36:40] = True
    mask[56:76, 56:60] = True
    return mask


def good_picture(seed: int = 0) -> NDArray[np.uint8]:
    """A grey part on the board, with a little noise."""
    image = board().astype(np.int16)
    image[part_mask()] = (60, 60, 62)
    noise = np.random.default_rng(seed).integers(-2, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB or one-channel PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    assert cv2.imwrite(str(path), stored)
