"""Augmentation of training pairs: framing (geometry) and photometry, on uint8 images.

The framing of a pair is one affine warp, so that an image is interpolated once only.  Golden and test get
the same framing up to a small misalignment; the mask follows the test image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Image, Mask, Pair

Matrix = NDArray[np.float64]
_FAR = 7.0
"""How many times as far as usual the golden may lie from the test."""


@dataclass(frozen=True)
class AugmentStrength:
    """How far a pair may be varied; every probability and range in one place.

    ``turn`` is the chance of a quarter turn or an upside-down view of both, none for one object: a station sees its
    parts one way up, and a part put in the wrong way round must not look like a view turned round; ``zoom`` the largest change of scale;
    ``shift`` the largest move of the frame and ``misalign`` of golden against test, both in parts of the
    image's side; ``tilt`` the largest rotation of golden against test in degrees; ``far`` the chance that a pair is misaligned
    several times as much; ``jitter`` the largest relative change of brightness, contrast and colour; ``degrade`` the chance of
    blur, noise or JPEG.
    """

    turn: float = 0.0
    zoom: float = 0.12
    shift: float = 0.05
    misalign: float = 0.01
    tilt: float = 0.7
    far: float = 0.25
    jitter: float = 0.15
    degrade: float = 0.2
    swap: float = 0.0


def augment_pair(pair: Pair, size: int, strength: AugmentStrength, rng: np.random.Generator) -> Pair:
    """Return the pair framed to ``size`` x ``size`` and varied in light and quality."""
    if rng.random() < strength.swap:
        pair = Pair(pair.test, pair.golden, pair.mask)
    frame = framing(pair.test.shape[0], size, strength, rng)
    golden = seen(pair.golden, frame @ misalignment(pair.test.shape[0], strength, rng), size, strength, rng)
    return Pair(golden, seen(pair.test, frame, size, strength, rng), warp_mask(pair.mask, frame, size))


def seen(
    image: Image, matrix: Matrix, size: int, strength: AugmentStrength, rng: np.random.Generator
) -> Image:
    """Return ``image`` framed by ``matrix`` to ``size`` x ``size`` and varied in light and quality."""
    return photometry(_warp(image, matrix, size), strength, rng)


def piece(size: int, view: int, rng: np.random.Generator) -> Matrix:
    """Return the shift that brings some ``size`` square of a ``view`` square to the origin."""
    shift = np.eye(3)
    shift[:2, 2] = -rng.uniform(0, view - size, 2)
    return shift


def framing(side: int, size: int, strength: AugmentStrength, rng: np.random.Generator) -> Matrix:
    """Return the 3 x 3 matrix from pixels of a ``side`` square to pixels of a ``size`` square."""
    scale = size / side
    offset = np.zeros(2)
    if rng.random() < 0.7:
        scale *= 1.0 + rng.uniform(-strength.zoom / 2, strength.zoom)
        offset = rng.uniform(-strength.shift, strength.shift, 2) * size
    turned = _turn(strength, rng) * scale
    return _about_centres(turned, side, size, offset)


def _turn(strength: AugmentStrength, rng: np.random.Generator) -> Matrix:
    """Return a 2 x 2 symmetry of the square: mirrored half of the time, turned with chance ``turn``."""
    quarter = int(rng.integers(4)) if rng.random() < strength.turn else 0
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter]
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    return np.array([[cos, -sin], [sin, cos]], np.float64) @ np.diag([mirror, 1.0])


def misalignment(side: int, strength: AugmentStrength, rng: np.random.Generator) -> Matrix:
    """Return a small motion of a ``side`` square about its centre, none in two of five."""
    if rng.random() < 0.4:
        return np.eye(3)
    # A part that lies otherwise than the golden's, but in its own holes, is none that lies wrong.
    times = _FAR if rng.random() < strength.far else 1.0
    angle = math.radians(times * rng.uniform(-strength.tilt, strength.tilt))
    turned = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    offset = times * rng.uniform(-strength.misalign, strength.misalign, 2) * side
    return _about_centres(turned * (1.0 + times * rng.uniform(-0.01, 0.01)), side, side, offset)


def _about_centres(linear: Matrix, side: int, size: int, offset: NDArray[np.float64]) -> Matrix:
    """Return the affine matrix that maps the centre of the source to the centre of the target + offset."""
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    source = np.full(2, (side - 1) / 2)
    matrix[:2, 2] = np.full(2, (size - 1) / 2) + offset - linear @ source
    return matrix


def _warp(image: Image, matrix: Matrix, size: int) -> Image:
    warped = cv2.warpAffine(
        image, matrix[:2], (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return warped.astype(np.uint8, copy=False)


def warp_mask(mask: Mask, matrix: Matrix, size: int) -> Mask:
    """Return ``mask`` framed by ``matrix`` to ``size`` x ``size``."""
    return _warp(mask.astype(np.uint8) * 255, matrix, size) > 127


def stretched(image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Return a square image and its mask drawn out of shape together, smoothly, by about 1% of the side at the most.

    Of a few real defects a network learns each by heart; drawn otherwise every time, it has to learn how they are marked.
    """
    side = image.shape[0]
    cells = int(rng.integers(4, 9))
    most = float(rng.uniform(0.002, 0.012)) * side
    x, y = (
        cv2.resize(
            rng.normal(0, most, (cells, cells)).astype(np.float32),
            (side, side),
            interpolation=cv2.INTER_CUBIC,
        )
        for _ in range(2)
    )
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    x, y = columns + x, rows + y
    picture = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    drawn = cv2.remap(mask.astype(np.uint8) * 255, x, y, cv2.INTER_LINEAR)
    return picture.astype(np.uint8, copy=False), drawn > 127


def photometry(image: Image, strength: AugmentStrength, rng: np.random.Generator) -> Image:
    """Return the image under another light, and sometimes blurred, noisy or compressed."""
    image = cv2.LUT(image, _light_table(strength.jitter, rng)).astype(np.uint8, copy=False)
    if rng.random() < strength.degrade:
        image = (_blur, _noise, _compress)[int(rng.integers(3))](image, rng)
    return image


def _light_table(jitter: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a 256 x 1 x 3 table: gamma, contrast about mid-grey, brightness and a gain per channel."""
    levels = np.linspace(0.0, 1.0, 256)[:, None]
    gamma = math.exp(rng.uniform(-jitter, jitter))
    contrast = 1.0 + rng.uniform(-jitter, jitter)
    gains = (1.0 + rng.uniform(-jitter, jitter)) * (1.0 + rng.uniform(-jitter, jitter, 3) / 3)
    lit = ((levels**gamma - 0.5) * contrast + 0.5) * gains[None, :]
    return np.clip(lit * 255.0 + 0.5, 0, 255).astype(np.uint8).reshape(256, 1, 3)


def _blur(image: Image, rng: np.random.Generator) -> Image:
    return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.2))).astype(np.uint8, copy=False)


def _noise(image: Image, rng: np.random.Generator) -> Image:
    noise = rng.normal(0.0, rng.uniform(2.0, 7.0), image.shape).astype(np.float32)
    noisy: Image = np.clip(image.astype(np.float32) + noise, 0, 255).astype(np.uint8)
    return noisy


def _compress(image: Image, rng: np.random.Generator) -> Image:
    quality = int(rng.integers(50, 95))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
