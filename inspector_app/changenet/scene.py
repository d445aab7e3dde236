"""A good picture of a leaded part on a perforated board, taken apart: board, body, leads and their holes.

The part is cut out by comparing the picture with its own board, which is filled in from places one or more
periods away. Where the part belongs (its outline) is learned from the masks of real displaced parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask
from inspector_app.changenet.board import HoleGrid, fill_periodic, find_holes, pitch_of
from inspector_app.changenet.compositing import moved

OUTLINE_SHARE = 0.15
"""A mask of more than this share of the picture shows where a whole part belongs."""
_METAL = 22
_CONTRAST = 40
_SAMPLE = 24
"""So many pictures tell the size of the body."""
_LEAD_SHARE = 0.034
Point = tuple[float, float]
BodySize = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Body:
    """The part's body: a turned rectangle; ``angle`` in degrees as OpenCV's ``boxPoints`` takes it."""

    centre: Point
    size: BodySize
    angle: float

    def mask(self, side: int) -> Mask:
        """Filled, as H x W."""
        corners = cv2.boxPoints((self.centre, self.size, self.angle))
        return cv2.fillConvexPoly(np.zeros((side, side), np.uint8), np.round(corners).astype(np.int32), 1) > 0


@dataclass(frozen=True, eq=False)
class Lead:
    """A lead: ``path`` is rows x 2 (x, y) down its middle, ``width`` in pixels, ``hole`` where it belongs."""

    path: NDArray[np.float64]
    width: int
    hole: Point

    def mask(self, side: int, first: int = 0, grow: int = 0) -> Mask:
        """The lead from the ``first`` row of its path on, as H x W."""
        drawn = np.zeros((side, side), np.uint8)
        points = np.round(self.path[first:]).astype(np.int32)
        return cv2.polylines(drawn, [points], False, 1, self.width + grow) > 0


@dataclass(frozen=True, eq=False)
class Scene:
    """A good picture taken apart.

    Attributes:
        image, background: the picture, and its board without the part.
        part: body and leads.
        body: where the body is.
        leads: from left to right.
        outline: where the part belongs, as the masks of displaced parts draw it.
        holes: the board's grid.
    """

    image: Image
    background: Image
    part: Mask
    body: Body
    leads: tuple[Lead, ...]
    outline: Mask
    holes: HoleGrid


@dataclass(frozen=True, eq=False)
class Outline:
    """Where a part belongs: the mask in the picture it was voted in, and the board's grid there."""

    mask: Mask
    holes: HoleGrid

    def on(self, grid: HoleGrid) -> Mask:
        """The outline on a board whose holes lie at ``grid``."""
        x, y = grid.nearest(self.holes.x, self.holes.y)
        return moved(self.mask, (x - self.holes.x, y - self.holes.y))


def vote_outline(masks: Sequence[Mask], images: Sequence[Image]) -> Outline | None:
    """Return where most of the large ``masks`` agree, each laid onto the board of the first.

    None when there are fewer than two of them, the first shows no perforated board, or they agree on nothing
    as large as a part.
    """
    large = [(m, i) for m, i in zip(masks, images, strict=True) if m.mean() > OUTLINE_SHARE]
    if len(large) < 2:
        return None
    pitches = np.array([pitch_of(image, mask) for mask, image in large])
    pitch = (float(np.median(pitches[:, 0])), float(np.median(pitches[:, 1])))
    grids = [find_holes(image, mask, pitch) for mask, image in large]
    first = grids[0]
    if first is None:
        return None
    side = large[0][0].shape[0]
    laid, seen = [], []
    for (mask, image), grid in zip(large, grids, strict=True):
        if grid is not None:
            x, y = grid.nearest(first.x, first.y)
            offset = (first.x - x, first.y - y)
            laid.append(moved(mask, offset))
            seen.append(~moved(_lying_part(image, mask, pitch), offset))
    every, free = np.stack(laid), np.stack(seen)
    # A mask is the outline and the part: only where the part does not lie does it tell of the outline.
    told = free.sum(axis=0)
    agreed = np.where(
        told >= 2, (every & free).sum(axis=0) >= np.maximum(2.0, 0.5 * told), every.mean(axis=0) > 0.8
    )
    outline = cv2.medianBlur(agreed.astype(np.uint8), 2 * round(side / 80) + 1) > 0
    return Outline(outline, first) if outline.mean() > OUTLINE_SHARE / 2 else None


