"""A perforated board in the picture: its period, its holes, and what it looks like where a part hides it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask

Grey = NDArray[np.float32]
Places = NDArray[np.float64]
_T = TypeVar("_T", bound=np.generic)

HOLE_SHARE = 0.2
"""Radius of a hole as a share of the board's pitch: 2.54 mm boards have holes of about 1 mm."""


_CONTRAST = 20.0
"""Holes are darker than the board around them by at least so many grey levels, in the mean."""


_ENOUGH = 1000
"""So many pixels tell how the light falls on a board."""
_SEAM = 3.0
"""What was taken from different places goes over into one another within about so many pixels."""


@dataclass(frozen=True)
class HoleGrid:
    """Where holes lie: at ``(x + i * pitch_x, y + j * pitch_y)`` for whole i, j, in pixels."""

    x: float
    y: float
    pitch_x: float
    pitch_y: float

    @property
    def radius(self) -> float:
        """Of a hole, in pixels."""
        return HOLE_SHARE * (self.pitch_x + self.pitch_y) / 2

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """The hole closest to a place."""
        return (
            self.x + round((x - self.x) / self.pitch_x) * self.pitch_x,
            self.y + round((y - self.y) / self.pitch_y) * self.pitch_y,
        )


def pitch_of(image: Image, hidden: Mask) -> tuple[float, float]:
    """Return the board's period along x and y in pixels, from what ``hidden`` leaves visible."""
    return _pitch(image, hidden, axis=1), _pitch(image, hidden, axis=0)


def find_holes(image: Image, hidden: Mask, pitch: tuple[float, float]) -> HoleGrid | None:
    """Return the grid of dark round holes that fits the visible board best, to half a pixel.

    None when there are no such holes: then it is no perforated board.
    """
    pitch_x, pitch_y = pitch
    radius = HOLE_SHARE * (pitch_x + pitch_y) / 2
    darkness = 255.0 - image.max(axis=2).astype(np.float32)
    answer = _round_spots(darkness, radius)
    answer[cv2.dilate(hidden.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0] = np.nan
    x, y, _ = _darkest(answer, np.arange(0, pitch_x, 3.0), np.arange(0, pitch_y, 3.0), pitch)
    steps = np.arange(-2.0, 2.1, 0.5)
    x, y, contrast = _darkest(answer, (x + steps)[x + steps >= 0], (y + steps)[y + steps >= 0], pitch)
    return HoleGrid(x, y, pitch_x, pitch_y) if contrast >= _CONTRAST else None


def _round_spots(darkness: Grey, radius: float) -> Grey:
    """Mean darkness of a disc less that of the ring around it."""
    reach = round(1.6 * radius)
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    distance = np.hypot(rows, cols)
    inside = distance <= 0.85 * radius
    ring = (distance > 1.1 * radius) & (distance <= 1.5 * radius)
    kernel = inside / inside.sum() - ring / ring.sum()
    return np.asarray(cv2.filter2D(darkness, cv2.CV_32F, kernel.astype(np.float32)), np.float32)


def _darkest(answer: Grey, xs: Places, ys: Places, pitch: tuple[float, float]) -> tuple[float, float, float]:
    """Return the x and y, of those given, from which a grid meets the highest mean answer, and that mean.

    Where the answer is not a number it does not count.
    """
    height, width = answer.shape
    seen = ~np.isnan(answer)
    both = np.stack([np.where(seen, answer, 0.0), seen])
    rows = np.stack([both[:, _grid(y, height, pitch[1])].sum(axis=1) for y in ys])
    total, count = np.stack([rows[:, :, _grid(x, width, pitch[0])].sum(axis=2) for x in xs]).transpose(
        2, 0, 1
    )
    means = np.where(count > 0, total / np.maximum(count, 1), -np.inf)
    i, j = np.unravel_index(means.argmax(), means.shape)
    return float(xs[i]), float(ys[j]), float(means[i, j])


def _grid(first: float, side: int, pitch: float) -> NDArray[np.intp]:
    """The pixels nearest to ``first`` and to every ``pitch`` after it, within ``side``."""
    places = np.round(np.arange(first, side - 0.5, pitch)).astype(np.intp)
    return places[places < side]


def fill_periodic(image: Image, hidden: Mask, pitch: tuple[float, float]) -> Image:
    """Return ``image`` with the ``hidden`` pixels taken from places a whole number of periods away.

    Each is taken from the nearest such place that is seen, is as light as its own place, and goes over softly into
    what was taken from elsewhere: a network that learns from filled boards would learn to see their seams.
    """
    if not hidden.any():
        return image.copy()
    light = _light(image, hidden)
    flat = image / light
    near = _surroundings(hidden)
    taken, weight = np.zeros(image[near].shape, np.float32), np.zeros(hidden[near].shape, np.float32)
    missing, board = hidden[near].copy(), ~hidden
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    steps = [(kx, ky) for kx in range(-4, 5) for ky in range(-4, 5) if (kx, ky) != (0, 0)]
    for kx, ky in sorted(steps, key=lambda k: (abs(k[0]) + abs(k[1]), k)):
        if not missing.any():
            break
        nominal = (round(kx * pitch[0]), round(ky * pitch[1]))
        if not (missing & _shifted(board, nominal)[near]).any():
            continue
        shift = _best_match(grey, board, nominal)
        seen = _shifted(board, shift)[near]
        here = (missing & seen).astype(np.float32)
        soft = cv2.GaussianBlur(here, (0, 0), _SEAM) * seen + here
        taken += soft[:, :, None] * _shifted(flat, shift)[near]
        weight += soft
        missing &= ~seen
    whole = image.copy()
    whole[near] = _softly_filled(image[near], hidden[near], light[near], taken, weight)
    if missing.any():
        left = np.zeros(hidden.shape, np.uint8)
        left[near] = missing
        inpainted = cv2.inpaint(whole, left, 3, cv2.INPAINT_TELEA)
        return inpainted.astype(np.uint8, copy=False)
    return whole


def _softly_filled(image: Image, hidden: Mask, light: Grey, taken: Grey, weight: Grey) -> Image:
    """``image`` with the mean of what was ``taken``; where the board is seen it is left as it is, but for a soft edge."""
    mean = light * taken / np.maximum(weight, 1e-6)[:, :, None]
    filled = np.where(weight[:, :, None] > 0, mean, image)
    edge = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), _SEAM)
    share = np.clip(np.where(hidden, 1.0, 2.0 * edge) * (weight > 0), 0.0, 1.0)[:, :, None]
    return np.asarray(np.clip(image + share * (filled - image) + 0.5, 0, 255), np.uint8)


