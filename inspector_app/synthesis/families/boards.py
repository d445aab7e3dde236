"""Circuit boards: bare in colour, bare in black and white, and populated."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from inspector_app.synthesis.canvas import (
    Colour,
    Field,
    Image,
    Shape,
    blank,
    blend,
    box,
    disc,
    jitter,
    pick,
    text,
)
from inspector_app.synthesis.copper import COPPER_DEFECTS, Layout, draw_layout
from inspector_app.synthesis.scene import Part, Scene, Shadow, resettled
from inspector_app.synthesis.sprites import (
    can_sprite,
    chip_sprite,
    clouded,
    passive_sprite,
    screw_sprite,
    word,
)
from inspector_app.synthesis.textures import smooth, white

Drawn = Callable[[Image], Scene]

_MASKS: tuple[Colour, ...] = (
    (24, 92, 48),
    (20, 60, 130),
    (140, 24, 28),
    (24, 24, 28),
    (215, 215, 210),
    (70, 30, 100),
    (150, 120, 60),
)


def bitmap_board(rng: np.random.Generator, shape: Shape) -> Scene:
    """A bare board as a thresholded scan: copper black on white or white on black."""
    layout = draw_layout(rng, shape, float(rng.uniform(7, 19)))
    dark = bool(rng.random() < 0.8)
    drilled = bool(rng.random() < 0.75)

    def drawn(layer: Image) -> Scene:
        plane = cv2.subtract(layer, layout.holes) if drilled else layer
        plane = 255 - plane if dark else plane
        base = np.asarray(np.repeat(plane[..., None], 3, axis=2), np.uint8)
        return Scene(base, np.ones(shape, np.bool_), bitmap=True)

    special = {name: partial(_etched, layout, drawn, name) for name in COPPER_DEFECTS}
    return replace(drawn(layout.copper), special=special)


def _etched(layout: Layout, drawn: Drawn, name: str, rng: np.random.Generator) -> Scene:
    layer = COPPER_DEFECTS[name](rng, layout.copper, layout.width)
    for _ in range(int(rng.choice((0, 1, 2, 3), p=(0.4, 0.3, 0.2, 0.1)))):
        other = pick(rng, sorted(COPPER_DEFECTS))
        layer = COPPER_DEFECTS[other](rng, layer, layout.width)
    return drawn(layer)


def bare_board(rng: np.random.Generator, shape: Shape) -> Scene:
    """A bare board in colour: solder mask over copper, bright pads, drilled holes, some silkscreen."""
    layout = draw_layout(rng, shape, float(rng.uniform(4, 16)))
    painted = _painter(rng, layout, shape)

    def drawn(layer: Image) -> Scene:
        return Scene(painted(layer), np.ones(shape, np.bool_), grain=_board_grain(shape))

    special = {name: partial(_etched, layout, drawn, name) for name in COPPER_DEFECTS}
    return replace(drawn(layout.copper), special=special)


def populated_board(rng: np.random.Generator, shape: Shape) -> Scene:
    """A board with chips, passives, capacitors, screws and print on a sparse layer of traces."""
    layout = draw_layout(rng, shape, float(rng.uniform(3, 8)))
    base = _painter(rng, layout, shape)(layout.copper)
    unit = min(shape) * float(rng.uniform(0.05, 0.12))
    parts: list[Part] = []
    taken = np.zeros(shape, np.bool_)
    for _ in range(int(rng.integers(6, 26))):
        part = _component(rng, unit, shape)
        high, wide = part.sprite.alpha.shape
        reach = max(high, wide) / 2 if part.angle % 180 else 0
        half_x, half_y = (reach, reach) if reach else (wide / 2, high / 2)
        x, y = part.centre
        window = (
            slice(max(0, int(y - half_y)), int(y + half_y) + 1),
            slice(max(0, int(x - half_x)), int(x + half_x) + 1),
        )
        if taken[window].any():
            continue
        taken[window] = True
        _footprint(rng, base, part)
        parts.append(part)
    shadow = Shadow(unit * 0.08, unit * 0.1, max(0.8, unit * 0.08), float(rng.uniform(0.25, 0.6)))
    parts = [replace(p, shadow=shadow) for p in parts]
    scene = Scene(base, np.ones(shape, np.bool_), tuple(parts), grain=_board_grain(shape))
    return replace(scene, vary=partial(resettled, scene, unit * 0.03, 0.8))


def _component(rng: np.random.Generator, unit: float, shape: Shape) -> Part:
    draw = rng.random()
    if draw < 0.3:
        wide, high = unit * rng.uniform(1.2, 2.6), unit * rng.uniform(1.6, 4.0)
        sprite, name = (
            chip_sprite(rng, wide, high, max(2, int(high / (unit * rng.uniform(0.25, 0.5))))),
            "chip",
        )
    elif draw < 0.8:
        sprite, name = (
            passive_sprite(rng, unit * rng.uniform(0.7, 1.5), unit * rng.uniform(0.4, 0.8)),
            "passive",
        )
    elif draw < 0.93:
        sprite, name = can_sprite(rng, unit * rng.uniform(0.5, 1.3)), "can"
    else:
        sprite, name = screw_sprite(rng, unit * rng.uniform(0.5, 0.9)), "screw"
    centre = (float(rng.uniform(0, shape[1])), float(rng.uniform(0, shape[0])))
    return Part(sprite, centre, float(rng.choice((0, 0, 90, 180, 270))), name=name)


def _footprint(rng: np.random.Generator, base: Image, part: Part) -> None:
    """Solder pads under the part and its name beside it, so that a missing part leaves a believable place."""
    high, wide = part.sprite.alpha.shape
    if round(part.angle) % 180:
        high, wide = wide, high
    metal = jitter(rng, (190, 180, 150), 15)
    for side in (-1, 1):
        place = (part.centre[0] + side * wide * 0.4, part.centre[1])
        box(base, place, max(2, wide * 0.22), high * 0.8, metal)
    if rng.random() < 0.5:
        origin = (part.centre[0] - wide / 2, part.centre[1] - high / 2 - 2)
        text(base, word(rng, 2, 3), origin, max(5.0, min(base.shape[:2]) * 0.025), (225, 225, 220))


def _painter(rng: np.random.Generator, layout: Layout, shape: Shape) -> Callable[[Image], Image]:
    """A function that paints a copper layer as this board's picture; holes, pads and print stay the same."""
    mask = jitter(rng, pick(rng, _MASKS), 14)
    lift = rng.uniform(18, 60) * (1 if sum(mask) < 500 else -1)
    metal = jitter(rng, pick(rng, ((205, 170, 90), (200, 200, 198), (190, 120, 80))), 14)
    cloud = smooth(rng, shape, shape[0] / 3) * np.float32(5)
    lines = [
        (word(rng), (rng.uniform(0, shape[1]), rng.uniform(0, shape[0])), rng.uniform(7, 13))
        for _ in range(int(rng.integers(0, 5)))
    ]
    naked = bool(rng.random() < 0.25)

    def painted(layer: Image) -> Image:
        image = blank(shape, mask)
        over = metal if naked else tuple(float(np.clip(v + lift, 0, 255)) for v in mask)
        blend(image, over, layer.astype(np.float32) / np.float32(255))
        if not naked:
            pads = cv2.min(layout.pads, layer)
            blend(image, metal, pads.astype(np.float32) / np.float32(255))
        blend(image, (22, 20, 18), layout.holes.astype(np.float32) / np.float32(255))
        for words, origin, height in lines:
            text(image, words, origin, height, (228, 228, 222) if sum(mask) < 500 else (30, 30, 30))
        return np.clip(image + cloud[..., None], 0, 255).astype(np.uint8)

    return painted


def _board_grain(shape: Shape) -> Callable[[np.random.Generator], Field]:
    return lambda rng: white(rng, shape) * np.float32(2.5)


def carrier(rng: np.random.Generator, shape: Shape) -> Image:
    """A plain background that a product lies on: table, tray or fixture."""
    tone = jitter(
        rng, pick(rng, ((60, 62, 66), (200, 200, 196), (120, 118, 112), (28, 28, 32), (90, 110, 140))), 18
    )
    image = blank(shape, tone)
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(2, 9))):
            disc(
                image,
                (rng.uniform(0, shape[1]), rng.uniform(0, shape[0])),
                rng.uniform(2, 9),
                jitter(rng, [float(v) - 30 for v in tone], 10),
            )
    return clouded(rng, image, shape[0] / 3, 6)
