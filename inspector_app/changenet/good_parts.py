"""Good parts made to vary, and good parts still: what a staged defect leaves behind must not be what it is known by."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from inspector_app.changenet.compositing import (
    blend,
    carried,
    shaded,
    turn_and_move,
    warped_mask,
    warped_picture,
)
from inspector_app.changenet.scene import Scene, dilate


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


def dull_feet(scene: Scene, rng: np.random.Generator) -> Scene:
    """Return the scene with the feet of some leads dark, as tarnish or the shade of a hole makes them: a good part still.

    The dark foot of a whole lead and the empty hole of a cut one look alike from afar.
    """
    side = scene.image.shape[0]
    image = scene.image.astype(np.float32)
    rows = np.arange(side, dtype=np.float32)[:, None]
    brown = np.array([60.0, 35.0, 28.0]) * rng.uniform(0.3, 1.2)
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
