"""Broken bodies staged in good pictures, and drawn as annotators draw them.

A broken body is marked up to where its edge was, with the burr that the break left along it, and so is one whose top
snapped off.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask, Staged
from inspector_app.changenet.compositing import around, blend, moved, shaded
from inspector_app.changenet.scene import Scene


def break_body(scene: Scene, rng: np.random.Generator) -> Staged:
    """Return the picture with a piece broken off the body's edge, or its face chipped, and its mask."""
    if rng.random() < 0.2:
        return _snap(scene, rng)
    side = scene.image.shape[0]
    body = scene.body.mask(side)
    width, height = scene.body.size
    along = rng.uniform(-0.5, 0.5)
    edge = rng.random()
    reach_x, reach_y = rng.uniform(0.12, 0.6) * width, rng.uniform(0.08, 0.42) * height
    centre = np.array([along * width, -height / 2])
    if edge > 0.75:
        centre = np.array([along * width, height / 2])
    elif edge > 0.6:
        centre = np.array([along * width, rng.uniform(-0.4, 0.4) * height])
        reach_x, reach_y = 0.45 * reach_x, 0.6 * reach_y
    outline = _flake if rng.random() < 0.6 else _jagged
    broken = _drawn_on(scene, outline(centre, reach_x, reach_y, rng)) & body
    image = blend(scene.image, _fractured(scene.image, broken, rng), broken, float(rng.uniform(0.8, 2.0)))
    if edge <= 0.6 and rng.random() < 0.5:
        gone = broken & moved(broken, (0.0, -rng.uniform(0.3, 0.8) * reach_y))
        image = blend(image, scene.background, gone, 1.0)
    elif edge <= 0.6 and rng.random() < 0.9:
        burr = _burr(scene, along * width, rng)
        # A scuffed edge may look hardly different from a sound one, or almost white: it is marked with the break all the same.
        as_before, light = float(rng.uniform(0.0, 0.8)), float(rng.uniform(1.0, 2.5))
        scuffed = cv2.addWeighted(image, as_before, _rough_surface(burr, rng), light * (1.0 - as_before), 0.0)
        image = blend(image, np.asarray(scuffed, np.uint8), burr, 0.8)
        broken = broken | burr
    return image, broken


def _snap(scene: Scene, rng: np.random.Generator) -> Staged:
    """The body's top snapped off along a slanting line: board shows where it was, above a band of fracture."""
    width, height = scene.body.size
    ends = np.array([rng.uniform(-0.1, 0.2), rng.uniform(0.15, 0.45)]) * height
    if rng.random() < 0.5:
        ends = ends[::-1]
    xs = np.linspace(-0.5, 0.5, 14)
    line = np.interp(xs, [-0.5, 0.5], ends) + rng.normal(0, 0.015, xs.size) * height
    bow = np.clip(1.0 - (2.0 * xs - rng.uniform(-0.6, 0.6)) ** 2, 0.15, None)
    band = rng.uniform(0.05, 0.28) * height * bow * np.clip(rng.normal(1.0, 0.15, xs.size), 0.4, 1.5)
    top = np.full(xs.size, -0.5 * height)
    edge = np.maximum(top + line, top)
    foot = np.maximum(edge + band, top)
    gone, marked = (_between(scene, xs * width, top, lower) for lower in (edge, foot))
    image = blend(scene.image, _fractured(scene.image, marked, rng), marked, float(rng.uniform(0.8, 1.5)))
    # Past the top edge too: the outermost pixels of the body go with it.
    rim = 0.03 * height
    gone = gone | (_between(scene, xs * width, top - rim, top) & moved(gone, (0.0, -rim)))
    remaining = scene.body.mask(scene.image.shape[0]) & ~gone
    return blend(image, shaded(scene.background, remaining, rng), gone, 1.0), marked


def _between(
    scene: Scene, across: NDArray[np.float64], upper: NDArray[np.float64], lower: NDArray[np.float64]
) -> Mask:
    """What lies between two lines over the body, in pixels from its middle along its own axes."""
    corners = np.vstack([np.column_stack((across, upper)), np.column_stack((across, lower))[::-1]])
    return _drawn_on(scene, corners)


def _burr(scene: Scene, start: float, rng: np.random.Generator) -> Mask:
    """A ragged strip along the body's top edge, mostly all of it, or from ``start`` (pixels from the middle) to one end."""
    side = scene.image.shape[0]
    width, height = scene.body.size
    ends = np.array([-0.5, 0.5]) * width * rng.uniform(0.85, 1.0, 2)
    if rng.random() < 0.3:
        ends[int(rng.integers(2))] = start
    xs = np.linspace(ends[0], ends[1], 12)
    top = -height / 2 - rng.uniform(0.0, 0.008, xs.size) * side
    foot = -height / 2 + rng.uniform(0.003, 0.010, xs.size) * side
    return _between(scene, xs, top, foot)


