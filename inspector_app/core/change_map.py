"""The change map: for each pixel how likely it changed, as 8-bit levels on the grid of its view."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.uint8]
"""``H x W`` uint8; probability = level / 255."""
Mask = NDArray[np.bool_]
"""``H x W`` bool; True is change (defect)."""


@dataclass(frozen=True)
class Affine:
    """A 2 x 3 matrix that takes test pixel centres to golden pixel centres: ``(x', y') = A (x, y, 1)``."""

    xx: float = 1.0
    xy: float = 0.0
    tx: float = 0.0
    yx: float = 0.0
    yy: float = 1.0
    ty: float = 0.0

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The transform as a ``2 x 3`` float64 array."""
        return np.array([[self.xx, self.xy, self.tx], [self.yx, self.yy, self.ty]], dtype=np.float64)

    @property
    def rotation_deg(self) -> float:
        """The turn, in degrees, positive clockwise on screen."""
        return math.degrees(math.atan2(self.yx, self.xx))

    @staticmethod
    def of(matrix: NDArray[np.floating]) -> Affine:
        """From a ``2 x 3`` array."""
        m = [[float(v) for v in row] for row in matrix]
        return Affine(m[0][0], m[0][1], m[0][2], m[1][0], m[1][1], m[1][2])


@dataclass(frozen=True)
class Registration:
    """How a test image was brought onto its golden.

    Attributes:
        transform: test pixels to golden pixels.
        residual: mean absolute grey difference after alignment over the overlap, 0..1.
        quality: correlation coefficient of the two over the overlap, -1..1.
    """

    transform: Affine
    residual: float
    quality: float


@dataclass(frozen=True, eq=False)
class ChangeMap:
    """What the network saw.

    Attributes:
        levels: ``h x w`` uint8 on the view's grid, read-only; it covers the golden's frame when ``registration``
            is set and ``in_test_frame`` is not, the test image itself otherwise.
        frame_size: ``(width, height)`` of the test image.
        golden_size: ``(width, height)`` of the golden.
        registration: the alignment on the (best-matching) golden that was applied before the network, or None.
        in_test_frame: the map was brought back into the test image's frame already, to be fused there.
    """

    levels: Levels
    frame_size: tuple[int, int]
    golden_size: tuple[int, int]
    registration: Registration | None = None
    in_test_frame: bool = False

    def __post_init__(self) -> None:
        if self.levels.dtype != np.uint8 or self.levels.ndim != 2:
            raise ValueError(f"levels must be H x W uint8, got {self.levels.shape} {self.levels.dtype}")
        self.levels.setflags(write=False)


def level_of(threshold: float) -> int:
    """The least level whose probability reaches ``threshold`` (0 < threshold <= 1)."""
    return max(1, math.ceil(threshold * 255 - 1e-9))


def quantise(probability: NDArray[np.float32]) -> Levels:
    """Probabilities 0..1 to levels, rounded half up."""
    scaled = np.clip(probability, 0.0, 1.0)
    # In place: the map of a large image fills a good part of the memory that there is.
    scaled *= 255.0
    scaled += 0.5
    return scaled.astype(np.uint8)
