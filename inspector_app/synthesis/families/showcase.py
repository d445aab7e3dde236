"""The products of the demo set: ball bearing, blister pack, fuse box. No training ever draws them."""

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
    polyline,
    shaded,
    text,
)
from inspector_app.synthesis.scene import Part, Scene, Shadow, Sprite, paste, resettled
from inspector_app.synthesis.sprites import shaped, word
from inspector_app.synthesis.textures import bevelled, fractal, slope, smooth, turned_streaks, white

FUSES: tuple[tuple[str, Colour], ...] = (
    ("5", (198, 152, 104)),
    ("7.5", (132, 84, 52)),
    ("10", (206, 44, 42)),
    ("15", (46, 118, 204)),
    ("20", (240, 204, 52)),
    ("30", (44, 152, 80)),
)


def _fine(shape: Shape, strength: float, rng: np.random.Generator) -> Field:
    return white(rng, shape) * np.float32(strength)


def _disc_cover(shape: Shape, centre: tuple[float, float], outer: float, inner: float) -> Image:
    cover = np.zeros(shape, np.uint8)
    disc(cover, centre, outer, 255)
    disc(cover, centre, inner, 0)
    return cover


def bearing(rng: np.random.Generator, shape: Shape) -> Scene:
    """A ball bearing on a dark mat: turned steel rings, a brass cage, polished balls, an engraved number."""
    short, middle = min(shape), ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    radius = short * float(rng.uniform(0.41, 0.43))
    image = shaded(
        blank(shape, jitter(rng, (58, 66, 78), 8)),
        fractal(rng, shape, short / 90) * np.float32(3) + slope(rng, shape) * np.float32(10),
    )
    whole = _disc_cover(shape, middle, radius, radius * 0.34)
    soft = cv2.GaussianBlur(whole, (0, 0), radius * 0.035).astype(np.float32) / np.float32(255)
    step = int(radius * 0.05)
    blend(image, (6, 7, 10), np.roll(soft, (step, step), (0, 1)) * np.float32(0.75))
    race = _disc_cover(shape, middle, radius * 0.78, radius * 0.5)
    blend(image, (26, 27, 30), race.astype(np.float32) / np.float32(255))
    steel = _steel(rng, shape, middle)
    cage = _disc_cover(shape, middle, radius * 0.675, radius * 0.585)
    brass = shaded(
        blank(shape, jitter(rng, (186, 146, 72), 8)), bevelled(cage, radius * 0.012) * np.float32(60)
    )
    blend(image, brass, cage.astype(np.float32) / np.float32(255))
    for outer, inner in ((1.0, 0.755), (0.52, 0.34)):
        cover = _disc_cover(shape, middle, radius * outer, radius * inner)
        lit = shaded(steel, bevelled(cover, radius * 0.014) * np.float32(80))
        for groove in (outer - 0.03, inner + 0.03):
            disc(lit, middle, radius * groove, (112, 115, 120), max(1.0, radius * 0.006))
        blend(image, lit, cover.astype(np.float32) / np.float32(255))
    _engrave(
        image, f"{rng.integers(6200, 6320)}-2Z   {word(rng, 4, 5)}", middle, radius * 0.865, radius * 0.075
    )
    zone = (_disc_cover(shape, middle, radius * 0.98, radius * 0.77) > 127) | (
        _disc_cover(shape, middle, radius * 0.5, radius * 0.36) > 127
    )
    scene = Scene(image, zone, _balls(rng, middle, radius), grain=partial(_fine, shape, 1.3))
    return replace(scene, vary=partial(resettled, scene, radius * 0.004, 6.0))