def _surroundings(hidden: Mask) -> tuple[slice, slice]:
    """The rows and columns of what is hidden, and as far around as a soft seam reaches."""
    reach = round(5 * _SEAM)
    x, y, width, height = cv2.boundingRect(hidden.astype(np.uint8))
    return (
        slice(max(0, y - reach), y + height + reach),
        slice(max(0, x - reach), x + width + reach),
    )


def _light(image: Image, hidden: Mask) -> NDArray[np.float32]:
    """How light the board is at each place, H x W x 3, around 1: a surface of second order through its bright pixels."""
    terms = _second_order(*image.shape[:2])
    grey = image.mean(axis=2)
    bright = ~hidden & (grey > np.median(grey[~hidden])) if not hidden.all() else ~hidden
    if bright.sum() < _ENOUGH:
        return np.ones(image.shape, np.float32)  # Too little is seen of it, or it has one colour.
    wanted = np.log(np.maximum(image[bright].astype(np.float32), 1.0))
    factors, *_ = np.linalg.lstsq(terms[bright], wanted, rcond=None)
    surface = (terms.reshape(-1, terms.shape[-1]) @ factors).reshape(image.shape)
    return np.asarray(np.exp(surface - surface[bright].mean(axis=0)), np.float32)


@lru_cache(maxsize=1)
def _second_order(height: int, width: int) -> NDArray[np.float32]:
    """The terms of a surface of second order at each place, H x W x 6."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = 2 * rows / height - 1, 2 * columns / width - 1
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=2)


def _best_match(grey: Grey, seen: Mask, nominal: tuple[int, int]) -> tuple[int, int]:
    """Return the shift (x, y) within two pixels of ``nominal`` at which the ``seen`` board is likest to itself.

    A board lies a little turned, and its pitch is known to half a pixel.
    """
    reach = range(-2, 3)
    near = [(nominal[0] + dx, nominal[1] + dy) for dx in reach for dy in reach]
    board = seen.astype(np.uint8)

    def distance(shift: tuple[int, int]) -> float:
        here, there = _overlap(seen.shape, shift)
        both = cv2.bitwise_and(board[here], board[there])
        count = cv2.countNonZero(both)
        return cv2.norm(grey[here], grey[there], cv2.NORM_L1, both) / count if count else np.inf

    return min(near, key=distance)


def _shifted(picture: NDArray[_T], shift: tuple[int, int]) -> NDArray[_T]:
    """What lies ``shift`` (x, y) pixels away from each place, 0 beyond the picture."""
    here, there = _overlap(picture.shape, shift)
    moved = np.zeros_like(picture)
    moved[here] = picture[there]
    return moved


def _overlap(
    shape: tuple[int, ...], shift: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the rows and columns that lie in the picture together with what is ``shift`` (x, y) away, and the latter's."""
    height, width = shape[:2]
    x, y = shift
    here = slice(max(0, -y), height - max(0, y)), slice(max(0, -x), width - max(0, x))
    there = slice(max(0, y), height + min(0, y)), slice(max(0, x), width + min(0, x))
    return here, there


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
