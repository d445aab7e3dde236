"""A perforated board in the picture: its period, its holes, and what it looks like where a part hides it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask

Grey = NDArray[np.float32]

HOLE_SHARE = 0.2
"""Radius of a hole as a share of the board's pitch: 2.54 mm boards have holes of about 1 mm."""


_CONTRAST = 20.0
"""Holes are darker than the board around them by at least so many grey levels, in the mean."""


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
    coarse = [(x, y) for x in np.arange(0, pitch_x, 3.0) for y in np.arange(0, pitch_y, 3.0)]
    x, y = max(coarse, key=lambda place: _mean_at(answer, place[0], place[1], pitch))
    steps = np.arange(-2.0, 2.1, 0.5)
    fine = [(x + dx, y + dy) for dx in steps for dy in steps if x + dx >= 0 and y + dy >= 0]
    place = max(fine, key=lambda place: _mean_at(answer, place[0], place[1], pitch))
    if _mean_at(answer, place[0], place[1], pitch) < _CONTRAST:
        return None
    return HoleGrid(float(place[0]), float(place[1]), pitch_x, pitch_y)


def _round_spots(darkness: Grey, radius: float) -> Grey:
    """Mean darkness of a disc less that of the ring around it."""
    reach = round(1.6 * radius)
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    distance = np.hypot(rows, cols)
    inside = distance <= 0.85 * radius
    ring = (distance > 1.1 * radius) & (distance <= 1.5 * radius)
    kernel = inside / inside.sum() - ring / ring.sum()
    return np.asarray(cv2.filter2D(darkness, cv2.CV_32F, kernel.astype(np.float32)), np.float32)


def _mean_at(answer: Grey, x: float, y: float, pitch: tuple[float, float]) -> float:
    side_y, side_x = answer.shape
    cols = np.round(np.arange(x, side_x - 0.5, pitch[0])).astype(int)
    rows = np.round(np.arange(y, side_y - 0.5, pitch[1])).astype(int)
    seen = answer[np.ix_(rows[rows < side_y], cols[cols < side_x])]
    seen = seen[~np.isnan(seen)]
    return float(seen.mean()) if seen.size else -np.inf


def fill_periodic(image: Image, hidden: Mask, pitch: tuple[float, float]) -> Image:
    """Return ``image`` with the ``hidden`` pixels taken from places a whole number of periods away."""
    filled, missing = image.copy(), hidden.copy()
    steps = [(kx, ky) for kx in range(-4, 5) for ky in range(-4, 5) if (kx, ky) != (0, 0)]
    for kx, ky in sorted(steps, key=lambda k: (abs(k[0]) + abs(k[1]), k)):
        rows, cols = np.nonzero(missing)
        if rows.size == 0:
            break
        from_rows, from_cols = rows + round(ky * pitch[1]), cols + round(kx * pitch[0])
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
