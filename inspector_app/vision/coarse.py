"""Coarse guesses of how two small pictures lie on each other, by normalised cross-correlation over a fan of turns
and scales (J. P. Lewis, Fast Normalized Cross-Correlation, 1995)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.recipe import AlignmentMethod

Detail = NDArray[np.float32]
"""``H x W`` float32: a grey picture without its slow shading."""
Matrix = NDArray[np.float64]
"""``3 x 3``: test pixel centres to golden pixel centres."""

_TURNS = {"translation": (0,), "rigid": tuple(range(-18, 19, 3)), "affine": tuple(range(-18, 19, 3))}
_SCALES = {"translation": (1.0,), "rigid": (1.0,), "affine": (0.94, 1.0, 1.06)}
_FAR_TURNS = {"translation": (0,), "rigid": (-6, 0, 6), "affine": (-6, 0, 6)}
_NEAR, _FAR = 8, 4
"""Shifts of up to an eighth of each side are looked for at every turn and scale, of up to a quarter at few."""


@dataclass(frozen=True, eq=False)
class Guess:
    """A ``3 x 3`` transform with how well the pictures agree under it, -1 to 1."""

    matrix: Matrix
    quality: float


def near_guesses(golden: Detail, test: Detail, method: AlignmentMethod) -> list[Guess]:
    """The best shift of up to an eighth of each side, at each turn (-18 to 18 degrees in threes) and scale (affine:
    0.94, 1 and 1.06) that ``method`` allows."""
    return [
        _best_shift(golden, test, turn, scale, _NEAR) for turn in _TURNS[method] for scale in _SCALES[method]
    ]


def far_guesses(golden: Detail, test: Detail, method: AlignmentMethod) -> list[Guess]:
    """The best shift of up to a quarter of each side, at few turns (-6, 0 and 6 degrees)."""
    return [_best_shift(golden, test, turn, 1.0, _FAR) for turn in _FAR_TURNS[method]]


def _best_shift(golden: Detail, test: Detail, turn_deg: float, scale: float, reach: int) -> Guess:
    height, width = golden.shape
    dx, dy = max(1, width // reach), max(1, height // reach)
    middle = np.ascontiguousarray(golden[dy : height - dy, dx : width - dx])
    turned = about_centre(golden.shape, test.shape, turn_deg, scale)
    agreed = cv2.matchTemplate(_laid(test, turned, golden.shape), middle, cv2.TM_CCOEFF_NORMED)
    _, quality, _, (x, y) = cv2.minMaxLoc(agreed)
    return Guess(_shifted(turned, dx - x, dy - y), float(quality))


def _laid(test: Detail, matrix: Matrix, shape: tuple[int, ...]) -> Detail:
    return np.asarray(cv2.warpAffine(test, matrix[:2], (shape[1], shape[0])), dtype=np.float32)


def _shifted(matrix: Matrix, dx: float, dy: float) -> Matrix:
    moved = matrix.copy()
    moved[0, 2] += dx
    moved[1, 2] += dy
    return moved


def about_centre(golden: tuple[int, ...], test: tuple[int, ...], turn_deg: float, scale: float) -> Matrix:
    """Turn and scale about the test's centre, which comes to lie on the golden's; shapes are ``(height, width)``."""
    angle = math.radians(turn_deg)
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    linear = np.array([[c, -s], [s, c]])
    centre = np.array([(test[1] - 1) / 2, (test[0] - 1) / 2])
    target = np.array([(golden[1] - 1) / 2, (golden[0] - 1) / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = target - linear @ centre
    return matrix


def correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Pearson's coefficient of two vectors; two flat pictures agree by 1, a flat one with another by 0."""
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt(float(a @ a) * float(b @ b)))
    if spread < 1e-3:
        return 1.0 if float(a @ a) + float(b @ b) < 1e-3 else 0.0
    return float(np.clip(float(a @ b) / spread, -1.0, 1.0))
