"""Machined plates, turned discs and rough castings."""

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
    disc,
    jitter,
    pick,
    polygon,
    shaded,
    text,
)
from inspector_app.synthesis.families.boards import carrier
from inspector_app.synthesis.scene import Part, Scene, Shadow, resettled
from inspector_app.synthesis.sprites import outline_sprite, regular, screw_sprite, word
from inspector_app.synthesis.textures import bevelled, fractal, relief, smooth, streaks, turned_streaks, white

Hole = tuple[float, float, float, int]
"""Centre x, y, radius in pixels, and kind: 0 drilled, 1 counterbored, 2 tapped."""


def machined(rng: np.random.Generator, shape: Shape) -> Scene:
    """A brushed or turned metal plate with drilled, counterbored and tapped holes, screws and a number."""
    plate = _blank_plate(rng, shape)
    short = min(shape)
    holes = _hole_pattern(rng, shape, short)
    dark = jitter(rng, (32, 32, 34), 14)

    def drilled(kept: tuple[Hole, ...]) -> Image:
        image = plate.copy()
        for x, y, radius, kind in kept:
            _drill(image, x, y, radius, kind, dark)
        return image

    zone = np.ones(shape, np.bool_)
    parts = _screws(rng, shape, holes)
    grain = _brushed(shape, bool(rng.random() < 0.5), float(rng.uniform(2, 9)))
    scene = Scene(drilled(holes), zone, parts, grain=grain)
    special = {
        name: partial(_redrilled, scene, drilled, holes, name)
        for name in ("hole_missing", "hole_extra", "hole_moved", "hole_size")
    }
    return replace(scene, special=special, vary=partial(resettled, scene, short * 0.003, 3.0))


def _blank_plate(rng: np.random.Generator, shape: Shape) -> Image:
    tone = jitter(
        rng,
        pick(rng, ((165, 168, 172), (140, 142, 148), (190, 170, 120), (95, 98, 104), (176, 140, 118))),
        20,
    )
    plate = blank(shape, tone)
    if rng.random() < 0.35:
        centre = (shape[1] * rng.uniform(0.3, 0.7), shape[0] * rng.uniform(0.3, 0.7))
        plate = shaded(plate, turned_streaks(rng, shape, centre) * np.float32(rng.uniform(3, 9)))
    if rng.random() < 0.6:
        cover = np.zeros(shape, np.uint8)
        for _ in range(int(rng.integers(1, 4))):
            box(
                cover,
                (rng.uniform(0, shape[1]), rng.uniform(0, shape[0])),
                shape[1] * rng.uniform(0.1, 0.5),
                shape[0] * rng.uniform(0.06, 0.4),
                255,
                rng.uniform(2, 16),
            )
        plate = shaded(plate, bevelled(cover, rng.uniform(1, 4)) * np.float32(rng.choice((-70, 70))))
        blend(plate, tuple(float(v) * 0.82 for v in tone), cover.astype(np.float32) * np.float32(0.8 / 255))
    for _ in range(int(rng.integers(0, 3))):
        spot = (rng.uniform(0, shape[1] * 0.8), rng.uniform(0.1, 1) * shape[0])
        text(
            plate,
            word(rng),
            spot,
            rng.uniform(8, 20),
            tuple(float(v) * 0.45 for v in tone),
            int(rng.integers(1, 3)),
        )
    return shaded(plate, smooth(rng, shape, shape[0] / 2.5) * np.float32(9))


