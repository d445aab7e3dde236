"""Defects of leads staged in good pictures, and drawn as annotators draw them.

A lead that is cut or bent away leaves its hole empty: the mask goes from where the lead ends to around its hole,
and covers the bent lead where it lies. A lead that is too long, or runs past beside its hole, is marked from the hole
on.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask, Staged
from inspector_app.changenet.compositing import (
    TARNISH,
    around,
    as_light_as,
    blend,
    carried,
    shaded,
    turn_and_move,
    warped_mask,
    warped_picture,
)
from inspector_app.changenet.scene import Lead, Scene, dilate

_STRAIGHT = 15
"""A lead that turns by fewer degrees has no lower knee."""


def damage_leads(scene: Scene, rng: np.random.Generator) -> Staged:
    """Return the picture with one lead, sometimes two, cut off, bent away or overlong, and its mask."""
    count = 2 if rng.random() < 0.12 and len(scene.leads) > 1 else 1
    chosen = rng.permutation(len(scene.leads))[:count]
    image, mask = scene.image, np.zeros(scene.image.shape[:2], bool)
    for index in chosen:
        lead = scene.leads[int(index)]
        draw = rng.random()
        if draw < 0.37:
            image, changed = _cut(image, scene, lead, rng)
        elif draw < 0.72:
            image, changed = _bend(image, scene, lead, rng)
        elif draw < 0.88:
            image, changed = _overlong(image, scene, lead, rng)
        else:
            image, changed = _astray(image, scene, lead, rng)
        mask |= changed
    return image, mask


def _break_at(lead: Lead, rng: np.random.Generator, low: float, high: float) -> int:
    """The row of the path where the lead is cut or bent."""
    return int(rng.uniform(low, high) * (len(lead.path) - 1))


def _empty_place(scene: Scene, lead: Lead, row: int, rng: np.random.Generator) -> Mask:
    """Where a lead ought to be from a row on, as it is marked: from the stub's end to around the hole, straight across
    or along the lead's own way; a round end."""
    side = scene.image.shape[0]
    radius = scene.holes.radius
    own_way = np.zeros((side, side), bool)
    # The end where it broke is marked too.
    row = max(0, row - round(rng.uniform(0.15, 0.4) * lead.width))
    # Who marks a lead that is gone sees its stub and its hole, and seldom how it went between them.
    if rng.random() < 0.15:
        own_way = lead.mask(side, row)
        if rng.random() < 0.5:
            # Only the last of the way widens to the hole.
            row = max(row, len(lead.path) - 1 - round(rng.uniform(1.5, 3.0) * radius))
    x, y = lead.path[row]
    half = lead.width / 2
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    around = np.column_stack((np.cos(angles), np.sin(angles))) * radius + np.array(lead.hole)
    ahead = lead.path[min(row + 8, len(lead.path) - 1)] - lead.path[row]
    across = np.array([-ahead[1], ahead[0]]) / max(1e-6, float(np.hypot(*ahead)))
    stub = np.array([x, y]) + np.outer([-half, half], across)
    drawn = np.zeros((side, side), np.uint8)
    points = np.vstack([stub, around])
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillConvexPoly(drawn, hull, 1)
    return (drawn > 0) | own_way


def _without(image: Image, scene: Scene, lead: Lead, row: int) -> Image:
    """The picture without the lead from a row on; its hole is as empty as the board's others."""
    side = image.shape[0]
    gone = lead.mask(side, row, grow=4)
    hole = cv2.circle(
        np.zeros((side, side), np.uint8), _pixel(lead.hole), round(scene.holes.radius) + 2, 1, -1
    )
    gone |= hole > 0
    seen = ~dilate(scene.part, 2)
    # Board that shows now lies in the shadow of what is left.
    reach = lead.width / 2
    near = around(gone, reach + 1.0)
    board = image.copy()
    board[near] = as_light_as(image[near], scene.background[near], gone[near], seen[near], reach)
    return blend(image, board, gone, 1.0)


def _cut(image: Image, scene: Scene, lead: Lead, rng: np.random.Generator) -> Staged:
    row = _break_at(lead, rng, 0.05, 0.7)
    cleared = _without(image, scene, lead, row)
    if rng.random() < 0.5:
        cleared = _dark_end(cleared, lead, row, rng)
    return cleared, _empty_place(scene, lead, row, rng)


