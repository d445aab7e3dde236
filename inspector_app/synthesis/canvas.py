"""Antialiased drawing on uint8 arrays: the few shapes that every part family is made of.

Points are ``(x, y)`` in pixels, fractions included; pixel centres lie at whole numbers. All draw in place.
"""

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Image = NDArray[np.uint8]
Field = NDArray[np.float32]
Mask = NDArray[np.bool_]
Colour = tuple[int, int, int]
Shape = tuple[int, int]
Point = Sequence[float] | NDArray[np.floating]
Ink = Sequence[float] | NDArray[np.floating] | int

T = TypeVar("T")

_SHIFT = 4
_ONE = 1 << _SHIFT


def blank(shape: Shape, colour: Colour) -> Image:
    """An image of ``shape`` (rows, columns) filled with ``colour``, uint8 HxWx3."""
    image = np.empty((*shape, 3), np.uint8)
    image[:] = colour
    return image


def _fixed(points: ArrayLike) -> NDArray[np.int32]:
    return np.rint(np.asarray(points, np.float64) * _ONE).astype(np.int32).reshape(-1, 1, 2)


def polygon(image: Image, points: ArrayLike, colour: Ink) -> None:
    """Fill the polygon with corners ``points`` (N x 2)."""
    cv2.fillPoly(image, [_fixed(points)], _scalar(colour), cv2.LINE_AA, _SHIFT)


def polyline(image: Image, points: ArrayLike, width: float, colour: Ink, closed: bool = False) -> None:
    """Stroke the line through ``points`` (N x 2) with round ends, ``width`` pixels wide (at least one)."""
    thick = max(1, round(width))
    cv2.polylines(image, [_fixed(points)], closed, _scalar(colour), thick, cv2.LINE_AA, _SHIFT)


def disc(image: Image, centre: Point, radius: float, colour: Ink, width: float = -1) -> None:
    """Fill a circle, or stroke it when ``width`` is positive."""
    point = (round(centre[0] * _ONE), round(centre[1] * _ONE))
    thick = -1 if width <= 0 else max(1, round(width))
    cv2.circle(image, point, max(1, round(radius * _ONE)), _scalar(colour), thick, cv2.LINE_AA, _SHIFT)


def ellipse(image: Image, centre: Point, axes: Point, angle: float, colour: Ink) -> None:
    """Fill an ellipse with half axes ``axes``, turned by ``angle`` degrees."""
    point = (round(centre[0] * _ONE), round(centre[1] * _ONE))
    half = (max(1, round(axes[0] * _ONE)), max(1, round(axes[1] * _ONE)))
    cv2.ellipse(image, point, half, angle, 0, 360, _scalar(colour), -1, cv2.LINE_AA, _SHIFT)


def box_points(centre: Point, width: float, height: float, radius: float = 0.0) -> NDArray[np.float64]:
    """Corners of an upright box with corners rounded by ``radius`` pixels, N x 2."""
    radius = min(radius, width / 2, height / 2)
    if radius <= 0:
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)
        return corners * (width / 2, height / 2) + np.asarray(centre, np.float64)
    turn = np.linspace(0, np.pi / 2, 6)
    arcs = []
    for quarter, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        angle = turn + quarter * np.pi / 2
        middle = np.array((sx * (width / 2 - radius), sy * (height / 2 - radius)))
        arcs.append(middle + radius * np.stack((np.cos(angle), np.sin(angle)), 1))
    return np.concatenate(arcs) + np.asarray(centre, np.float64)


def box(
    image: Image,
    centre: Point,
    width: float,
    height: float,
    colour: Ink,
    radius: float = 0.0,
) -> None:
    """Fill an upright box, its corners rounded by ``radius``."""
    polygon(image, box_points(centre, width, height, radius), colour)


def text(
    image: Image,
    words: str,
    origin: Point,
    height: float,
    colour: Ink,
    weight: int = 1,
) -> None:
    """Write ``words``, base line from ``origin``, capitals ``height`` pixels high."""
    place = (round(origin[0]), round(origin[1]))
    cv2.putText(
        image, words, place, cv2.FONT_HERSHEY_SIMPLEX, height / 21.0, _scalar(colour), weight, cv2.LINE_AA
    )


def turned(points: ArrayLike, angle: float, centre: Point = (0.0, 0.0)) -> NDArray[np.float64]:
    """``points`` (N x 2) turned by ``angle`` degrees about ``centre``."""
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    middle = np.asarray(centre, np.float64)
    return (np.asarray(points, np.float64) - middle) @ np.array(((c, s), (-s, c))) + middle


def softened(plane: Image, blur: float) -> Image:
    """``plane`` after a Gaussian blur of ``blur`` pixels' deviation (at least half a pixel)."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), max(0.5, blur)), np.uint8)


def joined(first: Image, second: Image) -> Image:
    """The greater of two covers, pixel by pixel."""
    return np.asarray(cv2.max(first, second), np.uint8)


def common(first: Image, second: Image) -> Image:
    """The lesser of two covers, pixel by pixel."""
    return np.asarray(cv2.min(first, second), np.uint8)


def without(cover: Image, gone: Image) -> Image:
    """``cover`` less ``gone``, not below zero."""
    return np.asarray(cv2.subtract(cover, gone), np.uint8)


def blend(image: Image, layer: Image | Ink, alpha: NDArray[np.float32]) -> None:
    """Lay ``layer`` (an image or one colour) over ``image`` with opacity ``alpha`` (HxW, 0..1)."""
    under = image.astype(np.float32)
    over = np.asarray(layer, np.float32)
    under += (over - under) * alpha[..., None]
    image[:] = np.clip(under + 0.5, 0, 255).astype(np.uint8)


def shaded(image: Image, field: Field) -> Image:
    """``image`` with ``field`` (HxW, grey levels) added to every channel, clipped to 0..255."""
    lit = np.clip(image.astype(np.float32) + field[..., None], 0, 255)
    return np.asarray(lit.astype(np.uint8))


def jitter(rng: np.random.Generator, colour: Point, spread: float) -> Colour:
    """``colour`` with its brightness, and every channel, moved by up to ``spread`` levels."""
    moved = np.asarray(colour) + rng.uniform(-spread, spread) + rng.uniform(-spread / 2, spread / 2, 3)
    red, green, blue = (int(v) for v in np.clip(moved, 0, 255))
    return red, green, blue


def any_colour(rng: np.random.Generator) -> Colour:
    """A colour drawn evenly over hue, saturation and brightness."""
    hsv = np.array([[[rng.integers(180), rng.integers(256), rng.integers(20, 256)]]], np.uint8)
    red, green, blue = (int(v) for v in cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0])
    return red, green, blue


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of ``choices``, evenly."""
    return choices[int(rng.integers(len(choices)))]


def _scalar(colour: Ink) -> tuple[float, ...]:
    return (float(colour),) if isinstance(colour, int) else tuple(float(v) for v in colour)