def _hole_pattern(rng: np.random.Generator, shape: Shape, short: int) -> tuple[Hole, ...]:
    radius, kind = short * rng.uniform(0.018, 0.05), int(rng.integers(3))
    holes: list[Hole] = []
    if rng.random() < 0.5:
        centre = np.array((shape[1], shape[0])) * rng.uniform(0.35, 0.65, 2)
        count, circle = int(rng.integers(4, 12)), short * rng.uniform(0.18, 0.42)
        for turn in np.arange(count) * 2 * np.pi / count + rng.uniform(0, 1):
            holes.append(
                (
                    float(centre[0] + circle * np.cos(turn)),
                    float(centre[1] + circle * np.sin(turn)),
                    radius,
                    kind,
                )
            )
        holes.append((float(centre[0]), float(centre[1]), circle * rng.uniform(0.2, 0.55), 1))
    else:
        step = short * rng.uniform(0.16, 0.36)
        for y in np.arange(rng.uniform(0, step), shape[0], step):
            for x in np.arange(rng.uniform(0.4, 0.6) * step, shape[1], step):
                if rng.random() < 0.85:
                    holes.append((float(x), float(y), radius, kind))
    return tuple(holes)


def _drill(image: Image, x: float, y: float, radius: float, kind: int, dark: tuple[int, int, int]) -> None:
    around = image[min(max(int(y), 0), image.shape[0] - 1), min(max(int(x), 0), image.shape[1] - 1)].astype(
        float
    )
    rim = tuple(float(v) for v in np.clip(around * 1.25 + 12, 0, 255))
    shade = tuple(float(v) for v in around * 0.7)
    if kind == 1:
        disc(image, (x, y), radius * 1.55, rim)
        disc(image, (x - radius * 0.06, y - radius * 0.06), radius * 1.42, shade)
    else:
        disc(image, (x + radius * 0.08, y + radius * 0.08), radius * 1.16, rim)
    disc(image, (x, y), radius, dark)
    if kind == 2:
        disc(image, (x, y), radius * 0.72, tuple(v + 34 for v in dark), max(1.0, radius * 0.12))
    disc(image, (x + radius * 0.2, y + radius * 0.2), radius * 0.6, tuple(v * 0.6 for v in dark))


def _redrilled(
    scene: Scene,
    drilled: Callable[[tuple[Hole, ...]], Image],
    holes: tuple[Hole, ...],
    name: str,
    rng: np.random.Generator,
) -> Scene:
    margin = min(scene.shape) * 0.12
    inside = [
        i
        for i, h in enumerate(holes)
        if margin < h[0] < scene.shape[1] - margin and margin < h[1] < scene.shape[0] - margin
    ]
    chosen = pick(rng, inside) if inside else 0
    x, y, radius, kind = holes[chosen]
    rest = holes[:chosen] + holes[chosen + 1 :]
    if name == "hole_missing":
        return scene.with_base(drilled(rest))
    if name == "hole_size":
        return scene.with_base(
            drilled((*rest, (x, y, radius * float(rng.choice((0.45, 0.6, 1.5, 1.8))), kind)))
        )
    away = rng.normal(0, 1, 2)
    away *= radius * rng.uniform(0.9, 3.0) / (np.hypot(*away) + 1e-6)
    placed = (x + float(away[0]), y + float(away[1]), radius, kind)
    return scene.with_base(drilled((*(holes if name == "hole_extra" else rest), placed)))


def _screws(rng: np.random.Generator, shape: Shape, holes: tuple[Hole, ...]) -> tuple[Part, ...]:
    if rng.random() < 0.5:
        return ()
    sprite = screw_sprite(rng, holes[0][2] * 1.7 + 2)
    shadow = Shadow(1.5, 2.0, 2.0, 0.4)
    chosen = [h for h in holes[:-1] if rng.random() < 0.5]
    return tuple(Part(sprite, (h[0], h[1]), float(rng.uniform(0, 360)), shadow, "screw") for h in chosen)


def _brushed(shape: Shape, upright: bool, strength: float) -> Callable[[np.random.Generator], Field]:
    def grain(rng: np.random.Generator) -> Field:
        return streaks(rng, shape, 35.0, upright) * np.float32(strength) + white(rng, shape) * np.float32(2)

    return grain