def _dark_end(image: Image, lead: Lead, row: int, rng: np.random.Generator) -> Image:
    """Where a lead was cut its end is dark."""
    end = np.zeros(image.shape[:2], np.uint8)
    x, y = lead.path[row]
    cv2.ellipse(end, (round(x), round(y)), (lead.width // 2, int(rng.integers(2, 5))), 0, 0, 360, 1, -1)
    dark = (image * rng.uniform(0.3, 0.7)).astype(np.uint8)
    return blend(image, dark, end > 0, 1.0)


def _bend(image: Image, scene: Scene, lead: Lead, rng: np.random.Generator) -> Staged:
    if rng.random() < 0.45:
        row, turns = _lower_knee(lead)
        if abs(turns) > _STRAIGHT:
            return _straightened(image, scene, lead, row, rng)
    angle = float(rng.uniform(14, 75) * rng.choice([-1, 1]))
    if rng.random() < 0.4:
        row, leaning = _break_at(lead, rng, 0.0, 0.12), lead
    else:
        # Below the knee: a lead whose upper half is about where it ought to be is marked from there on.
        row = _break_at(lead, rng, 0.25, 0.8)
        image, scene, leaning = _leaning(image, scene, lead, row, rng)
    picture, bent = _turned_below(image, scene, leaning, row, angle, rng)
    return picture, bent | _empty_place(scene, lead, row, rng)


def _lower_knee(lead: Lead) -> tuple[int, float]:
    """The row of the path where the lead's lower half turns most, and by how many degrees; 0 where it is too short to tell."""
    last = len(lead.path) - 1
    window = max(2, last // 6)
    rows = np.arange(max(window, round(0.4 * last)), last - window + 1)
    if not rows.size:
        return last // 2, 0.0
    above = lead.path[rows] - lead.path[rows - window]
    below = lead.path[rows + window] - lead.path[rows]
    turns = np.arctan2(below[:, 1], below[:, 0]) - np.arctan2(above[:, 1], above[:, 0])
    most = int(np.abs(turns).argmax())
    return int(rows[most]), float(np.rad2deg(turns[most]))


def _straightened(image: Image, scene: Scene, lead: Lead, knee: int, rng: np.random.Generator) -> Staged:
    """The lead was never bent at its lower knee, or opened there: it goes straight on. What is above lies where it ought
    to, tarnished or not, and is not marked."""
    side = image.shape[0]
    last = len(lead.path) - 1
    row = min(last - 1, max(2, knee + round(rng.uniform(-0.08, 0.08) * last)))
    image, scene, lead = _leaning(image, scene, lead, row, rng)
    body = scene.body.mask(side)
    start = max(0, row - max(1, round(rng.uniform(0.25, 0.4) * last)))
    x, y = lead.path[start]
    reach = float(np.hypot(*(lead.path[row] - lead.path[start])))
    way = (lead.path[row] - lead.path[start]) / reach
    rows, cols = np.mgrid[0:side, 0:side]
    along = (cols - x) * way[0] + (rows - y) * way[1]

    # Drawn out as a whole: a seam where the mark begins would tell it.
    longer = 1.0 + float(rng.uniform(0.12, 0.36)) * side / reach
    drawn_out = np.eye(3)
    drawn_out[:2, :2] += (longer - 1.0) * np.outer(way, way)
    drawn_out[:2, 2] = lead.path[start] - drawn_out[:2, :2] @ lead.path[start]
    matrix = turn_and_move((float(x), float(y)), float(rng.uniform(-9, 9)), np.zeros(2)) @ drawn_out
    lying = warped_mask(lead.mask(side, start) & ~lead.mask(side, row), matrix) & ~body
    # Its end is square.
    lying &= along < longer * (reach - 0.5 * lead.width)
    picture = warped_picture(image, matrix)
    if rng.random() < 0.4:
        picture = np.clip(picture * rng.uniform(0.4, 1.2), 0, 255).astype(np.uint8)
    cleared = shaded(_without(image, scene, lead, start), lying, rng)
    if rng.random() < 0.6:
        upper = lead.mask(side) & ~lead.mask(side, start) & ~body
        brown, share = TARNISH * rng.uniform(0.5, 1.2), float(rng.uniform(0.3, 0.75))
        dull = along < float(rng.uniform(0.4, 1.1)) * reach
        picture = np.where(dull[:, :, None], _tinted(picture, brown, share), picture)
        cleared = blend(cleared, _tinted(cleared, brown, share), upper, 1.0)
    return blend(cleared, picture, lying), (lying & (along > reach)) | _empty_place(scene, lead, row, rng)


def _tinted(image: Image, colour: NDArray[np.float64], share: float) -> Image:
    """The picture with a share of its light replaced by a colour."""
    return np.asarray((1.0 - share) * image + share * colour, np.uint8)


def _leaning(
    image: Image, scene: Scene, lead: Lead, row: int, rng: np.random.Generator
) -> tuple[Image, Scene, Lead]:
    """The picture with the lead as it ought to be, or hardly turned at the body, and darker or brighter down to a row
    of its path; the scene and the lead as they lie then."""
    side = image.shape[0]
    body = scene.body.mask(side)
    if rng.random() < 0.6:
        x, y = lead.path[0]
        matrix = turn_and_move((float(x), float(y)), float(rng.uniform(-9, 9)), np.zeros(2))
        lying = warped_mask(lead.mask(side), matrix) & ~body
        cleared = np.where(body[:, :, None], image, _without(image, scene, lead, 0))
        image = blend(shaded(cleared, lying, rng), warped_picture(image, matrix), lying)
        # What stands there now is no board to take the light from.
        scene = replace(scene, part=(scene.part & ~lead.mask(side)) | lying | body)
        lead = replace(lead, path=carried(lead.path, matrix))
    if rng.random() < 0.4:
        upper = lead.mask(side) & ~lead.mask(side, row) & ~body
        lit = np.clip(image * rng.uniform(0.35, 1.3), 0, 255).astype(np.uint8)
        image = blend(image, lit, upper, 1.0)
    return image, scene, lead


def _turned_below(
    image: Image, scene: Scene, lead: Lead, row: int, angle: float, rng: np.random.Generator
) -> Staged:
    """The picture with the lead turned by ``angle`` degrees from a row of its path on, and where that piece lies."""
    side = image.shape[0]
    cleared = _without(image, scene, lead, row)
    x, y = lead.path[row]
    scale = float(rng.uniform(0.75, 1.2))
    matrix = cv2.getRotationMatrix2D((float(x), float(y)), angle, scale).astype(np.float64)
    picture, shape = _lengthened(image, scene, lead, rng)
    beyond = shape & (lead.mask(side, row) | _below(lead, side))
    bent = warped_mask(beyond, matrix)
    lying = warped_picture(picture, matrix)
    bent &= ~scene.body.mask(side)
    if rng.random() < 0.3:
        lying = np.clip(lying * rng.uniform(0.4, 1.5), 0, 255).astype(np.uint8)
    return blend(shaded(cleared, bent, rng), lying, bent), bent


def _below(lead: Lead, side: int) -> Mask:
    """Rows past the end of the lead's path."""
    return np.broadcast_to(np.arange(side)[:, None] >= lead.path[-1][1], (side, side))


def _lengthened(image: Image, scene: Scene, lead: Lead, rng: np.random.Generator) -> Staged:
    """A picture in which the lead goes on over its hole, and the mask of the whole lead there.

    What lies in the hole cannot be seen: the piece above it is repeated.
    """
    side = image.shape[0]
    last = len(lead.path) - 1
    above = max(0, last - round(1.1 * scene.holes.radius))
    length = int(rng.uniform(0.6, 3.2) * scene.holes.radius)
    take = max(6, min(length, above - 2))
    picture, mask = image.copy(), lead.mask(side)
    slope = float(rng.normal(0, 0.18))
    x, y = lead.path[above]
    done = 0
    while done < length + (last - above):
        step = min(take, length + (last - above) - done)
        source = lead.path[max(0, above - take) : above]
        for k in range(min(step, len(source))):
            row = round(y) + done + k
            at = round(x + slope * (done + k))
            half = lead.width // 2
            sx, sy = round(source[k][0]), round(source[k][1])
            if not (0 <= row < side and half < at < side - half - 1 and half < sx < side - half - 1):
                continue
            picture[row, at - half : at + half + 1] = image[sy, sx - half : sx + half + 1]
            mask[row, at - half : at + half + 1] = True
        done += step
    return picture, mask


def _overlong(image: Image, scene: Scene, lead: Lead, rng: np.random.Generator) -> Staged:
    """The lead runs over its hole and beyond; what is past the hole is marked."""
    side = image.shape[0]
    picture, mask = _lengthened(image, scene, lead, rng)
    start = lead.hole[1] + rng.uniform(-0.5, 0.7) * scene.holes.radius
    past = mask & (np.arange(side)[:, None] >= start)
    if not past.any():
        return _cut(image, scene, lead, rng)
    over = mask & (
        np.arange(side)[:, None] >= lead.path[max(0, len(lead.path) - round(1.2 * scene.holes.radius))][1]
    )
    if rng.random() < 0.4:
        picture = np.clip(picture * rng.uniform(0.4, 1.1), 0, 255).astype(np.uint8)
    return blend(image, picture, over, 0.8), past


def _astray(image: Image, scene: Scene, lead: Lead, rng: np.random.Generator) -> Staged:
    """The lead runs past beside its hole; what is past the hole is marked."""
    side = image.shape[0]
    row = _break_at(lead, rng, 0.3, 0.8)
    angle = float(rng.uniform(4, 14) * rng.choice([-1, 1]))
    picture, lying = _turned_below(image, scene, lead, row, angle, rng)
    start = lead.hole[1] + rng.uniform(-0.3, 1.0) * scene.holes.radius
    past = lying & (np.arange(side)[:, None] >= start)
    if not past.any():
        return _cut(image, scene, lead, rng)
    return picture, past


def _pixel(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])