def _drawn_on(scene: Scene, corners: NDArray[np.float64]) -> Mask:
    """A polygon, filled, whose corners (x, y) are pixels from the body's middle along its own axes."""
    side = scene.image.shape[0]
    turn = np.deg2rad(scene.body.angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = corners @ rotation.T + np.array(scene.body.centre)
    return cv2.fillPoly(np.zeros((side, side), np.uint8), [np.round(points).astype(np.int32)], 1) > 0


def _jagged(
    centre: NDArray[np.float64], reach_x: float, reach_y: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Corners of an irregular closed shape around a centre."""
    count = int(rng.integers(9, 20))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    radii = np.clip(rng.normal(0.8, 0.22, count), 0.3, 1.2)
    return centre + _on_spokes(angles, radii, reach_x, reach_y)


def _flake(
    centre: NDArray[np.float64], reach_x: float, reach_y: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Corners of a smooth closed shape around a centre, perhaps drawn out aslant: moulding compound breaks like glass."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radii = np.full(angles.size, 0.8)
    for wave in range(1, 6):
        radii += rng.normal(0, 0.22 / wave) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    radii = np.clip(radii + rng.normal(0, rng.uniform(0, 0.05), angles.size), 0.25, 1.3)
    corners = _on_spokes(angles, radii, reach_x, reach_y)
    corners[:, 0] += rng.normal(0, 0.6) * corners[:, 1]
    return np.asarray(centre + corners, np.float64)


def _on_spokes(
    angles: NDArray[np.float64], radii: NDArray[np.float64], reach_x: float, reach_y: float
) -> NDArray[np.float64]:
    """Points (x, y) about the origin in these directions, at these shares of the reaches."""
    spokes = np.column_stack((np.cos(angles) * reach_x, np.sin(angles) * reach_y))
    return np.asarray(spokes * radii[:, None], np.float64)


def _fractured(image: Image, broken: Mask, rng: np.random.Generator) -> Image:
    """``image`` with the surface that a break leaves where ``broken`` is set: facets, each rough and lit in its own way or almost
    as dark and smooth as the body, with bright ridges between some. One at least is rough."""
    fractured = image.copy()
    if not broken.any():
        return fractured
    facets = _facets(broken, rng)
    numbers = np.unique(facets[broken])
    tint = _tint(rng)
    smooth = rng.random(numbers.size) < 0.35
    smooth[int(rng.integers(numbers.size))] = False
    for number, dark in zip(numbers, smooth, strict=True):
        facet = broken & (facets == number)
        near = around(facet, 1.0)
        rough = _rough_surface(facet[near], rng, tint)
        if dark:
            as_before = rng.uniform(0.6, 0.95)
            rough = np.asarray(
                cv2.addWeighted(image[near], as_before, rough, 1.0 - as_before, rng.uniform(-4, 6)), np.uint8
            )
        fractured[near] = blend(fractured[near], rough, facet[near], float(rng.uniform(0.6, 2.0)))
    if rng.random() < 0.6:
        ridges = broken & (cv2.morphologyEx(facets, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0)
        chance = cv2.resize(rng.random((12, 12)).astype(np.float32), broken.shape[::-1])
        patchy = chance > rng.uniform(0.2, 0.7)
        bright = np.full_like(image, int(rng.uniform(60, 170)))
        fractured = blend(fractured, bright, ridges & patchy, float(rng.uniform(0.8, 2.0)))
    return fractured


def _facets(broken: Mask, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One to five numbered parts of what is broken, H x W: what lies nearest to each of as many points, their borders bent."""
    side = broken.shape[0]
    left, top, width, height = cv2.boundingRect(broken.astype(np.uint8))
    y, x = (
        straight + cv2.resize(bent, (width, height), interpolation=cv2.INTER_CUBIC)
        for straight, bent in zip(
            np.mgrid[0:height, 0:width].astype(np.float32),
            rng.normal(0, 0.02 * side, (2, 4, 4)).astype(np.float32),
            strict=True,
        )
    )
    points = rng.uniform(0, 1, (int(rng.integers(1, 6)), 2)) * (width, height)
    distances = [np.hypot(x - across, y - down) for across, down in points]
    facets = np.zeros(broken.shape, np.uint8)
    facets[top : top + height, left : left + width] = np.argmin(distances, axis=0)
    return facets


def _tint(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(rng.normal(0, 3, 3) + np.array([3.0, 0.0, -2.0]))


def _rough_surface(broken: Mask, rng: np.random.Generator, tint: NDArray[np.float64] | None = None) -> Image:
    """Broken moulding compound: dark with bright grains, lit from one side of what is broken."""
    size = broken.shape
    fine = cv2.GaussianBlur(rng.normal(0, 1, size).astype(np.float32), (0, 0), rng.uniform(0.6, 1.3))
    grains = np.exp(rng.uniform(0.35, 0.8) * fine / max(1e-6, float(fine.std())))
    spots = rng.normal(0, 1, (max(2, size[0] // 10), max(2, size[1] // 10))).astype(np.float32)
    coarse = cv2.resize(spots, size[::-1])
    left, top, width, height = cv2.boundingRect(broken.astype(np.uint8))
    heading = rng.uniform(0, 2 * np.pi)
    rows, cols = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    along_x, along_y = (cols - left) / max(1, width) - 0.5, (rows - top) / max(1, height) - 0.5
    lit = np.clip(0.5 + np.cos(heading) * along_x + np.sin(heading) * along_y, 0.0, 1.0)
    light = np.clip(rng.uniform(0.1, 0.7) + rng.uniform(0.0, 1.4) * lit**2 + 0.25 * coarse, 0.05, None)
    grey = rng.uniform(12, 30) + rng.uniform(10, 35) * light * grains
    shade = _tint(rng) if tint is None else tint
    rough: Image = np.clip(grey[:, :, None] + shade, 0, 255).astype(np.uint8)
    return rough
