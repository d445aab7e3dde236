"""Parts that several families share: packages, pins, screws and plain shaded shapes."""

import numpy as np
from numpy.typing import ArrayLike

from inspector_app.synthesis.canvas import (
    Colour,
    Field,
    Image,
    Point,
    blank,
    box,
    disc,
    jitter,
    joined,
    pick,
    polygon,
    polyline,
    shaded,
    text,
)
from inspector_app.synthesis.scene import Sprite
from inspector_app.synthesis.textures import bevelled, slope, smooth

GLYPHS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


def word(rng: np.random.Generator, least: int = 2, most: int = 7) -> str:
    """A random run of capitals and digits."""
    return "".join(GLYPHS[i] for i in rng.integers(len(GLYPHS), size=int(rng.integers(least, most + 1))))


def shaped(rgb: Image, alpha: Image, bevel: float = 0.0, depth: float = 60.0) -> Sprite:
    """A sprite whose outline is ``alpha``, its edge lit from the upper left over ``bevel`` pixels."""
    if bevel > 0:
        rgb = shaded(rgb, bevelled(alpha, bevel) * np.float32(depth))
    return Sprite(rgb, alpha)


def outline_sprite(points: ArrayLike, colour: Colour, bevel: float = 1.5, depth: float = 60.0) -> Sprite:
    """A filled outline (N x 2 about the origin) in one colour."""
    corners = np.asarray(points, np.float64)
    reach = np.ceil(np.abs(corners).max(axis=0)).astype(int) + 2
    shape = (int(2 * reach[1] + 1), int(2 * reach[0] + 1))
    alpha = np.zeros(shape, np.uint8)
    polygon(alpha, corners + reach, 255)
    return shaped(blank(shape, colour), alpha, bevel, depth)


def chip_sprite(rng: np.random.Generator, width: float, height: float, pins: int) -> Sprite:
    """An integrated circuit in a black package with ``pins`` leads on each long side, upright."""
    lead = max(2.0, width * 0.16)
    shape = (int(height) + 4, int(width + 2 * lead) + 4)
    middle = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    rgb, alpha = blank(shape, jitter(rng, (196, 198, 200), 12)), np.zeros(shape, np.uint8)
    step = height / pins
    for row in range(pins):
        y = middle[1] + (row - (pins - 1) / 2) * step
        box(alpha, (middle[0], y), width + 2 * lead, max(1.2, step * 0.45), 255)
    rgb = shaded(rgb, bevelled(alpha, 1.0) * np.float32(40))
    body = np.zeros(shape, np.uint8)
    box(body, middle, width, height, 255, 1.5)
    tone = jitter(rng, (38, 38, 42), 12)
    rgb[body > 127] = tone
    rgb = shaded(rgb, bevelled(body, max(1.0, width * 0.04)) * np.float32(45))
    ink = jitter(rng, (170, 170, 165), 25)
    letter = max(4.0, min(width * 0.22, height * 0.16))
    if width > 14:
        text(rgb, word(rng, 3, 5), (middle[0] - width * 0.38, middle[1]), letter, ink)
        if height > 24:
            text(rgb, word(rng, 3, 5), (middle[0] - width * 0.38, middle[1] + letter * 1.6), letter, ink)
    spot = (middle[0] - width * 0.33, middle[1] - height * 0.4)
    disc(rgb, spot, max(1.0, width * 0.05), jitter(rng, (80, 80, 84), 15))
    return Sprite(rgb, joined(alpha, body))


def passive_sprite(rng: np.random.Generator, length: float, width: float) -> Sprite:
    """A chip resistor or capacitor with two bright ends, lying."""
    shape = (int(width) + 4, int(length) + 4)
    middle = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    alpha = np.zeros(shape, np.uint8)
    box(alpha, middle, length, width, 255, 1.0)
    rgb = blank(shape, jitter(rng, (200, 202, 205), 15))
    body = jitter(rng, pick(rng, ((40, 38, 40), (150, 115, 80), (190, 160, 120), (60, 70, 110))), 12)
    box(rgb, middle, length * rng.uniform(0.5, 0.66), width + 2, body)
    if length > 16 and rng.random() < 0.6:
        text(
            rgb,
            word(rng, 3, 3),
            (middle[0] - length * 0.22, middle[1] + width * 0.2),
            width * 0.42,
            (225, 225, 220),
        )
    return shaped(rgb, alpha, 1.0, 40)


