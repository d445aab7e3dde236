"""Names for the arrays that travel through the training data pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""H x W x 3, RGB, 0..255."""

Mask = NDArray[np.bool_]
"""H x W, True where something changed."""

Staged = tuple[Image, Mask]
"""A picture with a staged defect, and where it is marked."""


@dataclass(frozen=True)
class Pair:
    """A golden, a test image and the truth, all of one size."""

    golden: Image
    test: Image
    mask: Mask