def _steel(rng: np.random.Generator, shape: Shape, middle: tuple[float, float]) -> Image:
    """Turned steel: fine circular marks, and the fan of light that such marks throw."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(middle[1])
    columns = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(middle[0])
    angle = np.arctan2(rows, columns) + np.float32(rng.uniform(0, np.pi))
    fan = np.cos(angle) ** 2
    light = (fan**3 * 62 + np.sin(angle * 3) * 7 - 20).astype(np.float32)
    marks = cv2.GaussianBlur(turned_streaks(rng, shape, middle), (0, 0), 0.8) * np.float32(5)
    return shaded(blank(shape, jitter(rng, (164, 168, 174), 6)), light + marks)


def _balls(rng: np.random.Generator, middle: tuple[float, float], radius: float) -> tuple[Part, ...]:
    count, size = int(rng.integers(8, 11)), radius * 0.118
    side = int(2 * size) + 5
    grid = (np.arange(side, dtype=np.float32) - (side - 1) / 2) / np.float32(size)
    x, y = grid[None, :], grid[:, None]
    depth = np.sqrt(np.clip(1 - x * x - y * y, 0, 1))
    tone = 58 + 120 * np.clip(depth * 0.6 - 0.45 * x - 0.5 * y, 0, 1) + 26 * np.clip(y * 1.6 - 0.7, 0, 1)
    tone += 150 * np.exp(-(((x + 0.36) ** 2 + (y + 0.4) ** 2) / 0.028))
    rgb = np.clip(tone[..., None] * np.array((0.98, 1.0, 1.03)), 0, 255).astype(np.uint8)
    alpha = np.zeros((side, side), np.uint8)
    disc(alpha, ((side - 1) / 2, (side - 1) / 2), size, 255)
    shadow = Shadow(size * 0.15, size * 0.2, size * 0.16, 0.7)
    start = rng.uniform(0, 2 * np.pi)
    turns = start + np.arange(count) * 2 * np.pi / count
    return tuple(
        Part(
            Sprite(rgb, alpha),
            (middle[0] + radius * 0.636 * float(np.cos(t)), middle[1] + radius * 0.636 * float(np.sin(t))),
            0.0,
            shadow,
            "ball",
        )
        for t in turns
    )


def _engrave(image: Image, words: str, middle: tuple[float, float], reach: float, height: float) -> None:
    """Letters set along a circle, their feet towards the middle."""
    side = int(height * 2) + 2
    for i, letter in enumerate(words):
        alpha = np.zeros((side, side), np.uint8)
        text(alpha, letter, (side * 0.28, side * 0.72), height, 255, max(1, round(height / 11)))
        turn = -118.0 + i * np.rad2deg(height * 0.95 / reach)
        place = (
            middle[0] + reach * float(np.cos(np.deg2rad(turn))),
            middle[1] + reach * float(np.sin(np.deg2rad(turn))),
        )
        cut = Sprite(blank((side, side), (58, 60, 64)), alpha)
        lip = Sprite(blank((side, side), (226, 229, 232)), alpha)
        paste(image, Part(lip, (place[0] + height * 0.05, place[1] + height * 0.05), turn + 90))
        paste(image, Part(cut, place, turn + 90))


def blister(rng: np.random.Generator, shape: Shape) -> Scene:
    """A blister pack: embossed foil with print, clear cavities, scored tablets."""
    short, middle = min(shape), ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    image = shaded(
        blank(shape, jitter(rng, (92, 112, 128), 6)), smooth(rng, shape, short / 2) * np.float32(5)
    )
    wide, high = shape[1] * 0.86, shape[0] * 0.84
    cover = np.zeros(shape, np.uint8)
    box(cover, middle, wide, high, 255, short * 0.06)
    soft = cv2.GaussianBlur(cover, (0, 0), short * 0.014).astype(np.float32) / np.float32(255)
    step = int(short * 0.014)
    blend(image, (12, 16, 20), np.roll(soft, (step, step), (0, 1)) * np.float32(0.65))
    foil = shaded(_foil(rng, shape), bevelled(cover, short * 0.006) * np.float32(60))
    columns, rows = int(rng.integers(4, 6)), int(rng.integers(2, 4))
    pitch = (wide * 0.93 / columns, high * 0.80 / rows)
    size = min(pitch) * 0.33
    _foil_print(rng, foil, middle, wide, high)
    cavities = np.zeros(shape, np.uint8)
    places = [
        (
            middle[0] + (c - (columns - 1) / 2) * pitch[0],
            middle[1] + high * 0.05 + (r - (rows - 1) / 2) * pitch[1],
        )
        for r in range(rows)
        for c in range(columns)
    ]
    for place in places:
        disc(cavities, place, size * 1.28, 255)
    foil = shaded(foil, bevelled(cavities, size * 0.1) * np.float32(75))
    blend(foil, (150, 160, 170), cavities.astype(np.float32) * np.float32(0.35 / 255))
    blend(image, foil, cover.astype(np.float32) / np.float32(255))
    tablet = _tablet(rng, size)
    shadow = Shadow(size * 0.12, size * 0.16, size * 0.12, 0.5)
    parts = tuple(Part(tablet, p, float(rng.uniform(-8, 8)), shadow, "tablet") for p in places)
    scene = Scene(
        image,
        np.asarray(cv2.erode(cover, np.ones((9, 9), np.uint8)) > 127),
        parts,
        grain=partial(_fine, shape, 1.3),
    )
    return replace(scene, vary=partial(resettled, scene, size * 0.02, 3.0))


def _foil(rng: np.random.Generator, shape: Shape) -> Image:
    """Aluminium foil with an embossed diamond pattern and broad reflections."""
    period = min(shape) / 48
    rows = np.arange(shape[0], dtype=np.float32)[:, None] * np.float32(np.pi / period)
    columns = np.arange(shape[1], dtype=np.float32)[None, :] * np.float32(np.pi / period)
    emboss = np.sin(rows + columns) * np.sin(rows - columns)
    light = slope(rng, shape) * np.float32(16) + smooth(rng, shape, min(shape) / 3) * np.float32(7)
    return shaded(blank(shape, jitter(rng, (192, 197, 202), 4)), emboss * np.float32(7) + light)


def _foil_print(
    rng: np.random.Generator, foil: Image, middle: tuple[float, float], wide: float, high: float
) -> None:
    ink = pick(rng, ((24, 66, 140), (20, 110, 90), (140, 30, 60)))
    left, top = middle[0] - wide * 0.44, middle[1] - high * 0.385
    letter = high * 0.052
    text(
        foil,
        pick(rng, ("VITALOR 250 mg", "CARDIUM 40 mg", "NEUROSAN 75 mg")),
        (left, top),
        letter,
        ink,
        max(1, round(letter / 6)),
    )
    text(
        foil,
        f"LOT {word(rng, 5, 5)}",
        (middle[0] + wide * 0.06, top),
        letter * 0.7,
        (40, 42, 46),
        max(1, round(letter / 10)),
    )
    text(
        foil,
        "EXP 09/29",
        (middle[0] + wide * 0.265, top),
        letter * 0.7,
        (40, 42, 46),
        max(1, round(letter / 10)),
    )


def _tablet(rng: np.random.Generator, size: float) -> Sprite:
    side = int(2 * size) + 5
    middle = ((side - 1) / 2, (side - 1) / 2)
    alpha = np.zeros((side, side), np.uint8)
    disc(alpha, middle, size, 255)
    tone = jitter(rng, pick(rng, ((240, 236, 228), (246, 206, 196), (250, 228, 160))), 4)
    inner = np.zeros((side, side), np.uint8)
    disc(inner, middle, size * 0.82, 255)
    field = bevelled(alpha, size * 0.14) * np.float32(70) + bevelled(inner, size * 0.06) * np.float32(14)
    rgb = shaded(blank((side, side), tone), field + fractal(rng, (side, side), 3.0, 2) * np.float32(2.5))
    score = [(middle[0] - size * 0.74, middle[1]), (middle[0] + size * 0.74, middle[1])]
    lit = tuple(min(255, v + 12) for v in tone)
    polyline(rgb, np.array(score) + np.array((0, size * 0.05)), size * 0.05, lit)
    polyline(rgb, score, size * 0.06, tuple(v * 0.72 for v in tone))
    return Sprite(rgb, alpha)


def fuse_box(rng: np.random.Generator, shape: Shape) -> Scene:
    """A fuse box: coloured blade fuses with their ratings in a black housing, screws and a label strip."""
    short, middle = min(shape), ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    image = shaded(
        blank(shape, jitter(rng, (150, 154, 156), 6)), fractal(rng, shape, short / 60) * np.float32(3)
    )
    wide, high = shape[1] * 0.87, shape[0] * 0.85
    cover = np.zeros(shape, np.uint8)
    box(cover, middle, wide, high, 255, short * 0.04)
    soft = cv2.GaussianBlur(cover, (0, 0), short * 0.018).astype(np.float32) / np.float32(255)
    step = int(short * 0.02)
    blend(image, (8, 8, 8), np.roll(soft, (step, step), (0, 1)) * np.float32(0.7))
    body = blank(shape, jitter(rng, (46, 47, 50), 3))
    body = shaded(
        body,
        bevelled(cover, short * 0.008) * np.float32(60)
        + fractal(rng, shape, 3.0, 2) * np.float32(2.2)
        + slope(rng, shape) * np.float32(9),
    )
    columns, rows = int(rng.integers(5, 7)), 3
    pitch = (wide * 0.9 / columns, high * 0.78 / rows)
    size = (pitch[0] * 0.54, pitch[1] * 0.66)
    slots = np.zeros(shape, np.uint8)
    places = [
        (
            middle[0] + (c - (columns - 1) / 2) * pitch[0],
            middle[1] + high * 0.055 + (r - (rows - 1) / 2) * pitch[1],
        )
        for r in range(rows)
        for c in range(columns)
    ]
    for place in places:
        box(slots, place, size[0] * 1.2, size[1] * 1.14, 255, short * 0.008)
    body = shaded(body, -bevelled(slots, short * 0.005) * np.float32(60))
    blend(body, (17, 17, 18), slots.astype(np.float32) * np.float32(0.8 / 255))
    for place in places:
        for side in (-1, 1):
            box(
                body,
                (place[0], place[1] + side * size[1] * 0.3),
                size[0] * 0.5,
                size[1] * 0.1,
                (150, 128, 84),
                1,
            )
    _strip(rng, body, middle, wide, high, places, columns)
    blend(image, body, cover.astype(np.float32) / np.float32(255))
    shadow = Shadow(short * 0.006, short * 0.009, short * 0.007, 0.65)
    kinds = [_fuse(rng, size, *rating) for rating in FUSES]
    parts = tuple(Part(kinds[int(rng.integers(len(kinds)))], p, 0.0, shadow, "fuse") for p in places)
    scene = Scene(
        image,
        np.asarray(cv2.erode(cover, np.ones((9, 9), np.uint8)) > 127),
        parts,
        grain=partial(_fine, shape, 1.3),
    )
    return replace(scene, vary=partial(resettled, scene, size[0] * 0.012, 0.5))


def _strip(
    rng: np.random.Generator,
    body: Image,
    middle: tuple[float, float],
    wide: float,
    high: float,
    places: list[tuple[float, float]],
    columns: int,
) -> None:
    """The label strip above the fuses and the positions' numbers beside them."""
    top = middle[1] - high * 0.405
    box(body, (middle[0], top), wide * 0.72, high * 0.09, (226, 224, 214), 3)
    letter = high * 0.042
    text(
        body,
        f"F1-F{len(places)}  12V  {word(rng, 4, 5)}",
        (middle[0] - wide * 0.33, top + letter * 0.5),
        letter,
        (28, 28, 30),
        max(1, round(letter / 7)),
    )
    for side in (-1, 1):
        spot = (middle[0] + side * wide * 0.435, top)
        disc(body, spot, high * 0.034, (142, 144, 148))
        disc(body, spot, high * 0.03, (186, 188, 190))
        polyline(
            body,
            [(spot[0] - high * 0.02, spot[1] - high * 0.01), (spot[0] + high * 0.02, spot[1] + high * 0.01)],
            high * 0.009,
            (52, 52, 54),
        )
    for number, place in enumerate(places):
        digits = f"{number + 1}"
        left = place[0] - wide * 0.355 / columns - letter * 0.5 * len(digits)
        text(
            body,
            digits,
            (left, place[1] + letter * 0.25),
            letter * 0.56,
            (196, 196, 192),
            max(1, round(letter / 12)),
        )