def _lying_part(image: Image, mask: Mask, pitch: tuple[float, float]) -> Mask:
    """Where a displaced part lies, somewhat grown: what is not board within its mask."""
    side = image.shape[0]
    board = fill_periodic(image, dilate(mask, round(side * 0.03)), pitch)
    tint = np.abs(_opponent(image) - _opponent(board)).max(axis=2) > _METAL
    light = cv2.absdiff(image, board).max(axis=2) > _CONTRAST
    other = ((tint | light) & mask).astype(np.uint8)
    thick = cv2.morphologyEx(other, cv2.MORPH_OPEN, disc(round(side * 0.006)))
    # The body is as dark as the holes and the slits under it.
    closed = cv2.morphologyEx(thick, cv2.MORPH_CLOSE, disc(round(side * 0.04)))
    body = cv2.morphologyEx(closed, cv2.MORPH_OPEN, disc(round(side * 0.06)))
    return dilate((thick > 0) | (body > 0), round(side * 0.01))


def take_all_apart(images: Sequence[Image], outline: Outline, threads: int = 1) -> list[Scene]:
    """Return the scenes of good pictures of one part, whose body has one size in all of them; ``threads`` share the work.

    Pictures that show no board are left out.
    """
    with ThreadPoolExecutor(threads, "scenes") as pool:
        boards = [board for board in pool.map(partial(_clear, outline=outline), images) if board]
        if not boards:
            return []
        bodies = list(pool.map(_measure_body, boards))
        sizes = np.array([body.size for body in bodies[:_SAMPLE]])
        size = (float(np.median(sizes[:, 0])), float(np.median(sizes[:, 1])))
        fitted = pool.map(lambda board, body: _fit_body(board.image, body, size), boards, bodies)
        return list(pool.map(_scene, boards, fitted))


def take_apart(image: Image, outline: Outline) -> Scene | None:
    """Return the scene of one good ``image``, None when it shows no board.

    The body is measured in this picture alone, and taken as upright.
    """
    board = _clear(image, outline)
    return None if board is None else _scene(board, _measure_body(board))


@dataclass(frozen=True, eq=False)
class _ClearedBoard:
    """A picture and its board without the part; ``around`` is the outline and some board."""

    image: Image
    background: Image
    outline: Mask
    around: Mask
    holes: HoleGrid


def _clear(image: Image, outline: Outline) -> _ClearedBoard | None:
    side = image.shape[0]
    pitch = (outline.holes.pitch_x, outline.holes.pitch_y)
    holes = find_holes(image, dilate(outline.mask, round(side * 0.04)), pitch)
    if holes is None:
        return None
    own = outline.on(holes)
    if not own.any():
        return None
    around = dilate(own, round(side * 0.03))
    return _ClearedBoard(image, fill_periodic(image, around, pitch), own, around, holes)


def _scene(board: _ClearedBoard, body: Body) -> Scene:
    side = board.image.shape[0]
    leads = _leads(board, body, _lead_holes(board.outline, board.holes))
    part = body.mask(side) | np.logical_or.reduce([lead.mask(side) for lead in leads])
    return Scene(board.image, board.background, part, body, leads, board.outline, board.holes)


def _lead_holes(outline: Mask, holes: HoleGrid) -> list[Point]:
    """Return the holes of the lowest row that the outline reaches, from left to right."""
    rows = np.flatnonzero(outline.any(axis=1))
    bottom = max(float(rows[0]), float(rows[-1]) - holes.radius)
    columns = np.flatnonzero(outline[rows[rows <= bottom][-1]])
    y = holes.nearest(0, bottom)[1]
    first = holes.nearest(float(columns[0]) + holes.radius, y)[0]
    last = holes.nearest(float(columns[-1]) - holes.radius, y)[0]
    count = max(1, round((last - first) / holes.pitch_x) + 1)
    return [(first + i * holes.pitch_x, y) for i in range(count)]


