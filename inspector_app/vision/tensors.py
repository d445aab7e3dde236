"""The one preprocessing: a decoded picture and a manifest's input spec give the network's tensor."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.frame import RgbArray
from inspector_app.core.manifest import InputSpec


def to_tensor(pixels: RgbArray, spec: InputSpec) -> NDArray[np.float32]:
    """Resize and normalise.

    Args:
        pixels: ``H x W x 3`` uint8 RGB.
        spec: size, resize method and normalisation.

    Returns:
        ``1 x 3 x spec.height x spec.width`` float32, C-contiguous.
    """
    resized = resize(pixels, spec)
    scale = 1.0 / (255.0 * np.asarray(spec.std, dtype=np.float64))
    offset = -np.asarray(spec.mean, dtype=np.float64) / np.asarray(spec.std, dtype=np.float64)
    tensor = np.empty((1, 3, spec.height, spec.width), dtype=np.float32)
    # Split first: reading every third byte takes longer than the arithmetic.
    for channel, plane in enumerate(cv2.split(resized)):
        np.multiply(plane, np.float32(scale[channel]), out=tensor[0, channel])
        tensor[0, channel] += np.float32(offset[channel])
    return tensor


def resize(pixels: RgbArray, spec: InputSpec) -> RgbArray:
    """Bring ``H x W x 3`` uint8 to the spec's size by the spec's method; uint8 in, uint8 out."""
    height, width = pixels.shape[:2]
    if (height, width) == (spec.height, spec.width):
        return pixels
    if spec.resize == "bicubic_antialias":
        return bicubic_antialias(pixels, spec.height, spec.width)
    shrinking = height >= spec.height and width >= spec.width
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (spec.width, spec.height), interpolation=method), dtype=np.uint8)


def bicubic_antialias(pixels: RgbArray, height: int, width: int) -> RgbArray:
    """Separable cubic convolution (a = -0.5) whose support widens with the shrink factor.

    Agrees with Pillow's ``Image.BICUBIC`` to one grey level: both passes round to 8 bits, as there, and the
    rows are resampled first.
    """
    result: NDArray[np.float32] = pixels.astype(np.float32)
    if width != pixels.shape[1]:
        weights = _weights(pixels.shape[1], width)
        rows = np.tensordot(result, weights, axes=([1], [1])).transpose(0, 2, 1)
        result = np.clip(np.floor(rows + 0.5), 0, 255)
    if height != pixels.shape[0]:
        weights = _weights(pixels.shape[0], height)
        columns = np.tensordot(weights, result, axes=([1], [0]))
        result = np.clip(np.floor(columns + 0.5), 0, 255)
    return np.ascontiguousarray(result, dtype=np.uint8)


@lru_cache(maxsize=16)
def _weights(source: int, target: int) -> NDArray[np.float32]:
    """``target x source`` matrix of one resampling pass, rows summing to 1."""
    scale = source / target
    stretch = max(scale, 1.0)
    support = 2.0 * stretch
    weights = np.zeros((target, source), dtype=np.float64)
    for row in range(target):
        centre = (row + 0.5) * scale
        first = max(0, int(centre - support + 0.5))
        last = min(source, int(centre + support + 0.5))
        taps = _cubic((np.arange(first, last) - centre + 0.5) / stretch)
        weights[row, first:last] = taps / taps.sum()
    matrix = weights.astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def _cubic(x: NDArray[np.floating], a: float = -0.5) -> NDArray[np.floating]:
    """Keys' cubic convolution kernel (R. Keys, IEEE TASSP 1981)."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
