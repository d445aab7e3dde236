"""Random fields and surface textures, float32 HxW in grey levels or in units of one standard deviation."""

from collections.abc import Sequence

import cv2
import numpy as np

from inspector_app.synthesis.canvas import Field, Image, Point, Shape


def white(rng: np.random.Generator, shape: Shape) -> Field:
    """Independent normal noise with deviation one."""
    return rng.standard_normal(shape, dtype=np.float32)


def smooth(rng: np.random.Generator, shape: Shape, cell: float) -> Field:
    """Normal noise that varies over ``cell`` pixels, deviation near one."""
    cell = max(1.0, cell)
    small = (max(2, int(shape[0] / cell) + 3), max(2, int(shape[1] / cell) + 3))
    grid = white(rng, small) * 1.4
    return np.asarray(cv2.resize(grid, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def fractal(rng: np.random.Generator, shape: Shape, cell: float, octaves: int = 3) -> Field:
    """Cloudy noise: ``octaves`` fields, each half as coarse and 0.55 as strong as the one before."""
    total = np.zeros(shape, np.float32)
    strength = 1.0
    for octave in range(octaves):
        total += strength * smooth(rng, shape, cell / 2**octave)
        strength *= 0.55
    return total / np.float32(np.sqrt(1 / (1 - 0.3)))


def streaks(rng: np.random.Generator, shape: Shape, length: float, upright: bool = False) -> Field:
    """Brushed texture: noise stretched to ``length`` pixels along the rows (columns if ``upright``)."""
    rows, columns = (shape[1], shape[0]) if upright else shape
    grid = white(rng, (rows, max(3, int(columns / length) + 2)))
    field = np.asarray(cv2.resize(grid, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)
    return np.ascontiguousarray(field.T) if upright else field


def turned_streaks(rng: np.random.Generator, shape: Shape, centre: Point) -> Field:
    """Marks of a lathe: streaks running in circles about ``centre`` (x, y)."""
    reach = int(np.hypot(*shape)) + 1
    polar = cv2.blur(streaks(rng, (256, reach), 1.0), (1, 41))
    flags = cv2.WARP_POLAR_LINEAR | cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    field = cv2.warpPolar(
        polar, (shape[1], shape[0]), (float(centre[0]), float(centre[1])), float(reach), flags
    )
    return np.asarray(field * 6.0, np.float32)


def rings(rng: np.random.Generator, shape: Shape, pitch: float) -> Field:
    """Wood grain along the rows: a slowly warped sine with ``pitch`` pixels to the line, -1..1."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    stretched = (shape[0], max(4, shape[1] // 6))
    bend = cv2.resize(smooth(rng, stretched, pitch * 3), (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.sin((rows + bend * pitch * 0.9) * np.float32(2 * np.pi / pitch)), np.float32)


def weave(shape: Shape, period: float, twill: int) -> Field:
    """Cloth: threads over and under each other with ``period`` pixels to the thread, -1..1."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None] / np.float32(period)
    columns = np.arange(shape[1], dtype=np.float32)[None, :] / np.float32(period)
    over = ((np.floor(rows) + np.floor(columns) * (1 if twill < 2 else 2)) % (twill + 1)) == 0
    warp = np.sin(np.pi * (columns % 1.0))
    weft = np.sin(np.pi * (rows % 1.0))
    return np.asarray(np.where(over, warp, weft * 0.8) * 2 - 1, np.float32)


def slope(rng: np.random.Generator, shape: Shape) -> Field:
    """A straight gradient from -1 to 1 in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    rows = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    field = np.float32(np.sin(angle)) * rows + np.float32(np.cos(angle)) * columns
    return np.asarray(field / np.float32(np.abs(field).max()), np.float32)


def relief(height: Field, light: Sequence[float] = (-1.0, -1.0)) -> Field:
    """Shading of a surface of the given ``height`` (pixels) lit from the direction ``light`` (x, y)."""
    along = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    return np.asarray(along * np.float32(light[0]) + down * np.float32(light[1]), np.float32)


def bevelled(coverage: Image, depth: float, light: Sequence[float] = (-1.0, -1.0)) -> Field:
    """Shading, about -1..1, of the rounded edge of a raised shape of the given ``coverage`` (uint8 HxW)."""
    soft = cv2.GaussianBlur(coverage, (0, 0), max(0.6, depth)).astype(np.float32)
    return -relief(soft, (-light[0], -light[1])) * np.float32(depth / 45.0)