def can_sprite(rng: np.random.Generator, radius: float) -> Sprite:
    """An electrolytic capacitor or a similar round part from above."""
    side = int(2 * radius) + 4
    middle = ((side - 1) / 2, (side - 1) / 2)
    alpha = np.zeros((side, side), np.uint8)
    disc(alpha, middle, radius, 255)
    rgb = blank((side, side), jitter(rng, pick(rng, ((35, 40, 60), (40, 40, 40), (90, 60, 40))), 12))
    disc(rgb, middle, radius * 0.84, jitter(rng, (190, 192, 196), 15))
    rgb = shaded(rgb, slope(rng, (side, side)) * np.float32(25))
    segment = np.array(((-1.0, -0.2), (-0.55, -0.85), (-0.55, 0.85), (-1.0, 0.2))) * radius
    polygon(rgb, segment + middle, jitter(rng, (40, 42, 60), 10))
    return shaped(rgb, alpha, max(1.0, radius * 0.1), 45)


def screw_sprite(rng: np.random.Generator, radius: float) -> Sprite:
    """A screw head: slotted, crossed or with a hexagonal socket."""
    side = int(2 * radius) + 4
    middle = np.array(((side - 1) / 2, (side - 1) / 2))
    alpha = np.zeros((side, side), np.uint8)
    disc(alpha, middle, radius, 255)
    rgb = blank((side, side), jitter(rng, pick(rng, ((175, 178, 182), (190, 165, 105), (70, 72, 76))), 14))
    rgb = shaded(rgb, slope(rng, (side, side)) * np.float32(22))
    dark = jitter(rng, (40, 40, 42), 14)
    kind = int(rng.integers(3))
    turn = rng.uniform(0, np.pi)
    arm = np.array((np.cos(turn), np.sin(turn))) * radius * 0.68
    if kind == 2:
        angles = np.arange(6) * np.pi / 3 + turn
        polygon(rgb, np.stack((np.cos(angles), np.sin(angles)), 1) * radius * 0.5 + middle, dark)
    else:
        polyline(rgb, [middle - arm, middle + arm], max(1.5, radius * 0.28), dark)
        if kind == 1:
            across = np.array((-arm[1], arm[0]))
            polyline(rgb, [middle - across, middle + across], max(1.5, radius * 0.28), dark)
    return shaped(rgb, alpha, max(1.0, radius * 0.18), 70)


def regular(rng: np.random.Generator, radius: float) -> np.ndarray:
    """A random simple outline about the origin: polygon, star, gear, ellipse, bar or cross, N x 2."""
    kind = int(rng.integers(6))
    if kind == 0:
        corners = int(rng.integers(3, 9))
        turn = np.arange(corners) * 2 * np.pi / corners
        reach = np.full(corners, radius)
    elif kind == 1:
        corners = 2 * int(rng.integers(4, 9))
        turn = np.arange(corners) * 2 * np.pi / corners
        reach = np.where(np.arange(corners) % 2, radius, radius * rng.uniform(0.4, 0.7))
    elif kind == 2:
        teeth = int(rng.integers(8, 20))
        turn = np.linspace(0, 2 * np.pi, teeth * 4, endpoint=False)
        reach = np.where(np.arange(teeth * 4) % 4 < 2, radius, radius * 0.82)
    else:
        turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        reach = np.full(28, radius)
    points = np.stack((np.cos(turn) * reach, np.sin(turn) * reach), 1)
    if kind >= 3:
        points[:, 1] *= rng.uniform(0.25, 1.0)
    if kind == 4:
        points = np.sign(points) * np.minimum(np.abs(points) * 1.4, (radius, radius * rng.uniform(0.2, 0.7)))
    return points


def tinted(image: Image, field: Field, light: Point, dark: Point) -> Image:
    """A picture of ``image``'s shape from colour ``dark`` to ``light`` as ``field`` runs from -1 to 1."""
    share = np.clip(field * 0.5 + 0.5, 0, 1)[..., None]
    mixed = np.asarray(dark, np.float32) * (1 - share) + np.asarray(light, np.float32) * share
    return np.asarray(np.clip(mixed, 0, 255).astype(np.uint8).reshape(image.shape))


def clouded(rng: np.random.Generator, image: Image, cell: float, strength: float) -> Image:
    """``image`` with soft brightness clouds of ``strength`` levels."""
    return shaded(image, smooth(rng, (image.shape[0], image.shape[1]), cell) * np.float32(strength))