def _measure_body(board: _ClearedBoard) -> Body:
    """Return the upright rectangle around the thick part of what is not board."""
    side = board.image.shape[0]
    change = np.abs(_opponent(board.image) - _opponent(board.background)).max(axis=2) > _METAL
    seed = cv2.morphologyEx((change & board.around).astype(np.uint8), cv2.MORPH_OPEN, disc(1))
    thick = cv2.morphologyEx(seed, cv2.MORPH_OPEN, disc(round(side * 0.03)))
    closed = _largest(cv2.morphologyEx(thick, cv2.MORPH_CLOSE, disc(round(side * 0.07))) > 0)
    rows = np.flatnonzero(closed.mean(axis=1) > 0.1)
    # Holes beside the body are dark and grey like it, but cover only a part of its height.
    cols = np.flatnonzero(closed[rows].mean(axis=0) > 0.7) if rows.size else rows
    if rows.size < 2 or cols.size < 2:
        return Body((side / 2, side / 2), (side / 3, side / 3), 0.0)
    size = (float(cols[-1] - cols[0] + 1), float(rows[-1] - rows[0] + 1))
    return Body(((cols[0] + cols[-1]) / 2, (rows[0] + rows[-1]) / 2), size, 0.0)


def _fit_body(image: Image, near: Body, size: BodySize) -> Body:
    """Return the rectangle of ``size`` that holds most grey and least board, within a few degrees."""
    best, found = -np.inf, near
    reach, tried = round(max(size) * 0.62), round(0.5 * max(size))
    x0, y0 = (max(0, int(c - 0.25 * max(size))) for c in near.centre)
    left, top = max(0, x0 - reach), max(0, y0 - reach)
    # Only what the kernel sees from the tried centres: large kernels are dear.
    nearby = image[top : y0 + tried + reach, left : x0 + tried + reach]
    greyness = np.exp(-np.abs(_opponent(nearby)).max(axis=2).astype(np.float32) / 16.0)
    for angle in np.arange(-9.0, 9.1, 1.5):
        kernel = _frame_kernel(size, float(angle), reach)
        answer = cv2.filter2D(greyness, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE)
        window = answer[y0 - top : y0 - top + tried, x0 - left : x0 - left + tried]
        _, peak, _, (x, y) = cv2.minMaxLoc(window)
        # An upright body needs less proof than a turned one.
        if peak - 0.002 * abs(angle) > best:
            best, found = peak - 0.002 * abs(angle), Body((x + x0, y + y0), size, float(angle))
    return found


@lru_cache(maxsize=64)
def _frame_kernel(size: BodySize, angle: float, reach: int) -> NDArray[np.float32]:
    """Mean inside a turned rectangle less the mean of a frame around it."""
    canvas = 2 * reach + 1

    def filled(grow: float) -> Mask:
        corners = cv2.boxPoints(((reach, reach), (size[0] + grow, size[1] + grow), angle))
        blank = np.zeros((canvas, canvas), np.uint8)
        return cv2.fillConvexPoly(blank, np.round(corners).astype(np.int32), 1) > 0

    inside, rim, frame = filled(-3), filled(0) & ~filled(-8), filled(10) & ~filled(2)
    kernel = 0.5 * inside / inside.sum() + 0.5 * rim / rim.sum() - frame / frame.sum()
    return np.asarray(kernel, np.float32)


def _leads(board: _ClearedBoard, body: Body, ends: Sequence[Point]) -> tuple[Lead, ...]:
    """Return the leads: the path from the body's foot to each hole along which most differs from the board."""
    image, background = board.image, board.background
    side = image.shape[0]
    width = max(3, round(_LEAD_SHARE * side))
    change = cv2.absdiff(image, background).max(axis=2).astype(np.float32)
    # Metal is lighter than board in blue, which the body's shadow is not.
    metal = np.clip(cv2.subtract(image, background).min(axis=2).astype(np.float32), 0.0, 60.0)
    change = (np.clip(change - 15.0, 0.0, 60.0) + metal) * (board.around & ~body.mask(side))
    ridge = _ridge(change, width)
    foot = min(round(body.centre[1] + body.size[1] / 2) + 1, side - 4)
    pitch = abs(ends[1][0] - ends[0][0]) if len(ends) > 1 else 0.25 * side
    below = ridge[foot + 2 : foot + 2 + max(1, round(0.2 * pitch))]
    starts = _starts(below.mean(axis=0), body, ends, pitch)
    return tuple(
        Lead(_path(ridge, foot, end, start, pitch), width, end)
        for end, start in zip(ends, starts, strict=True)
    )


