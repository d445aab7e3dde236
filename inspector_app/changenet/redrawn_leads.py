"""A lead drawn anew along another way: straightened, kinked elsewhere or curved, as bent leads are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask
from inspector_app.changenet.scene import Lead

Points = NDArray[np.float64]
_TRIES = 20
_FEWEST = 8
"""Points of a path that show where it is heading."""


def redraw(image: Image, lead: Lead, row: int, hidden: float, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Return a picture that shows the lead from a row of its path on along another way, and where it lies there.

    The new way goes on from where the lead was heading, turns within a few of its widths, and may curve; it ends aside of
    the lead's own way and of where that would run past the hole.
    Each of its pixels shows what the lead showed as far along and as far aside. ``hidden`` pixels of the lead's end
    stand in its hole and cannot be seen: the piece before them is repeated.
    """
    side = image.shape[0]
    row = min(row, max(0, len(lead.path) - _FEWEST))
    seen = lead.path[row : max(row + _FEWEST, len(lead.path) - round(hidden))]
    source, length = _evenly(seen), float(len(seen))
    way, far = source, 0.0
    for _ in range(_TRIES):
        tried = _another_way(source, lead.width, length + float(rng.uniform(0.3, 2.5)) * hidden, rng)
        if (aside := _aside(tried[-1], lead)) >= far:
            way, far = tried, aside
        if far > 1.2 * hidden:
            break
    drawn = np.zeros((side, side), np.uint8)
    lying = cv2.polylines(drawn, [np.round(way).astype(np.int32)], False, 1, lead.width) > 0
    picture = image.copy()
    rows, columns = np.nonzero(lying)
    if len(rows):
        picture[rows, columns] = _carried(image, np.column_stack((columns, rows)), way, source)
    return picture, lying


def _aside(end: Points, lead: Lead) -> float:
    """How far a point lies from where the lead belongs, or would run past its hole."""
    x, y = lead.hole
    past = abs(float(end[0]) - x) if end[1] > y else np.inf
    return min(past, float(np.hypot(*(lead.path - end).T).min()))


def _another_way(source: Points, width: int, length: float, rng: np.random.Generator) -> Points:
    """One point a pixel, from the source's start on."""
    ahead = source[min(6, len(source) - 1)] - source[0]
    start = float(np.arctan2(ahead[1], ahead[0]))
    bend = np.deg2rad(rng.uniform(14.0, 70.0) * rng.choice([-1, 1]))
    curve = np.deg2rad(rng.uniform(-25.0, 25.0)) if rng.random() < 0.5 else 0.0
    along = np.arange(max(8, round(length)), dtype=np.float64)
    turned = np.clip(along / (rng.uniform(0.3, 2.5) * width), 0.0, 1.0)
    headings = start + bend * turned + curve * along / along[-1]
    steps = np.column_stack((np.cos(headings), np.sin(headings)))
    way: Points = source[0] + np.vstack((np.zeros(2), np.cumsum(steps[:-1], axis=0)))
    return way


def _evenly(path: Points) -> Points:
    """The path with one point a pixel of its length."""
    lengths = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))))
    at = np.arange(0.0, max(1.0, lengths[-1]))
    return np.column_stack([np.interp(at, lengths, path[:, axis]) for axis in (0, 1)])


def _carried(image: Image, pixels: NDArray[np.intp], way: Points, source: Points) -> NDArray[np.uint8]:
    """What ``pixels`` (x, y) of the way show: of the source what lies as far along, back and forth where the way is
    longer, and as far aside."""
    offsets = pixels[:, None, :] - way[None, :, :]
    nearest = np.square(offsets).sum(axis=2).argmin(axis=1)
    aside = (offsets[np.arange(len(pixels)), nearest] * _across(way)[nearest]).sum(axis=1)
    last = len(source) - 1
    along = last - np.abs(nearest % max(1, 2 * last) - last)
    places = (source[along] + aside[:, None] * _across(source)[along]).astype(np.float32)
    shown = cv2.remap(
        image, places[None, :, 0], places[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(shown[0], np.uint8)


def _across(path: Points) -> Points:
    """Unit vectors across the path, smoothed over a few points."""
    ahead = np.gradient(path, axis=0)
    smooth = cv2.blur(ahead, (1, 5), borderType=cv2.BORDER_REPLICATE)
    unit = smooth / np.maximum(1e-6, np.hypot(smooth[:, 0], smooth[:, 1]))[:, None]
    return np.column_stack((-unit[:, 1], unit[:, 0]))
