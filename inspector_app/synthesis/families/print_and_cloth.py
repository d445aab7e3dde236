"""Printed labels, textile and wood."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from inspector_app.synthesis.canvas import (
    Colour,
    Field,
    Image,
    Shape,
    any_colour,
    blank,
    box,
    disc,
    jitter,
    pick,
    polygon,
    polyline,
    shaded,
    text,
)
from inspector_app.synthesis.families.boards import carrier
from inspector_app.synthesis.scene import Part, Scene, Shadow
from inspector_app.synthesis.sprites import outline_sprite, regular, tinted, word
from inspector_app.synthesis.surface_defects import blob
from inspector_app.synthesis.textures import fractal, rings, smooth, weave, white

Element = Callable[[Image], None]


def label(rng: np.random.Generator, shape: Shape) -> Scene:
    """A printed label: lines of text, a bar code or matrix code, boxes, bands of colour and pictograms."""
    paper = jitter(
        rng, pick(rng, ((240, 240, 236), (235, 225, 190), (230, 235, 245), (250, 215, 60), (30, 30, 34))), 10
    )
    ink = (20, 20, 24) if sum(paper) > 300 else (235, 235, 230)
    ground = carrier(rng, shape)
    wide, high = shape[1] * rng.uniform(0.7, 1.2), shape[0] * rng.uniform(0.6, 1.2)
    middle = (shape[1] / 2, shape[0] / 2)
    box(ground, (middle[0] + 3, middle[1] + 4), wide, high, (15, 15, 15), 10)
    box(ground, middle, wide, high, paper, 10)
    if rng.random() < 0.5:
        box(
            ground,
            (middle[0], middle[1] - high * rng.uniform(0.2, 0.45)),
            wide * 0.96,
            high * rng.uniform(0.06, 0.2),
            any_colour(rng),
        )
    elements = [_element(rng, shape, ink) for _ in range(int(rng.integers(6, 16)))]

    def printed(kept: list[Element]) -> Image:
        image = ground.copy()
        for element in kept:
            element(image)
        return image

    zone = np.zeros(shape, np.bool_)
    zone[
        max(0, int(middle[1] - high / 2)) : int(middle[1] + high / 2),
        max(0, int(middle[0] - wide / 2)) : int(middle[0] + wide / 2),
    ] = True
    scene = Scene(
        printed(elements), zone, _pictograms(rng, shape), grain=lambda r: white(r, shape) * np.float32(2)
    )
    special = {
        name: partial(_misprinted, scene, printed, elements, ink, name)
        for name in ("print_missing", "print_wrong", "print_extra")
    }
    return replace(scene, special=special)


def _element(rng: np.random.Generator, shape: Shape, ink: Colour) -> Element:
    """One piece of print, with everything random settled now: calling it draws the same thing again."""
    x, y = rng.uniform(0.05, 0.75) * shape[1], rng.uniform(0.08, 0.92) * shape[0]
    kind = int(rng.integers(8))
    if kind < 4:
        words = " ".join(word(rng) for _ in range(int(rng.integers(1, 4))))
        height, weight = (
            float(min(shape) * np.exp(rng.uniform(np.log(0.022), np.log(0.09)))),
            int(rng.integers(1, 3)),
        )
        return lambda image: text(image, words, (x, y), height, ink, weight)
    if kind == 4:
        bars = rng.uniform(0.006, 0.02, int(rng.integers(10, 36))) * shape[1] * 0.7
        edges, high = x + np.cumsum(bars), shape[0] * rng.uniform(0.06, 0.2)
        return partial(_boxes, [(e, y, b * 0.55, high) for e, b in zip(edges, bars, strict=True)], ink)
    if kind == 5:
        cells, module = (
            rng.random((int(rng.integers(8, 16)),) * 2) < 0.5,
            min(shape) * rng.uniform(0.008, 0.02),
        )
        return partial(_boxes, [(x + b, y + a, module, module) for a, b in np.argwhere(cells) * module], ink)
    if kind == 6:
        size = rng.uniform(0.05, 0.4, 2) * (shape[1], shape[0])
        frame = np.array(((x, y), (x + size[0], y), (x + size[0], y + size[1]), (x, y + size[1])))
        width = float(rng.integers(1, 4))
        return lambda image: polyline(image, frame, width, ink, closed=True)
    end, width, colour = x + shape[1] * rng.uniform(0.1, 0.5), float(rng.integers(1, 4)), jitter(rng, ink, 30)
    return lambda image: polyline(image, [(x, y), (end, y)], width, colour)


def _boxes(boxes: list[tuple[float, float, float, float]], ink: Colour, image: Image) -> None:
    for x, y, wide, high in boxes:
        box(image, (x, y), wide, high, ink)


def _pictograms(rng: np.random.Generator, shape: Shape) -> tuple[Part, ...]:
    parts = []
    for _ in range(int(rng.integers(0, 4))):
        sprite = outline_sprite(regular(rng, min(shape) * rng.uniform(0.03, 0.09)), any_colour(rng), 0)
        place = rng.uniform(0.15, 0.85, 2) * (shape[1], shape[0])
        parts.append(Part(sprite, (float(place[0]), float(place[1])), name="pictogram"))
    return tuple(parts)


def _misprinted(
    scene: Scene,
    printed: Callable[[list[Element]], Image],
    elements: list[Element],
    ink: Colour,
    name: str,
    rng: np.random.Generator,
) -> Scene:
    chosen = int(rng.integers(len(elements)))
    rest = elements[:chosen] + elements[chosen + 1 :]
    if name == "print_missing":
        return scene.with_base(printed(rest))
    fresh = _element(rng, scene.shape, ink)
    return scene.with_base(printed([*(elements if name == "print_extra" else rest), fresh]))


def textile(rng: np.random.Generator, shape: Shape) -> Scene:
    """Woven cloth, plain, striped or printed; pulled threads, knots and holes are its own defects."""
    period, twill = float(rng.uniform(3, 12)), int(rng.integers(1, 4))
    colour = np.asarray(any_colour(rng), np.float32)
    field = weave(shape, period, twill)
    base = tinted(
        blank(shape, (0, 0, 0)), field, np.clip(colour * 1.15 + 18, 0, 255), colour * rng.uniform(0.5, 0.8)
    )
    if rng.random() < 0.5:
        pitch, other = shape[1] * rng.uniform(0.08, 0.3), np.asarray(any_colour(rng), np.float32)
        stripe = (np.arange(shape[1]) % pitch) < pitch * rng.uniform(0.2, 0.6)
        base[:, stripe] = np.clip(base[:, stripe] * 0.5 + other * 0.5, 0, 255).astype(np.uint8)
    base = shaded(base, smooth(rng, shape, shape[0] / 3) * np.float32(6))
    scene = Scene(
        base,
        np.ones(shape, np.bool_),
        grain=lambda r: fractal(r, shape, period, 2) * np.float32(7) + white(r, shape) * np.float32(4),
    )
    special = {name: partial(_torn, scene, period, colour, name) for name in ("thread", "hole", "knot")}
    return replace(scene, special=special)


def _torn(scene: Scene, period: float, colour: Field, name: str, rng: np.random.Generator) -> Scene:
    base, high, wide = scene.base.copy(), scene.shape[0], scene.shape[1]
    spot = rng.uniform(0.2, 0.8, 2) * (wide, high)
    if name == "hole":
        polygon(base, blob(rng, high * rng.uniform(0.015, 0.07), 0.3) + spot, jitter(rng, (25, 25, 25), 20))
    elif name == "knot":
        tone = jitter(rng, [float(v) + rng.choice((-50, 55)) for v in colour], 10)
        polygon(base, blob(rng, high * rng.uniform(0.015, 0.05), 0.25) + spot, tone)
    else:
        tone = jitter(rng, [float(v) + rng.choice((-60, 70)) for v in colour], 10)
        length = high * rng.uniform(0.1, 0.7)
        end = spot + (
            np.array((length, rng.normal(0, 4)))
            if rng.random() < 0.5
            else np.array((rng.normal(0, 4), length))
        )
        polyline(base, [spot, end], max(1.5, period * rng.uniform(0.4, 1.0)), tone)
    return scene.with_base(base)


def wood(rng: np.random.Generator, shape: Shape) -> Scene:
    """Boards of wood whose grain no two pieces share, with joints and, as their own defect, knots."""
    tone = np.asarray(
        pick(rng, ((196, 152, 104), (160, 108, 66), (222, 190, 148), (110, 72, 48), (205, 170, 130))),
        np.float32,
    )
    base = shaded(blank(shape, jitter(rng, tone, 12)), smooth(rng, shape, shape[0] / 2) * np.float32(6))
    planks = int(rng.integers(1, 5))
    for i in range(1, planks):
        y = shape[0] * i / planks
        polyline(base, [(0, y), (shape[1], y)], rng.uniform(1, 4), tuple(float(v) * 0.35 for v in tone))
    pitch, strength = float(rng.uniform(4, 16)), float(rng.uniform(6, 20))

    def grain(r: np.random.Generator) -> Field:
        return rings(r, shape, pitch) * np.float32(strength) + white(r, shape) * np.float32(3)

    parts = []
    for _ in range(int(rng.integers(0, 5))):
        sprite = outline_sprite(regular(rng, shape[0] * rng.uniform(0.02, 0.07)), any_colour(rng), 1.5)
        place = rng.uniform(0.1, 0.9, 2) * (shape[1], shape[0])
        parts.append(Part(sprite, (float(place[0]), float(place[1])), 0.0, Shadow(1, 2, 2, 0.4), "inlay"))
    scene = Scene(base, np.ones(shape, np.bool_), tuple(parts), grain=grain)
    return replace(scene, special={"knot": partial(_knotted, scene, tone)})


def _knotted(scene: Scene, tone: Field, rng: np.random.Generator) -> Scene:
    base = scene.base.copy()
    spot = rng.uniform(0.2, 0.8, 2) * (scene.shape[1], scene.shape[0])
    radius = scene.shape[0] * rng.uniform(0.02, 0.07)
    outline = blob(rng, radius, 0.12)
    for share, level in ((1.0, 0.6), (0.75, 0.42), (0.5, 0.5), (0.3, 0.28)):
        polygon(base, outline * share + spot, jitter(rng, [float(v) * level for v in tone], 6))
    if rng.random() < 0.3:
        disc(base, spot, radius * 0.3, (20, 14, 10))
    return scene.with_base(base)