def casting(rng: np.random.Generator, shape: Shape) -> Scene:
    """A rough casting: raised hubs and ribs, cored holes, a pitted skin that no two parts share."""
    image = carrier(rng, shape)
    tone = jitter(rng, pick(rng, ((128, 130, 132), (100, 98, 96), (150, 146, 138), (120, 92, 72))), 16)
    short, middle = min(shape), np.array((shape[1], shape[0])) / 2
    cover = np.zeros(shape, np.uint8)
    if rng.random() < 0.5:
        polygon(cover, regular(rng, short * rng.uniform(0.36, 0.62)) + middle, 255)
    else:
        box(
            cover,
            middle,
            shape[1] * rng.uniform(0.6, 1.1),
            shape[0] * rng.uniform(0.5, 1.1),
            255,
            short * 0.08,
        )
    height = cv2.GaussianBlur(cover, (0, 0), short * 0.012).astype(np.float32)
    for _ in range(int(rng.integers(2, 8))):
        raised = np.zeros(shape, np.uint8)
        polygon(
            raised,
            regular(rng, short * rng.uniform(0.05, 0.2)) + middle + rng.normal(0, short * 0.17, 2),
            255,
        )
        height += cv2.GaussianBlur(raised, (0, 0), short * 0.01).astype(np.float32) * np.float32(
            rng.uniform(-0.7, 0.7)
        )
    body = shaded(blank(shape, tone), relief(height, (1.0, 1.0)) * np.float32(6))
    shadow = cv2.GaussianBlur(cover, (0, 0), short * 0.02).astype(np.float32) / np.float32(255)
    blend(image, (8, 8, 8), np.roll(shadow, (5, 5), (0, 1)) * np.float32(0.6))
    blend(image, body, cover.astype(np.float32) / np.float32(255))
    zone = np.asarray(cv2.erode(cover, np.ones((7, 7), np.uint8)) > 127)
    holes = tuple(
        (float(middle[0] + a), float(middle[1] + b), short * float(rng.uniform(0.02, 0.06)), 0)
        for a, b in rng.normal(0, short * 0.2, (int(rng.integers(1, 6)), 2))
    )
    dark = jitter(rng, (24, 24, 25), 10)

    def drilled(kept: tuple[Hole, ...]) -> Image:
        out = image.copy()
        for x, y, radius, kind in kept:
            _drill(out, x, y, radius, kind, dark)
        return out

    scene = Scene(drilled(holes), zone, _bosses(rng, short, middle, tone), grain=_skin(rng, shape, cover))
    special = {
        name: partial(_redrilled, scene, drilled, holes, name)
        for name in ("hole_missing", "hole_extra", "hole_size")
    }
    return replace(scene, special=special, vary=partial(resettled, scene, short * 0.004, 3.0))


def _bosses(
    rng: np.random.Generator, short: int, middle: np.ndarray, tone: tuple[int, int, int]
) -> tuple[Part, ...]:
    parts = []
    for _ in range(int(rng.integers(0, 4))):
        place = middle + rng.normal(0, short * 0.15, 2)
        colour = jitter(rng, tone, 25) if rng.random() < 0.7 else any_colour(rng)
        sprite = outline_sprite(regular(rng, short * rng.uniform(0.03, 0.09)), colour, 2.0, 70)
        parts.append(Part(sprite, (float(place[0]), float(place[1])), 0.0, Shadow(2, 3, 2.5, 0.45), "boss"))
    return tuple(parts)


def _skin(rng: np.random.Generator, shape: Shape, cover: Image) -> Callable[[np.random.Generator], Field]:
    coarse, strength = float(rng.uniform(3, 9)), float(rng.uniform(5, 16))
    inside = cover.astype(np.float32) / np.float32(255)

    def grain(rng: np.random.Generator) -> Field:
        return fractal(rng, shape, coarse, 2) * inside * np.float32(strength) + white(
            rng, shape
        ) * np.float32(2.5)

    return grain
