"""What stations meet, done to an image on purpose: moved, lit otherwise, out of focus, compressed.

A moved image takes its truth along. Where it has no pixels after that, image and truth are reflected at the edge: a
camera that looks a little further sees more of the same surroundings, not the streaks of a repeated edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Mask
from inspector_app.core.frame import RgbArray

MOST_SHIFT = 0.05
"""Of the width."""
MOST_TURN_DEG = 5.0
MOST_SCALE = 0.04
MOST_LIGHT = 0.3
MOST_BLUR = 0.004
"""The radius of the circle of confusion, of the width: 1 pixel of 256, 2 of 512."""
LEAST_QUALITY, BEST_QUALITY = 60, 100
_BORDER = cv2.BORDER_REFLECT_101


class Nuisance(StrEnum):
    """A way in which a good image differs from its golden without any change of the part."""

    SHIFT = "shift"
    TURN = "turn"
    SCALE = "scale"
    BRIGHTER = "brighter"
    DARKER = "darker"
    GRADIENT = "gradient"
    BLUR = "blur"
    JPEG = "jpeg"


@dataclass(frozen=True)
class Perturbation:
    """A nuisance at a strength, from 0 (the image as it is) to 1 (the most that is asked for)."""

    nuisance: Nuisance
    strength: float

    @property
    def text(self) -> str:
        """How strong that is, in the nuisance's own unit; ``UNITS`` says of what."""
        return _TEXTS[self.nuisance](self.strength)


def perturb(
    pixels: RgbArray, truth: Mask | None, perturbation: Perturbation, rng: np.random.Generator
) -> tuple[RgbArray, Mask | None]:
    """Do one nuisance to an image.

    Args:
        pixels: ``H x W x 3`` uint8.
        truth: ``H x W`` bool, or None.
        perturbation: what, and how strong.
        rng: draws the direction: of a shift, a turn, larger or smaller, of a gradient.

    Returns:
        The image and its truth, of the same sizes, read-only; the same arrays at strength 0.
    """
    direction = rng.uniform(0.0, 2.0 * math.pi)
    if perturbation.strength == 0.0:
        return pixels, truth
    matrix = motion(perturbation, direction, (pixels.shape[1], pixels.shape[0]))
    if matrix is not None:
        moved = _frozen_mask(truth, matrix) if truth is not None else None
        return _frozen(_warped(pixels, matrix, cv2.INTER_LINEAR)), moved
    return _frozen(_looks(pixels, perturbation, direction)), truth


def motion(perturbation: Perturbation, direction: float, size: tuple[int, int]) -> NDArray[np.float64] | None:
    """The ``2 x 3`` matrix from the pixel centres of the image to those of the moved one; None for no motion.

    Args:
        perturbation: what, and how strong.
        direction: an angle, 0 to 2 pi: where a shift goes; its sine's sign is that of a turn or a scale.
        size: ``(width, height)``.
    """
    strength, sign = perturbation.strength, 1.0 if math.sin(direction) >= 0.0 else -1.0
    middle = ((size[0] - 1) / 2, (size[1] - 1) / 2)
    match perturbation.nuisance:
        case Nuisance.SHIFT:
            far = strength * MOST_SHIFT * size[0]
            return np.array([[1, 0, far * math.cos(direction)], [0, 1, far * math.sin(direction)]])
        case Nuisance.TURN:
            return _about(middle, sign * strength * MOST_TURN_DEG, 1.0)
        case Nuisance.SCALE:
            return _about(middle, 0.0, 1.0 + sign * strength * MOST_SCALE)
        case _:
            return None


def _about(middle: tuple[float, float], turn_deg: float, scale: float) -> NDArray[np.float64]:
    return np.asarray(cv2.getRotationMatrix2D(middle, -turn_deg, scale), dtype=np.float64)


