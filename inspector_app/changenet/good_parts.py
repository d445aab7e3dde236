"""Good parts made to vary, and good parts still: what a staged defect leaves behind must not be what it is known by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask
from inspector_app.changenet.compositing import (
    TARNISH,
    blend,
    carried,
    shaded,
    turn_and_move,
    warped_mask,
    warped_picture,
)
from inspector_app.changenet.scene import Body, Scene, dilate

_LEAN = 0.065
"""A good part's body stands up to so much of the side aside of where its leads end."""


def put_back(scene: Scene, rng: np.random.Generator) -> Scene:
    """Return the scene with its part, half of the time with some board around it, cut out and laid back hardly moved: a
    good part still.

    The board under a part is filled in, and a part that was cut out and turned is smoother than one that was not, and its
    edge another. What learns from staged defects alone takes these for the defect, and a real part that lies wrong for a
    good one.
    """
    side = scene.image.shape[0]
    turn = float(rng.uniform(-2, 2))
    matrix = turn_and_move(scene.body.centre, turn, rng.uniform(-0.008, 0.008, 2) * side)
    picture = warped_picture(scene.image, matrix)
    with_board = rng.random() < 0.5
    image, part = _laid(scene, picture, partial(warped_mask, matrix=matrix), with_board, (0.02, 0.04), rng)
    leads = tuple(replace(lead, path=carried(lead.path, matrix)) for lead in scene.leads)
    return replace(scene, image=image, part=part, body=_turned(scene.body, matrix, turn), leads=leads)


def lean(scene: Scene, rng: np.random.Generator) -> Scene:
    """Return the scene with its body moved aside, and turned a little, on leads that end where they did: a good part still.

    A part that slipped aside has its body there too, but its leads beside their holes.
    """
    side = scene.image.shape[0]
    turn = float(rng.uniform(-2.5, 2.5))
    offset = np.array([rng.uniform(-_LEAN, _LEAN), rng.uniform(-0.012, 0.012)]) * side
    matrix = turn_and_move(scene.body.centre, turn, offset)
    corners = cv2.boxPoints((scene.body.centre, scene.body.size, scene.body.angle))
    foot = float(corners[:, 1].max())
    end = max(foot + 2.0, max(lead.hole[1] for lead in scene.leads) - scene.holes.radius)

    def share(heights: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far what lies at these heights follows the body: wholly down to its foot, then ever less to the leads' ends."""
        left = np.clip((end - heights) / (end - foot), 0.0, 1.0)
        return np.asarray(left * left * (3.0 - 2.0 * left), np.float64)

    pixels = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).astype(np.float64)
    back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
    seen = pixels + share(np.arange(float(side)))[:, None, None] * (carried(pixels, back) - pixels)
    across, down = np.ascontiguousarray(np.moveaxis(seen, -1, 0), np.float32)

    def lying(mask: Mask) -> Mask:
        return cv2.remap(mask.astype(np.uint8) * 255, across, down, cv2.INTER_LINEAR) > 127

    picture = cv2.remap(scene.image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    with_board = rng.random() < 0.3
    image, part = _laid(scene, np.asarray(picture, np.uint8), lying, with_board, (0.01, 0.02), rng)
    leads = tuple(
        replace(lead, path=lead.path + share(lead.path[:, 1:]) * (carried(lead.path, matrix) - lead.path))
        for lead in scene.leads
    )
    return replace(scene, image=image, part=part, body=_turned(scene.body, matrix, turn), leads=leads)


def _laid(
    scene: Scene,
    picture: Image,
    lying: Callable[[Mask], Mask],
    with_board: bool,
    around: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[Image, Mask]:
    """Return the board with the part of ``picture`` laid on it, and where that lies: where ``lying`` brings the scene's.

    ``with_board``, board of a width within ``around``, shares of the side, comes along.
    """
    part = lying(scene.part)
    cut, board = part, scene.background
    if with_board:
        cut = lying(dilate(scene.part, round(rng.uniform(*around) * part.shape[0])))
    else:
        board = shaded(board, part, rng)
    return blend(board, picture, cut, float(rng.uniform(0.5, 1.5))), part


def _turned(body: Body, matrix: NDArray[np.float64], turn: float) -> Body:
    """Return the body where the matrix brings it, which turns by ``turn`` degrees."""
    x, y = carried(np.array(body.centre), matrix)
    return replace(body, centre=(float(x), float(y)), angle=body.angle - turn)


def dull_feet(scene: Scene, rng: np.random.Generator) -> Scene:
    """Return the scene with the feet of some leads dark, as tarnish or the shade of a hole makes them: a good part still.

    The dark foot of a whole lead and the empty hole of a cut one look alike from afar.
    """
    side = scene.image.shape[0]
    image = scene.image.astype(np.float32)
    rows = np.arange(side, dtype=np.float32)[:, None]
    brown = TARNISH * rng.uniform(0.3, 1.2)
    for lead in scene.leads:
        if rng.random() < 0.4:
            continue
        first = int(rng.uniform(0.4, 0.9) * (len(lead.path) - 1))
        cover = cv2.GaussianBlur(lead.mask(side, first, grow=2).astype(np.float32), (0, 0), 1.0)
        start, end = lead.path[first][1], lead.path[-1][1]
        share = np.clip((rows - start) / max(1.0, rng.uniform(0.3, 1.0) * (end - start)), 0.0, 1.0)
        dark = (rng.uniform(0.2, 0.65) * share * cover)[:, :, None]
        image = image * (1.0 - dark) + dark * brown
    return replace(scene, image=(image + 0.5).astype(np.uint8))