def _fuse(rng: np.random.Generator, size: tuple[float, float], rating: str, colour: Colour) -> Sprite:
    """One blade fuse from above: translucent body, raised middle with the rating, two metal test points."""
    wide, high = size
    shape = (int(high) + 5, int(wide) + 5)
    middle = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    alpha = np.zeros(shape, np.uint8)
    box(alpha, middle, wide, high, 255, wide * 0.1)
    rgb = shaded(
        blank(shape, colour),
        bevelled(alpha, wide * 0.045) * np.float32(70) + slope(rng, shape) * np.float32(6),
    )
    ridge = np.zeros(shape, np.uint8)
    box(ridge, middle, wide * 0.78, high * 0.5, 255, wide * 0.06)
    rgb = shaded(
        rgb, bevelled(ridge, wide * 0.03) * np.float32(55) + ridge.astype(np.float32) * np.float32(0.05)
    )
    for side in (-1, 1):
        box(rgb, (middle[0], middle[1] + side * high * 0.375), wide * 0.34, high * 0.07, (206, 204, 196), 1)
        box(
            rgb,
            (middle[0], middle[1] + side * high * 0.375 + 1),
            wide * 0.28,
            high * 0.03,
            (120, 118, 112),
            1,
        )
    ink = (250, 250, 248) if sum(colour) < 430 else (40, 36, 30)
    letter = wide * 0.3
    text(
        rgb,
        rating,
        (middle[0] - letter * 0.42 * len(rating), middle[1] + letter * 0.5),
        letter,
        ink,
        max(1, round(letter / 6)),
    )
    return shaped(rgb, alpha)
