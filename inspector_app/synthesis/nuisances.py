"""What differs between two pictures of the same good part: light, focus, noise, compression, position."""

from dataclasses import dataclass

import cv2
import numpy as np

from inspector_app.synthesis.canvas import Field, Image
from inspector_app.synthesis.textures import slope, smooth, white


@dataclass(frozen=True)
class View:
    """Position of the test part under the camera: shift in pixels, turn in degrees, scale as a factor."""

    dx: float = 0.0
    dy: float = 0.0
    turn: float = 0.0
    scale: float = 1.0


def draw_view(rng: np.random.Generator, size: int, bitmap: bool = False, loose: bool = False) -> View:
    """Half the pairs lie within a pixel or so, some a few apart, few up to 4.5% of ``size`` and 3 degrees.

    Of a ``loose`` product most lie far apart, up to 8% of ``size``; a ``bitmap`` is aligned to two pixels.
    """
    draw = rng.random()
    if bitmap:
        reach, turn, scale = (0.8 if draw < 0.8 else 2.0), 0.0, 0.0
    elif loose and draw < 0.7:
        reach, turn, scale = 0.08 * size, 2.0, 0.02
    elif draw < 0.45:
        reach, turn, scale = 1.0, 0.2, 0.001
    elif draw < 0.75:
        reach, turn, scale = 0.015 * size, 0.6, 0.004
    else:
        reach, turn, scale = 0.045 * size, float(rng.choice((0.5, 3.0))), 0.015
    dx, dy, angle, zoom = rng.uniform(-1, 1, 4)
    return View(dx * reach, dy * reach, angle * turn, 1 + zoom * scale)


def view_matrix(view: View, corner: tuple[int, int], size: int) -> np.ndarray:
    """The 2x3 matrix that takes the square of the canvas that begins at ``corner`` (x, y) into a picture."""
    middle = (corner[0] + (size - 1) / 2, corner[1] + (size - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, view.turn, view.scale)
    matrix[:, 2] += np.array((view.dx - corner[0], view.dy - corner[1]))
    return np.asarray(matrix)


@dataclass(frozen=True)
class Camera:
    """What golden and test share: noise deviation (levels), blur (pixels), JPEG quality (0 none)."""

    noise: float
    blur: float
    quality: int
    grey: bool


def draw_camera(rng: np.random.Generator) -> Camera:
    """A camera between clean and poor."""
    return Camera(
        noise=float(rng.choice((0.0, 1.5, 3.0, 6.0))),
        blur=float(rng.choice((0.0, 0.0, 0.6, 1.0))),
        quality=int(rng.choice((0, 0, 92, 80, 65))),
        grey=bool(rng.random() < 0.1),
    )


def expose(rng: np.random.Generator, image: Image, camera: Camera) -> Image:
    """One exposure of ``image`` by ``camera``, uint8 HxWx3."""
    out = image
    if camera.blur:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), camera.blur * rng.uniform(0.7, 1.3)), np.uint8)
    if camera.noise:
        shape = (out.shape[0], out.shape[1])
        grain = white(rng, shape) * np.float32(camera.noise * rng.uniform(0.7, 1.2))
        out = np.clip(out + grain[..., None], 0, 255).astype(np.uint8)
    if camera.grey:
        out = np.repeat(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return compressed(out, camera.quality) if camera.quality else out


def compressed(image: Image, quality: int) -> Image:
    """``image`` after JPEG at ``quality``."""
    _, code = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(code, cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError("the JPEG codec could not read what it wrote")
    return np.ascontiguousarray(decoded[..., ::-1]).astype(np.uint8, copy=False)


def relit(rng: np.random.Generator, image: Image, strength: float) -> Image:
    """``image`` in other light: gain, offset, gamma, cast, gradient or vignette; ``strength`` 0..1."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = np.exp(rng.normal(0, 0.16 * strength))
    gain = np.exp(rng.normal(0, 0.13 * strength) + rng.normal(0, 0.035 * strength, 3))
    offset = rng.normal(0, 0.03 * strength) + rng.normal(0, 0.008 * strength, 3)
    curves = np.clip(levels[:, None] ** gamma * gain + offset, 0, 1) * 255
    out = np.asarray(cv2.LUT(image, curves.astype(np.uint8).reshape(1, 256, 3)), np.uint8)
    if rng.random() < 0.6 * strength:
        factor = 1 + _uneven(rng, (image.shape[0], image.shape[1])) * np.float32(
            rng.uniform(0.03, 0.28 * strength + 0.03)
        )
        out = np.clip(out * factor[..., None], 0, 255).astype(np.uint8)
    return out


def _uneven(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """An uneven light, about -1..1: straight, cloudy, or falling off to the corners."""
    kind = int(rng.integers(3))
    if kind == 0:
        return slope(rng, shape)
    if kind == 1:
        return smooth(rng, shape, shape[0] / 1.5) * np.float32(0.4)
    rows = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    return np.asarray(-(rows * rows + columns * columns) / 2, np.float32)


def binarised(rng: np.random.Generator, image: Image, wobble: float, specks: int) -> Image:
    """A black-and-white picture whose edges wobble by about ``wobble`` pixels, with ``specks`` stray dots."""
    grey = image[..., 0].astype(np.float32)
    shape = (grey.shape[0], grey.shape[1])
    grey = cv2.GaussianBlur(grey, (0, 0), 1.2) + smooth(rng, shape, 2.5) * np.float32(30 * wobble)
    out = np.where(grey > 127, np.uint8(255), np.uint8(0))
    for _ in range(specks):
        y, x = int(rng.integers(shape[0] - 2)), int(rng.integers(shape[1] - 2))
        out[y : y + int(rng.integers(1, 3)), x : x + int(rng.integers(1, 3))] = 255 - out[y, x]
    return np.repeat(out[..., None], 3, axis=2)
