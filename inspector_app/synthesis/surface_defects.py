"""Defects of a surface, painted on a picture: scratches, stains, chips, dirt, misprints and the like.

Each takes ``(rng, image, zone)`` - uint8 HxWx3 and bool HxW - and returns a new picture of the same shape,
changed somewhere around a point of ``zone``; those that lay on a colour take it as ``tone`` when it matters.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.synthesis.canvas import (
    Field,
    Image,
    Mask,
    any_colour,
    blend,
    disc,
    ellipse,
    jitter,
    polygon,
    polyline,
    shaded,
    softened,
    without,
)
from inspector_app.synthesis.textures import fractal, relief, white

SurfaceDefect = Callable[[np.random.Generator, Image, Mask], Image]
Tone = tuple[float, float, float]


def spot_in(rng: np.random.Generator, zone: Mask) -> tuple[float, float]:
    """A random point (x, y) of ``zone``; the middle when the zone is empty."""
    rows, columns = np.nonzero(zone)
    if len(rows) == 0:
        return zone.shape[1] / 2, zone.shape[0] / 2
    chosen = int(rng.integers(len(rows)))
    return float(columns[chosen]), float(rows[chosen])


def blob(
    rng: np.random.Generator, radius: float, rough: float = 0.35, corners: int = 14
) -> NDArray[np.float64]:
    """A closed irregular outline of about ``radius`` pixels about the origin, N x 2."""
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    reach = radius * np.clip(1 + rough * rng.standard_normal(corners), 0.3, 2.0)
    squeeze = rng.uniform(0.5, 1.0)
    points = np.stack((np.cos(turn) * reach, np.sin(turn) * reach * squeeze), 1)
    angle = rng.uniform(0, np.pi)
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array(((c, -s), (s, c)))


def wander(
    rng: np.random.Generator, start: tuple[float, float], length: float, steps: int, curl: float
) -> NDArray[np.float64]:
    """A line that starts at ``start`` and changes its heading by about ``curl`` radians a step, N x 2."""
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, curl, steps))
    strides = np.stack((np.cos(heading), np.sin(heading)), 1) * (length / steps)
    path = np.concatenate((np.zeros((1, 2)), np.cumsum(strides, 0))) + np.asarray(start)
    return np.asarray(path, np.float64)


def _extent(image: Image, rng: np.random.Generator, low: float, high: float) -> float:
    """A length between shares ``low`` and ``high`` of the picture's shorter side, small ones more often."""
    return float(min(image.shape[:2])) * float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _away(
    rng: np.random.Generator, image: Image, spot: tuple[float, float], wanted: Tone | None = None
) -> NDArray[np.float64]:
    """The colour ``wanted``, or without one a colour that stands out from the picture at ``spot``."""
    if wanted is not None:
        return np.asarray(wanted, np.float64)
    x = min(max(int(spot[0]), 0), image.shape[1] - 1)
    y = min(max(int(spot[1]), 0), image.shape[0] - 1)
    here = image[y, x].astype(np.float64)
    for _ in range(8):
        if rng.random() < 0.5:
            tone = np.asarray(any_colour(rng), np.float64)
        else:
            tone = np.full(3, rng.uniform(0, 255)) + rng.normal(0, 6, 3)
        if np.abs(tone - here).max() > 45:
            return tone
    return 255.0 - here if np.abs(255.0 - 2 * here).max() > 45 else np.full(3, 240.0)


def _cover(image: Image) -> Image:
    return np.zeros(image.shape[:2], np.uint8)


def _laid(image: Image, layer: Image | NDArray[np.float64], cover: Image, strength: float) -> Image:
    out = image.copy()
    rows, columns = np.nonzero(cover.any(1))[0], np.nonzero(cover.any(0))[0]
    if len(rows) == 0:
        return out
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    over = np.asarray(layer[window] if layer.ndim == 3 else layer, np.float32)
    blend(out[window], over, cover[window].astype(np.float32) * np.float32(strength / 255))
    return out


def scratch(rng: np.random.Generator, image: Image, zone: Mask, tone: Tone | None = None) -> Image:
    """A long thin mark, brighter or darker, at times with a lit and a dark side."""
    spot = spot_in(rng, zone)
    path = wander(rng, spot, _extent(image, rng, 0.08, 0.6), 12, rng.choice((0.02, 0.1, 0.3)))
    width = rng.uniform(1, 1 + min(image.shape[:2]) / 110)
    cover = _cover(image)
    polyline(cover, path, width, 255)
    out = _laid(image, _away(rng, image, spot, tone), cover, rng.uniform(0.55, 1.0))
    if rng.random() < 0.4:
        side = _cover(image)
        polyline(side, path + np.array((1.0, 1.0)), width, 255)
        out = _laid(out, np.zeros(3), without(side, cover), 0.5)
    return out


