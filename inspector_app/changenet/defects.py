"""Small synthetic defects for any object: scratches, blotches, chips and moved pieces.

Every function takes a picture and returns a changed copy with the mask of what visibly changed.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask
from inspector_app.changenet.compositing import around, blend, turn_and_move, warped_mask, warped_picture

Tint = tuple[NDArray[np.float64], float]
"""A colour, 0..255 for each channel, and its share in the mixture."""

# Less than this difference in every channel is not called a change.
_VISIBLE = 14


def random_defect(
    image: Image, donor: Image, place: Mask | None, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Return ``image`` with one defect of a random kind.

    ``donor`` gives texture for foreign matter; ``place`` (or None for anywhere) is where defects may lie.
    The mask may come back empty when the change turned out invisible.
    """
    centre = _place(image.shape[0], place, rng)
    kind = int(rng.integers(4))
    if kind == 0:
        changed, touched = _scratch(image, centre, rng)
    elif kind == 1:
        changed, touched = _blotch(image, centre, rng)
    elif kind == 2:
        changed, touched = _graft(image, donor, centre, rng)
    else:
        changed, touched = _graft(image, _slipped(image, rng), centre, rng)
    return changed, visible_change(image, changed, touched)


def visible_change(before: Image, after: Image, touched: Mask) -> Mask:
    """Return the part of ``touched`` where the pictures differ to the eye, with small gaps closed."""
    differs = (cv2.absdiff(before, after).max(axis=2) > _VISIBLE) & touched
    return cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0


def paste_defect(good: Image, defective: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Return ``good`` with the masked defect of ``defective`` copied to (almost) the same place."""
    side = good.shape[0]
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8))
    dx, dy = rng.uniform(-0.012, 0.012, 2) * side
    move = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
    alpha, truth = warped_mask(grown > 0, move), warped_mask(mask, move)
    return blend(good, warped_picture(defective, move), alpha, 1.5), truth


def soil(image: Image, keep: Mask, rng: np.random.Generator) -> Image:
    """Return the picture with a few fine scratches and specks outside ``keep`` (slightly shrunk)."""
    side = image.shape[0]
    reach = 2 * (side // 40) + 1
    keep = cv2.erode(keep.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    soiled = image
    for _ in range(int(rng.integers(1, 6))):
        centre = _place(side, ~keep, rng)
        soiled, _ = _scratch(soiled, centre, rng)
    untouched = keep[:, :, None]
    return np.where(untouched, image, soiled)


def _place(side: int, place: Mask | None, rng: np.random.Generator) -> tuple[int, int]:
    """Return (x, y), inside ``place`` where given."""
    if place is None or not place.any():
        return int(rng.integers(side)), int(rng.integers(side))
    spots = np.flatnonzero(place)
    y, x = divmod(int(spots[rng.integers(spots.size)]), side)
    return x, y


def _scratch(image: Image, centre: tuple[int, int], rng: np.random.Generator) -> tuple[Image, Mask]:
    side = image.shape[0]
    heading = rng.uniform(0, 2 * np.pi)
    points = [np.array(centre, np.float64)]
    for _ in range(int(rng.integers(2, 7))):
        heading += rng.normal(0, 0.35)
        points.append(
            points[-1] + rng.uniform(0.02, 0.07) * side * np.array([np.cos(heading), np.sin(heading)])
        )
    drawn = np.zeros(image.shape[:2], np.uint8)
    cv2.polylines(drawn, [np.round(points).astype(np.int32)], False, 1, int(rng.integers(1, 4)), cv2.LINE_8)
    return _painted(image, drawn > 0, _tint(rng), 0.6), _grown(drawn)


def _blotch(image: Image, centre: tuple[int, int], rng: np.random.Generator) -> tuple[Image, Mask]:
    shape = _blob(image.shape[0], centre, rng)
    return _painted(image, shape > 0, _tint(rng), float(rng.uniform(0.6, 2.0))), _grown(shape)


def _graft(
    image: Image, donor: Image, centre: tuple[int, int], rng: np.random.Generator
) -> tuple[Image, Mask]:
    shape = _blob(image.shape[0], centre, rng)
    return blend(image, donor, shape > 0, float(rng.uniform(0.5, 1.2))), _grown(shape)


def _slipped(image: Image, rng: np.random.Generator) -> Image:
    """Return the picture moved and turned, so that a graft from it looks like a piece out of place."""
    side = image.shape[0]
    turn = float(rng.uniform(-180, 180))
    return warped_picture(image, turn_and_move((side / 2, side / 2), turn, rng.uniform(-0.3, 0.3, 2) * side))


def _tint(rng: np.random.Generator) -> Tint:
    return rng.uniform(0, 255) + rng.normal(0, 25, 3), float(rng.uniform(0.35, 1.0))


def _painted(image: Image, shape: Mask, tint: Tint, softness: float) -> Image:
    """Return the picture mixed with one colour, which may be darker, lighter or foreign, where ``shape`` is set."""
    near = around(shape, softness)
    colour, share = tint
    tinted = np.clip(image[near] * (1.0 - share) + colour * share, 0, 255).astype(np.uint8)
    painted = image.copy()
    painted[near] = blend(image[near], tinted, shape[near], softness)
    return painted


def _blob(side: int, centre: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return an irregular star-shaped region, 2 to 12% of the side across, as 0/1."""
    count = int(rng.integers(6, 14))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    radii = rng.uniform(0.4, 1.0, count) * rng.uniform(0.012, 0.07) * side
    stretch = rng.uniform(0.5, 2.0)
    corners = np.stack((np.cos(angles) * radii * stretch, np.sin(angles) * radii / stretch), axis=1)
    drawn = np.zeros((side, side), np.uint8)
    cv2.fillPoly(drawn, [np.round(corners + np.array(centre)).astype(np.int32)], 1)
    return drawn


def _grown(shape: NDArray[np.uint8]) -> Mask:
    return cv2.dilate(shape, np.ones((3, 3), np.uint8)) > 0
