"""Moulded plastic, connectors, caps and gaskets, trays of assorted parts, and the abstract family."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from inspector_app.synthesis.canvas import (
    Field,
    Image,
    Shape,
    any_colour,
    blank,
    blend,
    box,
    box_points,
    disc,
    jitter,
    pick,
    polygon,
    polyline,
    shaded,
    text,
)
from inspector_app.synthesis.families.boards import carrier
from inspector_app.synthesis.scene import Part, Scene, Shadow, Sprite, resettled
from inspector_app.synthesis.sprites import (
    can_sprite,
    chip_sprite,
    outline_sprite,
    passive_sprite,
    regular,
    screw_sprite,
    shaped,
    tinted,
    word,
)
from inspector_app.synthesis.surface_defects import blob
from inspector_app.synthesis.textures import bevelled, fractal, rings, slope, smooth, streaks, weave, white


def _soft_noise(shape: Shape, strength: float) -> Callable[[np.random.Generator], Field]:
    return lambda rng: white(rng, shape) * np.float32(strength)


def _laid_on(ground: Image, cover: Image, rgb: Image, drop: float) -> None:
    """Put a shape on the table with its shadow."""
    soft = cv2.GaussianBlur(cover, (0, 0), max(1.0, drop)).astype(np.float32) / np.float32(255)
    blend(ground, (6, 6, 8), np.roll(soft, (int(drop), int(drop * 0.7)), (0, 1)) * np.float32(0.5))
    blend(ground, rgb, cover.astype(np.float32) / np.float32(255))


def plastic(rng: np.random.Generator, shape: Shape) -> Scene:
    """A moulded housing with ribs, bosses and raised letters; short shots and flash are its own defects."""
    ground, short, middle = carrier(rng, shape), min(shape), np.array((shape[1], shape[0])) / 2
    tone = any_colour(rng)
    outline = (
        box_points(
            (0, 0),
            shape[1] * rng.uniform(0.5, 0.95),
            shape[0] * rng.uniform(0.5, 0.95),
            short * rng.uniform(0.02, 0.16),
        )
        + middle
    )
    features = []
    for _ in range(int(rng.integers(4, 14))):
        cover = np.zeros(shape, np.uint8)
        polygon(
            cover,
            regular(rng, short * rng.uniform(0.03, 0.16)) + middle + rng.normal(0, short * 0.18, 2),
            255,
        )
        features.append((cover, float(rng.choice((-1, 1)))))
    words, spot = word(rng), middle + rng.normal(0, short * 0.15, 2)
    sheen = slope(rng, shape) * np.float32(rng.uniform(5, 28))

    def moulded(edge: np.ndarray) -> tuple[Image, Image]:
        cover = np.zeros(shape, np.uint8)
        polygon(cover, edge, 255)
        rgb = shaded(blank(shape, tone), sheen + bevelled(cover, short * 0.012) * np.float32(60))
        for shape_cover, raised in features:
            rgb = shaded(
                rgb,
                bevelled(shape_cover, 1.8) * np.float32(38 * raised)
                - shape_cover.astype(np.float32) * np.float32(0.04),
            )
        text(rgb, words, spot, short * 0.05, tuple(min(255.0, v + 35.0) for v in tone), 2)
        image = ground.copy()
        _laid_on(image, cover, rgb, short * 0.015)
        return image, cover

    image, cover = moulded(outline)
    zone = np.asarray(cv2.erode(cover, np.ones((5, 5), np.uint8)) > 127)
    scene = Scene(image, zone, _knobs(rng, short, middle), grain=_soft_noise(shape, 2))
    special = {name: partial(_misshot, scene, moulded, outline, name) for name in ("short_shot", "flash")}
    return replace(scene, special=special, vary=partial(resettled, scene, short * 0.004, 4.0))


def _misshot(
    scene: Scene,
    moulded: Callable[[np.ndarray], tuple[Image, Image]],
    outline: np.ndarray,
    name: str,
    rng: np.random.Generator,
) -> Scene:
    """The outline is short of a piece at one place, or has grown a lip there."""
    dense = np.concatenate(
        [
            np.linspace(a, b, 12, endpoint=False)
            for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True)
        ]
    )
    spot, reach = dense[int(rng.integers(len(dense)))], min(scene.shape) * rng.uniform(0.05, 0.12)
    middle = dense.mean(axis=0)
    near = np.clip(1 - np.hypot(*(dense - spot).T) / reach, 0, 1)
    inward = (middle - spot) / (np.hypot(*(middle - spot)) + 1e-6)
    depth = reach * rng.uniform(0.5, 1.0) * (1 if name == "short_shot" else -0.6)
    rough = rng.normal(0, 1, (len(dense), 2)) * (near > 0)[:, None]
    return scene.with_base(moulded(dense + near[:, None] ** 0.6 * inward * depth + rough)[0])


def _knobs(rng: np.random.Generator, short: int, middle: np.ndarray) -> tuple[Part, ...]:
    parts = []
    for _ in range(int(rng.integers(0, 7))):
        place = middle + rng.normal(0, short * 0.2, 2)
        if rng.random() < 0.5:
            sprite = screw_sprite(rng, short * rng.uniform(0.02, 0.05))
        else:
            sprite = outline_sprite(regular(rng, short * rng.uniform(0.03, 0.09)), any_colour(rng), 2, 70)
        parts.append(Part(sprite, (float(place[0]), float(place[1])), 0.0, Shadow(2, 3, 2, 0.4), "knob"))
    return tuple(parts)


def connector(rng: np.random.Generator, shape: Shape) -> Scene:
    """A plug or socket with rows of pins or blades; pins go missing, bend or shift."""
    ground, middle = carrier(rng, shape), np.array((shape[1], shape[0])) / 2
    rows, columns = int(rng.integers(1, 5)), int(rng.integers(3, 12))
    pitch = min(shape[1] * 0.8 / columns, shape[0] * 0.7 / rows) * rng.uniform(0.6, 1.0)
    tone = jitter(rng, any_colour(rng), 5) if rng.random() < 0.6 else jitter(rng, (38, 38, 40), 12)
    cover = np.zeros(shape, np.uint8)
    box(cover, middle, pitch * (columns + 1), pitch * (rows + 1), 255, pitch * 0.3)
    rgb = shaded(blank(shape, tone), bevelled(cover, pitch * 0.1) * np.float32(55))
    well = np.zeros(shape, np.uint8)
    box(well, middle, pitch * (columns + 0.4), pitch * (rows + 0.4), 255, pitch * 0.15)
    rgb = shaded(
        rgb, -bevelled(well, pitch * 0.08) * np.float32(55) - well.astype(np.float32) * np.float32(0.1)
    )
    _laid_on(ground, cover, rgb, pitch * 0.15)
    sprite = _pin(rng, pitch)
    socket = pitch * rng.uniform(0.2, 0.4)
    parts = []
    for row in range(rows):
        for column in range(columns):
            place = middle + np.array((column - (columns - 1) / 2, row - (rows - 1) / 2)) * pitch
            box(ground, place, socket * 2, socket * 2, tuple(v * 0.45 for v in tone), 1)
            parts.append(Part(sprite, (float(place[0]), float(place[1])), 0.0, Shadow(1, 1.5, 1, 0.5), "pin"))
    if rng.random() < 0.6:
        text(ground, word(rng), middle - (pitch, pitch * (rows + 1.4) / 2), pitch * 0.4, (220, 220, 215))
    scene = Scene(ground, np.asarray(cover > 127), tuple(parts), grain=_soft_noise(shape, 2.5))
    return replace(
        scene,
        special={"bent_pin": partial(_bent_pin, scene, pitch)},
        vary=partial(resettled, scene, pitch * 0.03, 2.0),
    )


def _pin(rng: np.random.Generator, pitch: float) -> Sprite:
    radius = pitch * rng.uniform(0.14, 0.3)
    metal = jitter(rng, pick(rng, ((205, 180, 105), (190, 192, 196))), 15)
    if rng.random() < 0.5:
        return (
            screw_sprite(rng, radius * 1.2)
            if rng.random() < 0.2
            else outline_sprite(
                box_points((0, 0), radius * 2, radius * 2, radius * rng.uniform(0, 1)), metal, 1.5, 75
            )
        )
    return outline_sprite(box_points((0, 0), radius * 2.6, radius * 1.1, 1), metal, 1.2, 75)


def _bent_pin(scene: Scene, pitch: float, rng: np.random.Generator) -> Scene:
    index = int(rng.integers(len(scene.parts)))
    part, shift = scene.parts[index], rng.normal(0, 1, 2)
    shift *= pitch * rng.uniform(0.25, 0.6) / (np.hypot(*shift) + 1e-6)
    place = (part.centre[0] + float(shift[0]), part.centre[1] + float(shift[1]))
    return scene.with_part(index, replace(part, centre=place, angle=part.angle + float(rng.uniform(-50, 50))))


def ring(rng: np.random.Generator, shape: Shape) -> Scene:
    """A cap, washer, seal or gasket: concentric rings, at times fluted or lugged; gaps are its own defect."""
    ground, short, middle = carrier(rng, shape), min(shape), np.array((shape[1], shape[0])) / 2
    radius, tone = short * rng.uniform(0.25, 0.46), any_colour(rng)
    cover = np.zeros(shape, np.uint8)
    turn = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    flutes, deep = int(rng.integers(10, 40)), rng.uniform(0, 0.05) * (rng.random() < 0.6)
    reach = radius * (1 + deep * np.sign(np.sin(flutes * turn)))
    polygon(cover, np.stack((np.cos(turn), np.sin(turn)), 1) * reach[:, None] + middle, 255)
    open_middle = rng.random() < 0.5
    if open_middle:
        disc(cover, middle, radius * rng.uniform(0.4, 0.85), 0)
    rgb = shaded(blank(shape, tone), bevelled(cover, radius * 0.03) * np.float32(65))
    for _ in range(int(rng.integers(1, 6))):
        inner = radius * rng.uniform(0.2, 0.95)
        disc(
            rgb,
            middle,
            inner,
            jitter(rng, tone, 40) if rng.random() < 0.7 else any_colour(rng),
            rng.uniform(1, radius * 0.1),
        )
    if not open_middle and rng.random() < 0.6:
        text(rgb, word(rng, 2, 5), middle - (radius * 0.5, -radius * 0.12), radius * 0.25, any_colour(rng), 2)
    rgb = shaded(rgb, slope(rng, shape) * np.float32(20))
    image = ground.copy()
    _laid_on(image, cover, rgb, short * 0.02)
    parts = []
    count = int(rng.integers(3, 9))
    if rng.random() < 0.4:
        sprite = outline_sprite(regular(rng, radius * 0.1), any_colour(rng), 1.5)
        for angle in np.arange(count) * 2 * np.pi / count:
            place = middle + np.array((np.cos(angle), np.sin(angle))) * radius * 0.6
            parts.append(
                Part(sprite, (float(place[0]), float(place[1])), float(np.rad2deg(angle)), None, "lug")
            )
    scene = Scene(image, np.asarray(cover > 127), tuple(parts), grain=_soft_noise(shape, 2))
    special = {"gap": partial(_gapped, scene, ground, cover, middle, radius)}
    return replace(scene, special=special, vary=partial(resettled, scene, radius * 0.01, 3.0))


def _gapped(
    scene: Scene, ground: Image, cover: Image, middle: np.ndarray, radius: float, rng: np.random.Generator
) -> Scene:
    """A piece of the rim is torn away, so that the table shows."""
    gone, angle = np.zeros(scene.shape, np.uint8), rng.uniform(0, 2 * np.pi)
    spot = middle + np.array((np.cos(angle), np.sin(angle))) * radius * rng.uniform(0.85, 1.0)
    polygon(gone, blob(rng, radius * rng.uniform(0.08, 0.25), 0.3) + spot, 255)
    base = scene.base.copy()
    blend(base, ground, cv2.min(gone, cover).astype(np.float32) / np.float32(255))
    return scene.with_base(base)


def tray(rng: np.random.Generator, shape: Shape) -> Scene:
    """A tray with pockets holding assorted or equal parts."""
    base, short = carrier(rng, shape), min(shape)
    pitch = short * float(rng.uniform(0.14, 0.4))
    tone = base[0, 0].astype(float)
    equal = bool(rng.random() < 0.5)
    first = _thing(rng, pitch * 0.36)
    parts, well = [], np.zeros(shape, np.uint8)
    for y in np.arange(pitch * rng.uniform(0.3, 0.7), shape[0], pitch):
        for x in np.arange(pitch * 0.5, shape[1], pitch):
            box(well, (x, y), pitch * 0.86, pitch * 0.86, 255, pitch * 0.12)
            if rng.random() < 0.88:
                sprite = first if equal else _thing(rng, pitch * 0.36)
                parts.append(
                    Part(
                        sprite,
                        (float(x), float(y)),
                        float(rng.choice((0, 0, 90, 45))),
                        Shadow(pitch * 0.03, pitch * 0.05, pitch * 0.04, 0.45),
                        "item",
                    )
                )
    base = shaded(base, -bevelled(well, 2.0) * np.float32(45))
    blend(base, tuple(tone * 0.8), well.astype(np.float32) * np.float32(0.7 / 255))
    scene = Scene(base, np.ones(shape, np.bool_), tuple(parts), grain=_soft_noise(shape, 2.5))
    return replace(scene, vary=partial(resettled, scene, pitch * 0.02, 3.0))


def _thing(rng: np.random.Generator, radius: float) -> Sprite:
    kind = int(rng.integers(6))
    if kind == 0:
        return screw_sprite(rng, radius)
    if kind == 1:
        return can_sprite(rng, radius)
    if kind == 2:
        return chip_sprite(rng, radius * 1.1, radius * 1.5, int(rng.integers(3, 7)))
    if kind == 3:
        return passive_sprite(rng, radius * 1.8, radius)
    return _patterned(rng, regular(rng, radius))


def _patterned(rng: np.random.Generator, outline: np.ndarray) -> Sprite:
    """An outline filled with a colour or a texture of two colours."""
    plain = outline_sprite(outline, any_colour(rng), float(rng.choice((0, 1.5, 3))), 70)
    if rng.random() < 0.5:
        return plain
    return shaped(_ground(rng, (plain.alpha.shape[0], plain.alpha.shape[1])), plain.alpha, 1.5)


def _ground(rng: np.random.Generator, shape: Shape) -> Image:
    """A texture of two random colours: clouds, streaks, rings, weave, stripes or plain."""
    light, dark = any_colour(rng), any_colour(rng)
    cell = float(np.exp(rng.uniform(np.log(2.5), np.log(40))))
    kind = int(rng.integers(6))
    if kind == 0:
        field = fractal(rng, shape, cell * 2)
    elif kind == 1:
        field = streaks(rng, shape, cell * 3, bool(rng.random() < 0.5))
    elif kind == 2:
        field = rings(rng, shape, max(4.0, cell))
    elif kind == 3:
        field = weave(shape, max(3.0, cell / 2), int(rng.integers(1, 4)))
    elif kind == 4:
        field = np.sin(slope(rng, shape) * np.float32(shape[0] / cell))
    else:
        field = slope(rng, shape) * np.float32(rng.uniform(0, 1))
    share = float(rng.choice((0.15, 0.4, 1.0)))
    return tinted(blank(shape, (0, 0, 0)), field * np.float32(share), light, dark)


def abstract(rng: np.random.Generator, shape: Shape) -> Scene:
    """Shapes, lines and words in any colour on any texture: change as such, with no product behind it."""
    base = _ground(rng, shape)
    for _ in range(int(rng.integers(0, 8))):
        path = rng.uniform(0, 1, (int(rng.integers(2, 5)), 2)) * (shape[1], shape[0])
        polyline(base, path, rng.uniform(1, 9), any_colour(rng))
    for _ in range(int(rng.integers(0, 4))):
        text(
            base,
            word(rng),
            rng.uniform(0, 0.9, 2) * (shape[1], shape[0]),
            rng.uniform(6, 40),
            any_colour(rng),
            int(rng.integers(1, 4)),
        )
    parts = []
    for _ in range(int(rng.integers(2, 16))):
        sprite = _patterned(
            rng, regular(rng, min(shape) * float(np.exp(rng.uniform(np.log(0.02), np.log(0.2)))))
        )
        place = rng.uniform(0, 1, 2) * (shape[1], shape[0])
        shadow = Shadow(2, 3, 2.5, float(rng.uniform(0.2, 0.6))) if rng.random() < 0.4 else None
        parts.append(
            Part(sprite, (float(place[0]), float(place[1])), float(rng.uniform(0, 360)), shadow, "shape")
        )
    coarse, strength = float(rng.uniform(1, 6)), float(rng.uniform(0, 10))
    scene = Scene(
        base,
        np.ones(shape, np.bool_),
        tuple(parts),
        grain=lambda r: smooth(r, shape, coarse) * np.float32(strength),
    )
    return replace(scene, vary=partial(resettled, scene, min(shape) * 0.003, 1.5))
