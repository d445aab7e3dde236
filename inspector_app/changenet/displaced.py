"""Pictures of a displaced, turned or missing part, and of cut and bent leads, made from good images.

This is for one product photographed on a background that repeats (a perforated board): the part is cut out
by comparing the picture with its own background, which is filled in from places one or more periods away.
The place where the part belongs (its outline) is learned from the masks of real displaced parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask

# A mask of more than this share of the picture shows where a whole part belongs.
OUTLINE_SHARE = 0.15
_VISIBLE = 22


@dataclass(frozen=True)
class Scene:
    """A good picture taken apart: the picture, its background without the part, and where the part is."""

    image: Image
    background: Image
    part: Mask


def vote_outline(masks: Sequence[Mask]) -> Mask | None:
    """Return where most of the large ``masks`` agree, or None when there are fewer than two of them."""
    large = [m for m in masks if m.mean() > OUTLINE_SHARE]
    if len(large) < 2:
        return None
    votes: NDArray[np.float64] = np.mean(np.stack(large), axis=0)
    return cv2.medianBlur((votes > 0.5).astype(np.uint8), 9) > 0


def take_apart(image: Image, outline: Mask) -> Scene:
    """Return the scene of a good ``image`` whose part lies within (about) ``outline``."""
    side = image.shape[0]
    around = _dilate(outline, round(side * 0.02))
    background = fill_periodic(image, around)
    return Scene(image, background, _find_part(image, background, around))


def _find_part(image: Image, background: Image, around: Mask) -> Mask:
    """Return where the part is: what differs in colour, its thick body closed over dark background.

    A dark part cannot be told from the board's gaps and holes by a difference, so the body is taken as
    solid: closed over gaps, and as its smallest rectangle where it nearly fills that.
    """
    side = image.shape[0]
    change = np.abs(_opponent(image) - _opponent(background)).max(axis=2) > _VISIBLE
    brighter = cv2.subtract(image, background)[..., 2] > _VISIBLE
    seed = cv2.morphologyEx(((change | brighter) & around).astype(np.uint8), cv2.MORPH_OPEN, _disc(1))
    thick = cv2.morphologyEx(seed, cv2.MORPH_OPEN, _disc(round(side * 0.03)))
    closed = cv2.morphologyEx(thick, cv2.MORPH_CLOSE, _disc(round(side * 0.07)))
    body = _as_rectangle(_largest(closed > 0))
    joined = (_dilate(body, 1) | (seed > 0)).astype(np.uint8)
    return _largest(cv2.morphologyEx(joined, cv2.MORPH_CLOSE, _disc(side // 100)) > 0)


def _opponent(image: Image) -> NDArray[np.int16]:
    """Return H x W x 2: red against blue and red against green, which light and dark grey share."""
    wide = image.astype(np.int16)
    return np.stack((wide[..., 0] - wide[..., 2], wide[..., 0] - wide[..., 1]), axis=2)


def _as_rectangle(body: Mask) -> Mask:
    """Return the smallest rectangle around ``body`` if it is nearly filled, else ``body`` itself."""
    contours, _ = cv2.findContours(body.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return body
    corners = cv2.boxPoints(cv2.minAreaRect(np.concatenate(contours)))
    canvas = np.zeros(body.shape, np.uint8)
    filled = cv2.fillConvexPoly(canvas, np.round(corners).astype(np.int32), 1) > 0
    return filled if body.sum() > 0.6 * filled.sum() else body


def fill_periodic(image: Image, hidden: Mask) -> Image:
    """Return ``image`` with the ``hidden`` pixels taken from places a whole number of periods away."""
    pitch_x, pitch_y = _pitch(image, hidden, axis=1), _pitch(image, hidden, axis=0)
    filled, missing = image.copy(), hidden.copy()
    steps = [(kx, ky) for kx in range(-4, 5) for ky in range(-4, 5) if (kx, ky) != (0, 0)]
    for kx, ky in sorted(steps, key=lambda k: (abs(k[0]) + abs(k[1]), k)):
        rows, cols = np.nonzero(missing)
        if rows.size == 0:
            break
        from_rows, from_cols = rows + round(ky * pitch_y), cols + round(kx * pitch_x)
        inside = (
            (from_rows >= 0)
            & (from_rows < hidden.shape[0])
            & (from_cols >= 0)
            & (from_cols < hidden.shape[1])
        )
        rows, cols, from_rows, from_cols = (v[inside] for v in (rows, cols, from_rows, from_cols))
        seen = ~hidden[from_rows, from_cols]
        filled[rows[seen], cols[seen]] = image[from_rows[seen], from_cols[seen]]
        missing[rows[seen], cols[seen]] = False
    if missing.any():
        filled = cv2.inpaint(filled, missing.astype(np.uint8), 3, cv2.INPAINT_TELEA).astype(
            np.uint8, copy=False
        )
    return filled


def _pitch(image: Image, hidden: Mask, axis: int) -> float:
    """Return the period of the visible background along ``axis`` in pixels (a fraction of half a pixel)."""
    side = image.shape[axis]
    once = _best_shift(image, hidden, axis, range(side // 8, side // 3))
    return _best_shift(image, hidden, axis, range(2 * once - 2, 2 * once + 3)) / 2


def _best_shift(image: Image, hidden: Mask, axis: int, shifts: range) -> int:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey, hidden = (grey, hidden) if axis == 0 else (grey.T, hidden.T)

    def distance(shift: int) -> float:
        valid = ~(hidden[shift:] | hidden[:-shift])
        return float(np.abs(grey[shift:] - grey[:-shift])[valid].mean()) if valid.any() else np.inf

    return min(shifts, key=distance)


def displace(base: Scene, part: Scene, outline: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Return ``base`` with the part of another scene lying elsewhere (or gone), and its mask.

    As annotators do, the mask covers where the part belongs as well as where it lies.
    """
    side = outline.shape[0]
    place = _moved(outline, rng.uniform(-0.015, 0.015, 2) * side)
    if rng.random() < 0.1:
        return base.background, place
    matrix = _displacement(part.part, side, rng)
    lying = cv2.warpAffine(part.part.astype(np.uint8) * 255, matrix, (side, side), flags=cv2.INTER_LINEAR)
    picture = cv2.warpAffine(
        part.image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return blend(base.background, np.asarray(picture, np.uint8), lying > 127), place | (lying > 127)


def _displacement(part: Mask, side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a 2 x 3 matrix that turns the part about its centre and moves it, far enough to be seen."""
    choice = rng.random()
    if choice < 0.35:
        angle, reach = float(rng.integers(1, 4)) * 90.0 + rng.uniform(-10, 10), 0.12
    elif choice < 0.7:
        angle, reach = rng.uniform(8, 35) * rng.choice([-1, 1]), 0.15
    elif choice < 0.85:
        angle, reach = rng.uniform(-8, 8), 0.25
    else:
        angle, reach = rng.uniform(-180, 180), 0.25
    offset = rng.uniform(-reach, reach, 2) * side
    if abs(angle) < 8:
        low = 0.07 * side
        offset = np.sign(offset) * np.maximum(np.abs(offset), low)
    rows, cols = np.nonzero(part)
    centre = (float(cols.mean()), float(rows.mean())) if rows.size else (side / 2, side / 2)
    matrix = cv2.getRotationMatrix2D(centre, float(angle), 1.0).astype(np.float64)
    matrix[:, 2] += offset
    return matrix


def damage_lead(scene: Scene, rng: np.random.Generator) -> tuple[Image, Mask] | None:
    """Return the picture with a lead cut off or bent, and its mask; None when the part has no thin limb."""
    side = scene.part.shape[0]
    limb = _random_limb(scene.part, rng)
    if limb is None:
        return None
    rows, cols = np.nonzero(limb)
    # Leads end away from the body: cut somewhere along the limb and keep what lies beyond.
    cut = float(rng.uniform(0.1, 0.8))
    level = rows.min() + cut * (rows.max() - rows.min())
    removed = limb & (np.arange(side)[:, None] >= level)
    cleared = blend(scene.image, scene.background, _dilate(removed, max(2, side // 100)))
    if rng.random() < 0.5:
        return cleared, _dilate(removed, max(2, side // 72))
    pivot = (float(cols[rows <= level + 1].mean()), float(level))
    matrix = cv2.getRotationMatrix2D(pivot, float(rng.uniform(14, 55) * rng.choice([-1, 1])), 1.0)
    bent = cv2.warpAffine(removed.astype(np.uint8) * 255, matrix, (side, side)) > 127
    picture = cv2.warpAffine(scene.image, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101)
    return blend(cleared, np.asarray(picture, np.uint8), bent), _dilate(bent | removed, max(1, side // 256))


def _random_limb(part: Mask, rng: np.random.Generator) -> Mask | None:
    """Return one thin piece of the part: what a wide opening takes away."""
    side = part.shape[0]
    body = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_OPEN, _disc(round(side * 0.05)))
    thin = (part & (body == 0)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(thin)
    long = [i for i in range(1, count) if stats[i, cv2.CC_STAT_HEIGHT] > side * 0.1]
    return labels == int(rng.choice(long)) if long else None


def blend(base: Image, over: Image, mask: Mask, softness: float = 0.8) -> Image:
    """Return ``base`` with ``over`` where ``mask`` is set, its edge softened over ``softness`` pixels."""
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), softness)[:, :, None]
    mixed = base.astype(np.float32) * (1.0 - alpha) + over.astype(np.float32) * alpha
    rounded: Image = (mixed + 0.5).astype(np.uint8)
    return rounded


def _largest(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    found: Mask = labels == biggest
    return found


def _moved(mask: Mask, offset: NDArray[np.float64]) -> Mask:
    matrix = np.array([[1.0, 0.0, offset[0]], [0.0, 1.0, offset[1]]])
    return cv2.warpAffine(mask.astype(np.uint8) * 255, matrix, mask.shape[::-1]) > 127


def _dilate(mask: Mask, radius: int) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), _disc(radius)) > 0


def _disc(radius: int) -> NDArray[np.uint8]:
    size = 2 * max(radius, 1) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)).astype(np.uint8, copy=False)