def crack(rng: np.random.Generator, image: Image, zone: Mask) -> Image:
    """A dark jagged line that may fork."""
    spot = spot_in(rng, zone)
    length = _extent(image, rng, 0.1, 0.5)
    cover = _cover(image)
    trunk = wander(rng, spot, length, 16, 0.5)
    polyline(cover, trunk, rng.uniform(1, 1 + min(image.shape[:2]) / 128), 255)
    for _ in range(int(rng.integers(0, 3))):
        fork = trunk[int(rng.integers(len(trunk)))]
        polyline(cover, wander(rng, (float(fork[0]), float(fork[1])), length * 0.4, 8, 0.5), 1, 255)
    tone = rng.uniform(0, 60) if image[cover > 0].mean() > 80 else rng.uniform(150, 240)
    return _laid(image, np.full(3, tone), cover, rng.uniform(0.7, 1.0))


def stain(rng: np.random.Generator, image: Image, zone: Mask, tone: Tone | None = None) -> Image:
    """A translucent patch with an uneven inside, at times with a darker rim."""
    spot = spot_in(rng, zone)
    cover = _cover(image)
    radius = _extent(image, rng, 0.02, 0.13)
    outline = blob(rng, radius) + spot
    polygon(cover, outline, 255)
    cover = softened(cover, max(0.7, radius * rng.uniform(0.05, 0.3)))
    strength = rng.uniform(0.4, 0.9)
    out = _laid(image, _away(rng, image, spot, tone), cover, strength)
    if rng.random() < 0.3:
        rim = _cover(image)
        polyline(rim, outline, max(1.0, radius / 8), 255, closed=True)
        out = _laid(out, _away(rng, image, spot, tone), rim, 0.6)
    return out


def chip(rng: np.random.Generator, image: Image, zone: Mask) -> Image:
    """A sharp-edged piece broken out, rough and shaded inside."""
    spot = spot_in(rng, zone)
    cover = _cover(image)
    radius = _extent(image, rng, 0.015, 0.08)
    polygon(cover, blob(rng, radius, 0.4, 9) + spot, 255)
    tone = _away(rng, image, spot) if rng.random() < 0.7 else np.full(3, rng.uniform(10, 60))
    rough = np.clip(
        tone + white(rng, (cover.shape[0], cover.shape[1]))[..., None] * rng.uniform(5, 30), 0, 255
    )
    return _laid(image, rough, cover, 1.0)


def dent(rng: np.random.Generator, image: Image, zone: Mask) -> Image:
    """A shallow hollow, seen by its shading alone."""
    spot = spot_in(rng, zone)
    radius = _extent(image, rng, 0.02, 0.1)
    cover = _cover(image)
    polygon(cover, blob(rng, radius, 0.2) + spot, 255)
    hollow = cv2.GaussianBlur(cover, (0, 0), max(1.0, radius * 0.35)).astype(np.float32)
    light = rng.normal(0, 1, 2)
    shade = relief(hollow, light / (np.hypot(*light) + 1e-6))
    shade *= np.float32(rng.uniform(60, 130)) / (np.abs(shade).max() + np.float32(1e-3))
    return shaded(image, shade)


def fibre(rng: np.random.Generator, image: Image, zone: Mask, tone: Tone | None = None) -> Image:
    """A hair or thread lying on the product, with its shadow."""
    spot = spot_in(rng, zone)
    path = wander(rng, spot, _extent(image, rng, 0.12, 0.7), 30, rng.uniform(0.1, 0.35))
    width = rng.uniform(1, 1 + min(image.shape[:2]) / 110)
    cover = _cover(image)
    polyline(cover, path, width, 255)
    shadow = _cover(image)
    polyline(shadow, path + rng.uniform(1, 3, 2), width, 255)
    out = _laid(image, np.zeros(3), softened(shadow, 1.2), 0.35)
    return _laid(out, _away(rng, image, spot, tone), cover, rng.uniform(0.75, 1.0))


def debris(rng: np.random.Generator, image: Image, zone: Mask, tone: Tone | None = None) -> Image:
    """Particles lying on the product: one large, or a scatter of small ones."""
    spot = spot_in(rng, zone)
    shade = [float(v) for v in _away(rng, image, spot, tone)]
    out = image.copy()
    many = int(rng.integers(1, 9)) if rng.random() < 0.5 else 1
    for _ in range(many):
        radius = _extent(image, rng, 0.008, 0.05 if many == 1 else 0.015)
        place = np.asarray(spot) + (rng.normal(0, 0.04 * image.shape[0], 2) if many > 1 else 0.0)
        points = blob(rng, radius, 0.25, 10)
        under = _cover(image)
        polygon(under, points + place + (radius * 0.25, radius * 0.3), 255)
        out = _laid(out, np.zeros(3), softened(under, max(0.6, radius / 5)), 0.35)
        polygon(out, points + place, jitter(rng, shade, 12))
        if radius > 4:
            glint = (float(place[0] - radius * 0.25), float(place[1] - radius * 0.25))
            disc(out, glint, radius * 0.25, jitter(rng, [v + 40 for v in shade], 10))
    return out


