"""A decoded picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RgbArray = NDArray[np.uint8]
"""``H x W x 3`` uint8, RGB, C-contiguous, read-only."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture, decoded once; the same array is shown, stored and scored.

    Attributes:
        pixels: ``H x W x 3`` uint8 RGB, read-only.
        name: what to call it on screen (a file's name, or "camera 0 #12").
        sha256: of the encoded bytes it came from, or of the raw pixels for a camera's frame.
        path: the file that it came from, if any.
        captured_at: time of capture (UTC, aware), for live frames.
        load_ms: milliseconds spent reading and decoding.
    """

    pixels: RgbArray
    name: str
    sha256: str
    path: Path | None = None
    captured_at: datetime | None = None
    load_ms: float = 0.0

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 3 or self.pixels.shape[2] != 3:
            raise ValueError(f"a frame needs H x W x 3 uint8, got {self.pixels.shape} {self.pixels.dtype}")
        self.pixels.setflags(write=False)

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])
