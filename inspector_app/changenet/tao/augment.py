"""TAO's augmentation of a training pair, in its order: flips, turn, crop, enlarged crop, blur, colours.

Golden and test image are framed alike and lit each for itself. Everything is a function of the random generator
that is given, so a resumed training sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image
from inspector_app.core.tao_spec.data_keys import Augmentation, RandomColor
from inspector_app.vision.segment_pairs import IGNORED, ClassMap

_LEAST_CROP = 0.8
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, eq=False)
class LabelledPair:
    """Test image and golden, H x W x 3 uint8 RGB, and the classes of their pixels."""

    test: Image
    golden: Image
    label: ClassMap

    def framed(
        self, image: Callable[[Image], NDArray[np.uint8]], label: Callable[[ClassMap], NDArray[np.uint8]]
    ) -> LabelledPair:
        """The same done to both images, and its like to the label."""
        parts = (image(self.test), image(self.golden), label(self.label))
        return LabelledPair(*(np.ascontiguousarray(part) for part in parts))


def augment(pair: LabelledPair, settings: Augmentation, rng: np.random.Generator) -> LabelledPair:
    """Vary a square pair by the spec's block; the size stays."""
    pair = _flipped(pair, settings, rng)
    pair = _turned(pair, settings, rng)
    if settings.with_random_crop:
        pair = _cropped(pair, rng)
    if settings.with_scale_random_crop.enable:
        pair = _scaled(pair, settings.with_scale_random_crop.scale_range, rng)
    if settings.with_random_blur:
        pair = _blurred(pair, float(rng.random()))
    colours = settings.random_color
    if colours.enable and rng.random() < colours.color_probability:
        pair = LabelledPair(
            recoloured(pair.test, colours, rng), recoloured(pair.golden, colours, rng), pair.label
        )
    return pair


def _flipped(pair: LabelledPair, settings: Augmentation, rng: np.random.Generator) -> LabelledPair:
    flip = settings.random_flip
    if flip.enable and rng.random() < flip.hflip_probability:
        pair = pair.framed(lambda image: image[:, ::-1], lambda label: label[:, ::-1])
    if flip.enable and rng.random() < flip.vflip_probability:
        pair = pair.framed(lambda image: image[::-1], lambda label: label[::-1])
    return pair


def _turned(pair: LabelledPair, settings: Augmentation, rng: np.random.Generator) -> LabelledPair:
    turn = settings.random_rotate
    if not turn.enable or rng.random() >= turn.rotate_probability:
        return pair
    angle = turn.angle_list[int(rng.integers(len(turn.angle_list)))]
    quarters, rest = divmod(angle, 90)
    if rest == 0:
        return pair.framed(
            lambda image: np.rot90(image, int(quarters)), lambda label: np.rot90(label, int(quarters))
        )
    side = pair.label.shape[0]
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), angle, 1.0)
    return pair.framed(
        lambda image: _uint8(cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR)),
        lambda label: _uint8(
            cv2.warpAffine(label, matrix, (side, side), flags=cv2.INTER_NEAREST, borderValue=IGNORED)
        ),
    )


def _cropped(pair: LabelledPair, rng: np.random.Generator) -> LabelledPair:
    """A square of 80 to 100% of the area, brought back to the whole size."""
    side = pair.label.shape[0]
    cut = round(side * rng.uniform(_LEAST_CROP, 1.0) ** 0.5)
    top, left = (int(rng.integers(side - cut + 1)) for _ in range(2))
    window = slice(top, top + cut), slice(left, left + cut)
    return pair.framed(
        lambda image: _resized(image[window], side), lambda label: _sampled(label[window], side)
    )


def _scaled(pair: LabelledPair, scales: tuple[float, float], rng: np.random.Generator) -> LabelledPair:
    """The pair at a random scale, of which a window of its own size is kept; what lies outside is ignored."""
    side = pair.label.shape[0]
    scaled = max(1, round(side * rng.uniform(*scales)))
    spare = abs(scaled - side)
    top, left = (int(rng.integers(spare + 1)) for _ in range(2))
    least = min(side, scaled)
    source = slice(top, top + least), slice(left, left + least)

    def placed(array: NDArray[np.uint8], outside: int) -> NDArray[np.uint8]:
        if scaled >= side:
            return array[source]
        canvas = np.full((side, side, *array.shape[2:]), outside, np.uint8)
        canvas[source] = array
        return canvas

    return pair.framed(
        lambda image: placed(_resized(image, scaled), 0),
        lambda label: placed(_sampled(label, scaled), IGNORED),
    )


def _resized(image: Image, side: int) -> NDArray[np.uint8]:
    if image.shape[0] == side:
        return image
    shrinking = image.shape[0] > side
    method = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    return _uint8(cv2.resize(np.ascontiguousarray(image), (side, side), interpolation=method))


def _sampled(label: ClassMap, side: int) -> NDArray[np.uint8]:
    rows = (2 * np.arange(side) + 1) * label.shape[0] // (2 * side)
    return _uint8(label[rows[:, None], rows])


def _blurred(pair: LabelledPair, sigma: float) -> LabelledPair:
    # Below this the kernel is a single pixel.
    if sigma < 0.1:
        return pair
    return pair.framed(lambda image: _uint8(cv2.GaussianBlur(image, (0, 0), sigma)), lambda label: label)


def recoloured(image: Image, settings: RandomColor, rng: np.random.Generator) -> Image:
    """Brightness, contrast, saturation and hue changed by random factors, in random order."""
    factors = [
        float(rng.uniform(max(0.0, 1 - spread), 1 + spread))
        for spread in (settings.brightness, settings.contrast, settings.saturation)
    ]
    turn = float(rng.uniform(-settings.hue, settings.hue))
    values = image.astype(np.float32) / 255.0
    for step in rng.permutation(4):
        if step == 3:
            values = _hue_turned(values, turn)
            continue
        values = np.clip(_blend(values, int(step), factors[int(step)]), 0.0, 1.0)
    return _uint8(np.rint(values * 255.0))


def _blend(values: NDArray[np.float32], step: int, factor: float) -> NDArray[np.float32]:
    """Away from black (0), from the mean grey (1) or from each pixel's own grey (2) by ``factor``."""
    if step == 0:
        return values * np.float32(factor)
    grey = values @ _GREY
    base = np.float32(grey.mean()) if step == 1 else grey[:, :, None]
    return np.asarray(base + (values - base) * np.float32(factor), np.float32)


def _hue_turned(values: NDArray[np.float32], turn: float) -> NDArray[np.float32]:
    if turn == 0:
        return values
    hsv = cv2.cvtColor(values, cv2.COLOR_RGB2HSV)
    hsv[:, :, 0] = np.mod(hsv[:, :, 0] + 360.0 * turn, 360.0)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)


def _uint8(array: object) -> NDArray[np.uint8]:
    return np.asarray(array).astype(np.uint8, copy=False)