def _looks(pixels: RgbArray, perturbation: Perturbation, direction: float) -> NDArray[np.uint8]:
    strength = perturbation.strength
    match perturbation.nuisance:
        case Nuisance.BRIGHTER:
            return _lit(pixels, np.float32(1.0 + strength * MOST_LIGHT))
        case Nuisance.DARKER:
            return _lit(pixels, np.float32(1.0 - strength * MOST_LIGHT))
        case Nuisance.GRADIENT:
            return _lit(pixels, _gradient(pixels.shape[:2], direction, strength * MOST_LIGHT))
        case Nuisance.BLUR:
            return _out_of_focus(pixels, strength * MOST_BLUR * pixels.shape[1])
        case _:
            return _compressed(pixels, _quality(strength))


def _lit(pixels: RgbArray, gain: NDArray[np.float32] | np.float32) -> NDArray[np.uint8]:
    lit: NDArray[np.uint8] = np.clip(np.rint(pixels * gain), 0, 255).astype(np.uint8)
    return lit


def _gradient(shape: tuple[int, ...], direction: float, most: float) -> NDArray[np.float32]:
    """``H x W x 1`` gains: ``1 - most`` at the far end of ``direction``, ``1 + most`` at the other."""
    ys, xs = np.mgrid[-1.0 : 1.0 : shape[0] * 1j, -1.0 : 1.0 : shape[1] * 1j]
    slope = xs * math.cos(direction) + ys * math.sin(direction)
    slope /= max(abs(math.cos(direction)) + abs(math.sin(direction)), 1e-9)
    gains: NDArray[np.float32] = (1.0 - most * slope)[:, :, None].astype(np.float32)
    return gains


def _out_of_focus(pixels: RgbArray, radius: float) -> NDArray[np.uint8]:
    """Each point becomes a disc of ``radius`` pixels, its rim cut off smoothly."""
    reach = math.ceil(radius)
    ys, xs = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(xs, ys), 0.0, 1.0)
    kernel[reach, reach] = 1.0
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum(), borderType=_BORDER), dtype=np.uint8)


def _compressed(pixels: RgbArray, quality: int) -> NDArray[np.uint8]:
    _, data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.ascontiguousarray(decoded[:, :, ::-1])


def _quality(strength: float) -> int:
    return round(BEST_QUALITY - strength * (BEST_QUALITY - LEAST_QUALITY))


def _warped(picture: NDArray[np.uint8], matrix: NDArray[np.float64], how: int) -> NDArray[np.uint8]:
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=how, borderMode=_BORDER), dtype=np.uint8)


def _frozen_mask(truth: Mask, matrix: NDArray[np.float64]) -> Mask:
    """A pixel of the moved truth is change where more than half of what it shows is."""
    moved: Mask = _warped(truth.astype(np.uint8) * 255, matrix, cv2.INTER_LINEAR) >= 128
    moved.setflags(write=False)
    return moved


def _frozen(pixels: NDArray[np.uint8]) -> RgbArray:
    pixels.setflags(write=False)
    return pixels


UNITS = (
    "shift and radius of the blur: of the width; brighter and darker: of the light; gradient: from end to end, "
    "both ways"
)
_TEXTS: dict[Nuisance, Callable[[float], str]] = {
    Nuisance.SHIFT: lambda s: f"{s * MOST_SHIFT * 100:.1f} %",
    Nuisance.TURN: lambda s: f"{s * MOST_TURN_DEG:.1f} degrees",
    Nuisance.SCALE: lambda s: f"{s * MOST_SCALE * 100:.1f} %",
    Nuisance.BRIGHTER: lambda s: f"{s * MOST_LIGHT * 100:.0f} %",
    Nuisance.DARKER: lambda s: f"{s * MOST_LIGHT * 100:.0f} %",
    Nuisance.GRADIENT: lambda s: f"{s * MOST_LIGHT * 100:.0f} %",
    Nuisance.BLUR: lambda s: f"{s * MOST_BLUR * 100:.2f} %",
    Nuisance.JPEG: lambda s: f"quality {_quality(s)}",
}
