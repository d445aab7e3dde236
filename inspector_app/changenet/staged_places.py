"""A leaded part laid elsewhere on its board: its mask covers where it lies and where it belongs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask
from inspector_app.changenet.compositing import blend, shaded, turn_and_move, warped_mask, warped_picture
from inspector_app.changenet.scene import Scene


def displace(base: Scene, part: Scene, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Return ``base`` with the part of another scene lying elsewhere (or gone), and its mask."""
    side = base.image.shape[0]
    if rng.random() < 0.06:
        return base.background, base.outline
    matrix = _displacement(part, side, rng)
    lying = warped_mask(part.part, matrix)
    staged = shaded(base.background, lying, rng)
    softness = float(rng.uniform(0.5, 1.5))
    return blend(staged, warped_picture(part.image, matrix), lying, softness), base.outline | lying


def _displacement(part: Scene, side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a 2 x 3 matrix that turns the part and moves it, far enough to be seen.

    A part put in the wrong way round keeps its place as a whole: the middle of body and leads stays about where it
    was, and the body lies where the leads ought to be.
    """
    choice = rng.random()
    if choice < 0.12:
        # Upside down in its own place, its leads in holes again: of what lies wrong the likest to a good part.
        return turn_and_move(
            _middle(part.part), 180.0 + rng.uniform(-6, 6), rng.uniform(-0.05, 0.05, 2) * side
        )
    if choice < 0.36:
        angle, reach = float(rng.integers(1, 4)) * 90.0 + rng.uniform(-10, 10), 0.12
    elif choice < 0.52:
        angle, reach = rng.uniform(8, 35) * rng.choice([-1, 1]), 0.15
    elif choice < 0.87:
        return _slipped_aside(part, side, rng)
    else:
        angle, reach = rng.uniform(-180, 180), 0.25
    offset = rng.uniform(-reach, reach, 2) * side
    pivot = part.body.centre if rng.random() < 0.3 else _middle(part.part)
    return turn_and_move(pivot, float(angle), offset)


def _slipped_aside(part: Scene, side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Hardly turned, most often only so far aside that no lead stands in its hole: what is hardest to see."""
    reach = rng.uniform(0, 1, 2) ** 2
    offset = np.array([0.036 + 0.16 * reach[0], 0.2 * reach[1]]) * rng.choice([-1, 1], 2) * side
    return turn_and_move(part.body.centre, float(rng.uniform(-8, 8)), offset)


def _middle(part: Mask) -> tuple[float, float]:
    """Return the middle of the box around the part, (x, y)."""
    x, y, width, height = cv2.boundingRect(part.astype(np.uint8))
    return x + (width - 1) / 2, y + (height - 1) / 2
