"""The one way from an array to a QImage, and pictures that stay smooth at any zoom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

SMALLEST = 384
"""No further halving once the longer side is at most this."""


def to_qimage(array: NDArray[np.uint8]) -> QImage:
    """An image over ``H x W`` (grey), ``H x W x 3`` (RGB) or ``H x W x 4`` (RGBA, straight) uint8.

    The strides are taken from the array. A read-only array is aliased (QImage keeps it alive), any other is
    copied, for later writes would change the picture.
    """
    if array.dtype != np.uint8:
        raise ValueError(f"a picture needs uint8, got {array.dtype}")
    formats = {
        1: QImage.Format.Format_Grayscale8,
        3: QImage.Format.Format_RGB888,
        4: QImage.Format.Format_RGBA8888,
    }
    channels = 1 if array.ndim == 2 else array.shape[2]
    if array.ndim not in (2, 3) or channels not in formats:
        raise ValueError(f"a picture needs H x W, H x W x 3 or H x W x 4, got {array.shape}")
    source = np.ascontiguousarray(array)
    height, width = source.shape[:2]
    image = QImage(source.data, width, height, source.strides[0], formats[channels])
    return image.copy() if source.flags.writeable else image


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture ready to draw: itself and its halvings, the full size first."""

    levels: tuple[QImage, ...]

    @property
    def width(self) -> int:
        """Of the full size."""
        return self.levels[0].width()

    @property
    def height(self) -> int:
        """Of the full size."""
        return self.levels[0].height()

    def for_scale(self, scale: float) -> QImage:
        """The smallest level that still has a pixel for each of the screen's, at ``scale`` screen/image."""
        index = 0
        while index + 1 < len(self.levels) and scale <= 0.5 ** (index + 1):
            index += 1
        return self.levels[index]


def picture_of(array: NDArray[np.uint8]) -> Picture:
    """Convert and halve; for a worker, as it takes tens of milliseconds on a large frame."""
    with_alpha = array.ndim == 3 and array.shape[2] == 4
    kind = QImage.Format.Format_ARGB32_Premultiplied if with_alpha else QImage.Format.Format_RGB32
    return _halved(to_qimage(array).convertToFormat(kind))


def mapped_picture(indices: NDArray[np.uint8], table: NDArray[np.uint8]) -> Picture:
    """``H x W`` indices seen through ``256 x 4`` RGBA; for a worker.

    Qt does the looking up: numpy's would hold the interpreter, and with it the window, all the while.
    """
    image = to_qimage(indices)
    image.reinterpretAsFormat(QImage.Format.Format_Indexed8)
    image.setColorTable([(int(a) << 24) | (int(r) << 16) | (int(g) << 8) | int(b) for r, g, b, a in table])
    return _halved(image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied))


def _halved(image: QImage) -> Picture:
    levels = [image]
    while max(levels[-1].width(), levels[-1].height()) > SMALLEST * 2:
        levels.append(_scaled(levels[-1], levels[-1].width() // 2, levels[-1].height() // 2))
    return Picture(tuple(levels))


def thumbnail_of(array: NDArray[np.uint8], side: int) -> QImage:
    """A copy whose longer side is ``side`` (never enlarged), for a worker."""
    height, width = array.shape[:2]
    scale = min(1.0, side / max(width, height))
    image = to_qimage(array)
    return _scaled(image, max(1, round(width * scale)), max(1, round(height * scale))).convertToFormat(
        QImage.Format.Format_RGB32
    )


def _scaled(image: QImage, width: int, height: int) -> QImage:
    return image.scaled(
        max(1, width),
        max(1, height),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