def discolouration(rng: np.random.Generator, image: Image, zone: Mask) -> Image:
    """A region in another tint, its drawing still to be seen."""
    spot = spot_in(rng, zone)
    cover = _cover(image)
    radius = _extent(image, rng, 0.04, 0.2)
    ellipse(cover, spot, (radius, radius * rng.uniform(0.4, 1)), rng.uniform(0, 180), 255)
    cover = softened(cover, max(1.0, radius * 0.12))
    gain = np.clip(1 + rng.normal(0, 0.35, 3) + rng.normal(0, 0.2), 0.2, 1.9)
    tinted = np.clip(image * gain + rng.normal(0, 22, 3), 0, 255)
    return _laid(image, tinted, cover, 1.0)


def transplant(rng: np.random.Generator, image: Image, zone: Mask) -> Image:
    """A piece of the same picture from elsewhere, at times mirrored, in an irregular outline."""
    spot = spot_in(rng, zone)
    other = spot_in(rng, zone)
    cover = _cover(image)
    radius = _extent(image, rng, 0.03, 0.13)
    polygon(cover, blob(rng, radius, 0.2) + spot, 255)
    source = image[:, ::-1] if rng.random() < 0.3 else image
    shift = np.array([[1.0, 0.0, spot[0] - other[0]], [0.0, 1.0, spot[1] - other[1]]])
    layer = cv2.warpAffine(
        np.ascontiguousarray(source),
        shift,
        (image.shape[1], image.shape[0]),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REFLECT,
    )
    return _laid(image, np.asarray(layer, np.uint8), cover, 1.0)


def erased(rng: np.random.Generator, image: Image, zone: Mask) -> Image:
    """A patch whose drawing is gone: only its smooth surroundings remain."""
    spot = spot_in(rng, zone)
    radius = _extent(image, rng, 0.02, 0.09)
    cover = _cover(image)
    polygon(cover, blob(rng, radius, 0.25) + spot, 255)
    soft = cv2.blur(image, (int(radius * 3) | 1, int(radius * 3) | 1))
    return _laid(image, np.asarray(soft, np.uint8), cover, 1.0)


def pit(rng: np.random.Generator, image: Image, zone: Mask) -> Image:
    """A hole or pore: a dark disc with a lit rim; at times a cluster."""
    out = image.copy()
    spot = np.asarray(spot_in(rng, zone))
    for _ in range(1 if rng.random() < 0.6 else int(rng.integers(2, 7))):
        radius = _extent(image, rng, 0.008, 0.045)
        place = spot + rng.normal(0, 0.03 * image.shape[0], 2)
        here = (float(place[0]), float(place[1]))
        ellipse(out, here, (radius * 1.2, radius * 1.2), 0, jitter(rng, (190, 190, 185), 40))
        ellipse(
            out,
            here,
            (radius, radius * rng.uniform(0.75, 1)),
            rng.uniform(0, 180),
            jitter(rng, (25, 24, 22), 18),
        )
    return out


def smear(rng: np.random.Generator, image: Image, zone: Mask) -> Image:
    """A patch dragged along one direction, as wet print or soft paste is."""
    spot = spot_in(rng, zone)
    radius = _extent(image, rng, 0.04, 0.12)
    length = max(5, int(radius * rng.uniform(0.7, 1.5)) | 1)
    kernel = np.zeros((length, length), np.float32)
    middle = length / 2
    heading = rng.uniform(0, np.pi)
    step = np.array((np.cos(heading), np.sin(heading))) * middle
    cv2.line(
        kernel,
        (int(middle - step[0]), int(middle - step[1])),
        (int(middle + step[0]), int(middle + step[1])),
        1.0,
        1,
    )
    cover = _cover(image)
    polygon(cover, blob(rng, radius, 0.2) + spot, 255)
    dragged = cv2.filter2D(image, -1, kernel / max(1.0, float(kernel.sum())))
    return _laid(image, np.asarray(dragged, np.uint8), cover, 1.0)


def corrosion(rng: np.random.Generator, image: Image, zone: Mask, tone: Tone | None = None) -> Image:
    """A flecked patch: many small specks whose density falls off from the middle."""
    spot = spot_in(rng, zone)
    radius = _extent(image, rng, 0.04, 0.16)
    shape = (image.shape[0], image.shape[1])
    rows = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(spot[1])
    columns = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(spot[0])
    level: Field = fractal(rng, shape, max(3.0, radius * 0.5), 3) * np.float32(0.5)
    level += 1 - (rows * rows + columns * columns) / np.float32(radius * radius)
    cover = np.clip(level * 500, 0, 255).astype(np.uint8)
    cover[np.asarray(level < -2)] = 0
    return _laid(image, _away(rng, image, spot, tone), cover, rng.uniform(0.5, 0.95))


SURFACE_DEFECTS: Mapping[str, SurfaceDefect] = MappingProxyType(
    {
        "scratch": scratch,
        "crack": crack,
        "stain": stain,
        "chip": chip,
        "dent": dent,
        "fibre": fibre,
        "debris": debris,
        "discolouration": discolouration,
        "transplant": transplant,
        "erased": erased,
        "pit": pit,
        "smear": smear,
        "corrosion": corrosion,
    }
)
