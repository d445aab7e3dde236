"""Golden and test pictures of rendered products, with pixel-exact masks of what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from inspector_app.synthesis import nuisances
from inspector_app.synthesis.canvas import Image, Mask, pick, shaded
from inspector_app.synthesis.families import DEMO_FAMILIES, TRAINING_FAMILIES, TRAINING_MIX, Family
from inspector_app.synthesis.part_defects import PART_DEFECTS
from inspector_app.synthesis.scene import Part, Scene, coverage, render
from inspector_app.synthesis.surface_defects import SURFACE_DEFECTS

GOOD = "good"
GOOD_SHARE = 0.36
VISIBLE_LEVELS = 16
"""A pixel counts as changed when a channel differs by this many of 255 levels before any nuisance."""
LEAST_PIXELS = 14
"""Fewer changed pixels than this are no defect that anyone could be asked to see."""
_ATTEMPTS = 4
# A product drawn larger than the picture shows a part of itself at another scale.
_CANVAS_SIDES = (1.0, 1.0, 1.0, 1.3, 1.7)


@dataclass(frozen=True)
class SyntheticPair:
    """One rendered pair: ``golden`` and ``test`` uint8 HxWx3 RGB, ``mask`` bool HxW in the test's frame.

    ``kind`` is "good" or the defect's name; several defects are joined by "+".
    """

    golden: Image
    test: Image
    mask: Mask
    family: str
    kind: str


@dataclass(frozen=True)
class Flawed:
    """A unit on the whole canvas: what it is built of, its picture, its mask and the kind of defect."""

    scene: Scene
    image: Image
    mask: Mask
    kind: str


def render_pair(
    rng: np.random.Generator, families: Sequence[str] | None = None, size: int = 256
) -> SyntheticPair:
    """Render one pair, ``size`` pixels square, from one of ``families`` (by default any training family).

    The same generator state gives the same pair. Raises ValueError for an unknown family or a size below 64.
    """
    if size < 64:
        raise ValueError(f"size must be at least 64 pixels, not {size}")
    name = pick(rng, TRAINING_MIX if families is None else list(families))
    family, margin = _family(name), int(0.08 * size) + 4
    side = size * pick(rng, _CANVAS_SIDES) + 2 * margin
    scene = family(rng, (round(side), round(side)))
    unit = scene.vary(rng) if scene.vary is not None and rng.random() < 0.85 else scene
    flawed = Flawed(unit, render(unit), np.zeros(scene.shape, np.bool_), GOOD)
    if rng.random() >= GOOD_SHARE:
        flawed = make_flawed(rng, unit, margin)
    corner = _corner(rng, flawed.mask, margin, size)
    return _photographed(rng, name, scene, flawed, corner, size)


def _corner(rng: np.random.Generator, mask: Mask, margin: int, size: int) -> tuple[int, int]:
    """The upper left corner (x, y) of the picture on the canvas, so that a changed pixel lies within it."""
    high, wide = mask.shape
    most_x, most_y = wide - size - margin, high - size - margin
    x, y = int(rng.integers(margin, most_x + 1)), int(rng.integers(margin, most_y + 1))
    rows, columns = np.nonzero(mask)
    if len(rows):
        chosen = int(rng.integers(len(rows)))
        away = rng.uniform(0.15, 0.85, 2) * size
        x, y = int(columns[chosen] - away[0]), int(rows[chosen] - away[1])
    return min(max(x, margin), most_x), min(max(y, margin), most_y)


def make_flawed(rng: np.random.Generator, unit: Scene, margin: int) -> Flawed:
    """``unit`` with one to three defects inside the margin of the canvas; good if none came out visible."""
    reference = render(unit)
    zone = _inner(unit.zone, margin)
    image, mask = reference, np.zeros(unit.shape, np.bool_)
    kinds: list[str] = []
    scene = unit
    wanted = 1 if unit.bitmap else int(rng.choice((1, 2, 3), p=(0.72, 0.2, 0.08)))
    for _ in range(_ATTEMPTS * wanted):
        if len(kinds) == wanted:
            break
        kind, changed, image_now, marked = _one_defect(rng, scene, image, zone, structural=not kinds)
        grown = changed_mask(image, image_now, marked, unit.shape)
        if not LEAST_PIXELS <= int(grown[margin:-margin, margin:-margin].sum()) <= 0.5 * grown.size:
            continue
        scene, image, mask = changed, image_now, mask | grown
        kinds.append(kind)
    return Flawed(scene, image, mask, "+".join(kinds) if kinds else GOOD)


def changed_mask(reference: Image, image: Image, marked: Sequence[Part], shape: tuple[int, int]) -> Mask:
    """Where ``image`` visibly differs from ``reference``, gaps closed, with the places of ``marked`` parts.

    A place counts whole only where much of it differs: a part moved a little shows a rim, not its area.
    """
    differs = cv2.absdiff(reference, image).max(axis=2) >= VISIBLE_LEVELS
    small = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    mask = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0
    mask |= differs & (cv2.blur(small * 255, (3, 3)) > 100)
    for part in marked:
        place = coverage(part, shape)
        if place.any() and mask[place].mean() > 0.4:
            mask |= place
    return mask


def _one_defect(
    rng: np.random.Generator, scene: Scene, image: Image, zone: Mask, structural: bool
) -> tuple[str, Scene, Image, tuple[Part, ...]]:
    """One attempt at a defect. Only the first may be ``structural``: later ones are painted over it."""
    draw = rng.random()
    if structural and scene.special and draw < (0.9 if scene.bitmap else 0.5):
        kind = pick(rng, sorted(scene.special))
        changed = scene.special[kind](rng)
        return kind, changed, render(changed), ()
    inside = [i for i, part in enumerate(scene.parts) if _holds(zone, part.centre)] if structural else []
    if inside and draw < 0.8:
        kind = pick(rng, sorted(PART_DEFECTS))
        changed, marked = PART_DEFECTS[kind](rng, scene, pick(rng, inside))
        return kind, changed, render(changed), marked
    kind = pick(rng, sorted(SURFACE_DEFECTS))
    return kind, scene, SURFACE_DEFECTS[kind](rng, image, zone), ()


def _photographed(
    rng: np.random.Generator, name: str, scene: Scene, flawed: Flawed, corner: tuple[int, int], size: int
) -> SyntheticPair:
    view = nuisances.draw_view(rng, size, scene.bitmap, scene.loose)
    matrix = nuisances.view_matrix(view, corner, size)
    golden, test = render(scene), flawed.image
    seeds = rng.integers(1 << 32, size=2)
    # What glints on loose parts falls otherwise on almost every unit.
    fresh = rng.random() < (0.8 if scene.loose else 0.45)
    if scene.grain is not None:
        golden = shaded(golden, scene.grain(np.random.default_rng(seeds[0])))
    if flawed.scene.grain is not None:
        test = shaded(test, flawed.scene.grain(np.random.default_rng(seeds[int(fresh)])))
    x, y = corner
    golden = np.ascontiguousarray(golden[y : y + size, x : x + size])
    test = _warped(test, matrix, size)
    mask = _warped(flawed.mask.astype(np.uint8) * 255, matrix, size) > 127
    golden, test = _exposed(rng, golden, test, scene.bitmap)
    kind = flawed.kind
    if int(mask.sum()) < LEAST_PIXELS:
        # The shift carried the defect out of the picture: what is left could not be told from a good part.
        mask, kind = np.zeros_like(mask), GOOD
    return SyntheticPair(golden, test, mask, name, kind)


def _warped(plane: Image, matrix: np.ndarray, size: int) -> Image:
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REFLECT
    return np.asarray(cv2.warpAffine(plane, matrix, (size, size), flags=flags, borderMode=border), np.uint8)


def _exposed(rng: np.random.Generator, golden: Image, test: Image, bitmap: bool) -> tuple[Image, Image]:
    if bitmap:
        wobble = rng.uniform(0.1, 0.9)
        golden = nuisances.binarised(rng, golden, wobble, 0)
        test = nuisances.binarised(rng, test, wobble, int(rng.integers(0, 4)))
        quality = int(rng.choice((0, 95, 85)))
        return (
            (nuisances.compressed(golden, quality), nuisances.compressed(test, quality))
            if quality
            else (golden, test)
        )
    camera = nuisances.draw_camera(rng)
    strength = float(rng.choice((0.15, 0.6, 1.0)))
    light = rng.integers(1 << 32)
    golden = nuisances.relit(np.random.default_rng(light), golden, 0.8)
    test = nuisances.relit(rng, nuisances.relit(np.random.default_rng(light), test, 0.8), strength)
    focus = replace(camera, blur=camera.blur + float(rng.choice((0.0, 0.0, 0.5, 0.9))))
    return nuisances.expose(rng, golden, camera), nuisances.expose(rng, test, focus)


def _inner(zone: Mask, margin: int) -> Mask:
    inner = np.zeros_like(zone)
    edge = margin + max(3, int(0.03 * min(zone.shape)))
    inner[edge:-edge, edge:-edge] = zone[edge:-edge, edge:-edge]
    if not inner.any():
        inner[edge:-edge, edge:-edge] = True
    return inner


def _holds(zone: Mask, point: tuple[float, float]) -> bool:
    rows, columns = np.nonzero(zone.any(1))[0], np.nonzero(zone.any(0))[0]
    return bool(columns[0] <= point[0] <= columns[-1] and rows[0] <= point[1] <= rows[-1])


def _family(name: str) -> Family:
    family = TRAINING_FAMILIES.get(name) or DEMO_FAMILIES.get(name)
    if family is None:
        known = ", ".join([*TRAINING_FAMILIES, *DEMO_FAMILIES])
        raise ValueError(f"unknown part family {name!r}; known are {known}")
    return family
