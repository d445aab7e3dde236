"""Pictures and masks laid over one another: what staged and pasted defects are put together with."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask

TARNISH = np.array([60.0, 35.0, 28.0])
"""Tarnished metal in the light of a board, RGB."""


def blend(base: Image, over: Image, mask: Mask, softness: float = 0.8) -> Image:
    """Return ``base`` with ``over`` where ``mask`` is set, its edge softened over ``softness`` pixels."""
    near = around(mask, softness)
    alpha = cv2.GaussianBlur(mask[near].astype(np.float32), (0, 0), softness)[:, :, None]
    mixed = base[near].astype(np.float32) * (1.0 - alpha) + over[near].astype(np.float32) * alpha
    blended = base.copy()
    blended[near] = (mixed + 0.5).astype(np.uint8)
    return blended


def around(mask: Mask, softness: float) -> tuple[slice, slice]:
    """Return rows and columns that hold the mask and all that a blur of it by ``softness`` pixels reaches: what is
    painted there costs little where a mask is small."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    # OpenCV's kernel for float pictures ends 4 sigma out. Twice as far, what the cut mirrors at its edge is empty.
    reach = 2 * math.ceil(4 * softness + 1)
    rows = slice(max(0, top - reach), top + height + reach)
    return rows, slice(max(0, left - reach), left + width + reach)


def as_light_as(base: Image, over: Image, mask: Mask, seen: Mask, reach: float) -> Image:
    """Return ``over`` as light as ``base`` is beside ``mask``, where ``seen`` is set, within about ``reach`` pixels."""
    beside = (seen & ~mask).astype(np.float32)
    difference = (base.astype(np.float32) - over.astype(np.float32)) * beside[:, :, None]
    weight = cv2.GaussianBlur(beside, (0, 0), reach)[:, :, None]
    smooth = cv2.GaussianBlur(difference, (0, 0), reach) / np.maximum(weight, 1e-3)
    return np.asarray(np.clip(over + smooth + 0.5, 0, 255), np.uint8)


def shaded(board: Image, lying: Mask, rng: np.random.Generator) -> Image:
    """Return the board darkened a little, half of the time, beside a part that stands off it where ``lying`` is set."""
    if rng.random() < 0.5:
        return board
    shift = rng.uniform(-0.02, 0.02, 2) * board.shape[0]
    shadow = cv2.GaussianBlur(moved(lying, (shift[0], shift[1])).astype(np.float32), (0, 0), 3.0)
    dimmed: Image = (board * (1.0 - rng.uniform(0.1, 0.45) * shadow[:, :, None])).astype(np.uint8)
    return dimmed


def warped_picture(image: Image, matrix: NDArray[np.float64]) -> Image:
    """Return the picture moved by a 2 x 3 matrix, mirrored at its edge."""
    size = image.shape[1::-1]
    return np.asarray(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def warped_mask(mask: Mask, matrix: NDArray[np.float64]) -> Mask:
    """Return the mask moved by a 2 x 3 matrix; nothing is set beyond its edge."""
    return cv2.warpAffine(mask.astype(np.uint8) * 255, matrix, mask.shape[::-1]) > 127


def moved(mask: Mask, offset: tuple[float, float]) -> Mask:
    """Return the mask shifted by (x, y) pixels."""
    return warped_mask(mask, np.array([[1.0, 0.0, offset[0]], [0.0, 1.0, offset[1]]]))


def carried(points: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points, one (x, y) or rows of them, where a 2 x 3 matrix brings them."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def turn_and_move(
    pivot: tuple[float, float], angle: float, offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the 2 x 3 matrix that turns about ``pivot`` by ``angle`` degrees and then moves."""
    matrix = cv2.getRotationMatrix2D(pivot, angle, 1.0).astype(np.float64)
    matrix[:, 2] += offset
    return matrix