def _starts(profile: NDArray[np.float32], body: Body, ends: Sequence[Point], pitch: float) -> list[float]:
    """Where the leads leave the body, along x: closer together than the holes lie, at one distance, near its middle."""
    middle = sum(x for x, _ in ends) / len(ends)
    places = np.array([x - middle for x, _ in ends])
    near = cv2.blur(profile[None], (5, 1))[0]
    offsets = np.arange(-0.3, 0.31, 0.02) * pitch
    tried = [(share, offset) for share in np.arange(0.45, 0.71, 0.05) for offset in offsets]

    def at(share: float, offset: float) -> NDArray[np.float64]:
        return np.clip(body.centre[0] + offset + share * places, 0, near.size - 1)

    def metal(choice: tuple[float, float]) -> float:
        lit = near[np.round(at(*choice)).astype(int)]
        return float(np.minimum(lit, 40.0).sum()) - 0.2 * abs(choice[1])

    return [float(x) for x in at(*max(tried, key=metal))]


def _ridge(change: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """How much more changed a strip of the lead's width is than the strips beside it."""
    inside = cv2.blur(change, (width, 3))
    beside = cv2.blur(change, (max(3, width // 2), 3))
    shift = round(0.5 * width + 0.3 * width)
    left, right = np.roll(beside, shift, axis=1), np.roll(beside, -shift, axis=1)
    return np.asarray(inside - 0.5 * (left + right), np.float32)


def _path(
    ridge: NDArray[np.float32], foot: int, hole: Point, start: float, pitch: float
) -> NDArray[np.float64]:
    """Return rows x 2 (x, y): the best path downwards from near ``start`` to the hole, at most 2 px a row.

    Dynamic programming over rows; it is drawn to the hole's centre at the end.
    """
    last = max(foot + 2, round(hole[1]))
    low = max(2, round(min(start, hole[0]) - 0.35 * pitch))
    high = min(ridge.shape[1] - 3, round(max(start, hole[0]) + 0.35 * pitch))
    columns = np.arange(low, high + 1)
    total = ridge[foot, low : high + 1] - 6.0 * np.maximum(0, np.abs(columns - start) - 0.06 * pitch)
    came: list[NDArray[np.intp]] = []
    for row in range(foot + 1, min(last, ridge.shape[0] - 1) + 1):
        padded = np.pad(total, 2, constant_values=-np.inf)
        choices = np.stack([padded[k : k + total.size] - 3.0 * abs(k - 2) for k in range(5)])
        pick = choices.argmax(axis=0)
        came.append(np.arange(total.size) + pick - 2)
        share = (row - foot) / (last - foot)
        astray = np.abs(columns - (start + (hole[0] - start) * share)) - 0.25 * pitch * (1.0 - share)
        total = choices.max(axis=0) + ridge[row, low : high + 1] - 1.5 * np.maximum(0, astray)
    place = int(np.argmax(total - 4.0 * np.abs(columns - hole[0])))
    path = [place]
    for step in reversed(came):
        place = int(step[place])
        path.append(place)
    xs = np.asarray(path[::-1], np.float64) + low
    smooth = np.convolve(np.pad(xs, 3, mode="edge"), np.full(7, 1 / 7), "valid")
    return np.column_stack([smooth, foot + np.arange(xs.size)])


def _opponent(image: Image) -> NDArray[np.int16]:
    """Return H x W x 2: red against blue and red against green, which light and dark grey share."""
    wide = image.astype(np.int16)
    return np.stack((wide[..., 0] - wide[..., 2], wide[..., 0] - wide[..., 1]), axis=2)


def _largest(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    found: Mask = labels == biggest
    return found


def dilate(mask: Mask, radius: int) -> Mask:
    """Return the mask grown by a disc."""
    return cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0


def disc(radius: int) -> NDArray[np.uint8]:
    """Return a round structuring element of at least 3 x 3."""
    size = 2 * max(radius, 1) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)).astype(np.uint8, copy=False)
