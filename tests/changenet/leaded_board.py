"""A drawn part with three leads on a perforated board, its annotations when displaced, and its scene."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE, PITCH, SHIFT = 192, 42, (9, 15)
HOLES = ((51, 141), (93, 141), (135, 141))

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def board(shift: tuple[int, int] = SHIFT) -> Image:
    """Copper with dark holes of a fifth of the pitch."""
    image = np.full((SIDE, SIDE, 3), (150, 95, 75), np.uint8)
    for y in range(shift[1] - PITCH, SIDE + PITCH, PITCH):
        for x in range(shift[0] - PITCH, SIDE + PITCH, PITCH):
            cv2.circle(image, (x, y), 8, (25, 22, 20), -1)
    return image


def good_picture(seed: int = 0) -> Image:
    """A dark body with three bright leads that end in holes."""
    image = board()
    cv2.rectangle(image, (58, 28), (128, 98), (22, 22, 24), -1)
    for start, (x, y) in zip((72, 93, 114), HOLES, strict=True):
        cv2.line(image, (start, 99), (x, y), (190, 190, 188), 6)
    noise = np.random.default_rng(seed).integers(-2, 3, image.shape)
    return np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def displaced_masks() -> tuple[list[Mask], list[Image]]:
    """Two annotations of displaced parts: both cover where the part belongs, one a place beside it as well."""
    belongs = np.zeros((SIDE, SIDE), np.uint8)
    cv2.rectangle(belongs, (44, 20), (142, 104), 1, -1)
    for x, y in HOLES:
        cv2.rectangle(belongs, (x - 8, 100), (x + 8, y), 1, -1)
        cv2.circle(belongs, (x, y), 8, 1, -1)
    aside = belongs.copy()
    cv2.rectangle(aside, (140, 20), (170, 90), 1, -1)
    masks = [belongs > 0, belongs > 0, aside > 0]
    return masks, [board(), board(), board()]
