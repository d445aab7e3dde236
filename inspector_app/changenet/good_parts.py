"""Good parts made to vary, and good parts still: what a staged defect leaves behind must not be what it is known by."""

from __future__ import annotations

from dataclasses import replace

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
from inspector_app.changenet.scene import Scene, dilate

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
    cut = dilate(scene.part, round(rng.uniform(0.02, 0.04) * side)) if with_board else scene.part
    lying = warped_mask(cut, matrix)
    board = scene.background if with_board else shaded(scene.background, lying, rng)
    image = blend(board, picture, lying, float(rng.uniform(0.5, 1.5)))

    x, y = carried(np.array(scene.body.centre), matrix)
    body = replace(scene.body, centre=(float(x), float(y)), angle=scene.body.angle - turn)
    leads = tuple(replace(lead, path=carried(lead.path, matrix)) for lead in scene.leads)
    return replace(scene, image=image, part=warped_mask(scene.part, matrix), body=body, leads=leads)


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

    def followed(points: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (x, y) where ``whole`` brings them down to the body's foot, and ever less so down to the leads' ends."""
        share = np.clip((end - points[..., 1:]) / (end - foot), 0.0, 1.0)
        share = share * share * (3.0 - 2.0 * share)
        return np.asarray(points + share * (carried(points, whole) - points), np.float64)

    pixels = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).astype(np.float64)
    back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
    across, down = np.ascontiguousarray(np.moveaxis(followed(pixels, back), -1, 0), np.float32)

    def bent(picture: Image) -> Image:
        return np.asarray(
            cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.uint8
        )

    def lying(mask: Mask) -> Mask:
        return cv2.remap(mask.astype(np.uint8) * 255, across, down, cv2.INTER_LINEAR) > 127

    with_board = rng.random() < 0.3
    cut = lying(dilate(scene.part, round(rng.uniform(0.01, 0.02) * side)) if with_board else scene.part)
    board = scene.background if with_board else shaded(scene.background, cut, rng)
    image = blend(board, bent(scene.image), cut, float(rng.uniform(0.5, 1.5)))

    x, y = carried(np.array(scene.body.centre), matrix)
    body = replace(scene.body, centre=(float(x), float(y)), angle=scene.body.angle - turn)
    leads = tuple(replace(lead, path=followed(lead.path, matrix)) for lead in scene.leads)
    return replace(scene, image=image, part=lying(scene.part), body=body, leads=leads)


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
