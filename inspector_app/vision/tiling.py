"""Tiles: how an image is cut into overlapping pieces, and how their maps become one without seams.

Along each axis the tiles lie evenly. A tile's weight rises from nothing at its edge to 1 over what it shares with
its neighbour, but stays 1 at the image's edge; the weights of an axis sum to 1 at each pixel, and a tile's weight at a pixel
is the product of its two axes' weights, so that all of them sum to 1 there as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.frame import RgbArray
from inspector_app.core.manifest import InputSpec
from inspector_app.core.recipe import View

Probability = NDArray[np.float32]
"""``H x W`` float32 in 0..1."""
Weights = NDArray[np.float32]
OVERLAP = 0.2
"""The share of a tile's side that it has in common with its neighbour, at least."""


@dataclass(frozen=True)
class Axis:
    """How one side is cut.

    Attributes:
        length: pixels of the image.
        tile: pixels of a tile; more than ``length`` when the image is smaller than a tile.
        starts: where each tile begins, increasing; the first at 0, the last ending with the image.
    """

    length: int
    tile: int
    starts: tuple[int, ...]

    @cached_property
    def weights(self) -> tuple[Weights, ...]:
        """For each tile the weight of its pixels, those beyond the image left out; they sum to 1 at each pixel."""
        raw = [self._ramps(index) for index in range(len(self.starts))]
        total = np.zeros(self.length)
        for start, weight in zip(self.starts, raw, strict=True):
            total[start : start + self.tile] += weight
        return tuple(
            (weight / total[start : start + self.tile]).astype(np.float32)
            for start, weight in zip(self.starts, raw, strict=True)
        )

    def _ramps(self, index: int) -> NDArray[np.float64]:
        """Up and down over what is shared with the neighbours, at pixel centres."""
        start, size = self.starts[index], min(self.tile, self.length)
        centres = np.arange(size) + 0.5
        weight = np.ones(size)
        if index > 0:
            shared = self.starts[index - 1] + size - start
            weight = np.minimum(weight, centres / max(shared, 1))
        if index + 1 < len(self.starts):
            shared = start + size - self.starts[index + 1]
            weight = np.minimum(weight, (size - centres) / max(shared, 1))
        return weight


def cut_axis(length: int, tile: int, overlap: int) -> Axis:
    """The fewest tiles of ``tile`` pixels that cover ``length`` and share at least ``overlap`` pixels.

    Raises:
        ValueError: when the overlap leaves nothing new in a tile.
    """
    if not 0 <= overlap < tile or length < 1:
        raise ValueError(f"tiles of {tile} pixels cannot overlap by {overlap} over {length}")
    if length <= tile:
        return Axis(length, tile, (0,))
    count = math.ceil((length - overlap) / (tile - overlap))
    return Axis(length, tile, tuple(round(index * (length - tile) / (count - 1)) for index in range(count)))


@dataclass(frozen=True)
class Tile:
    """One piece: its corner in the grid, and which it is along each axis."""

    column: int
    row: int
    x: int
    y: int


@dataclass(frozen=True)
class TileGrid:
    """The pieces of an image of ``size`` = ``(width, height)``, row by row."""

    across: Axis
    down: Axis

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of the image that is cut, and so of its map."""
        return self.across.length, self.down.length

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)`` of a tile."""
        return self.down.tile, self.across.tile

    def __len__(self) -> int:
        return len(self.across.starts) * len(self.down.starts)

    def __iter__(self) -> Iterator[Tile]:
        for row, y in enumerate(self.down.starts):
            for column, x in enumerate(self.across.starts):
                yield Tile(column, row, x, y)

    def cut(self, pixels: RgbArray, tile: Tile) -> RgbArray:
        """A tile of ``pixels`` (``H x W x 3`` of the grid's size); an image smaller than it is mirrored beyond
        its edge, so that the network meets no edge that is none."""
        height, width = self.shape
        piece = pixels[tile.y : tile.y + height, tile.x : tile.x + width]
        below, right = height - piece.shape[0], width - piece.shape[1]
        if below or right:
            padded = cv2.copyMakeBorder(piece, 0, below, 0, right, cv2.BORDER_REFLECT_101)
            piece = np.asarray(padded, dtype=np.uint8)
        return piece


class Blend:
    """The map of a whole image, gathered tile by tile."""

    def __init__(self, grid: TileGrid) -> None:
        self._grid = grid
        width, height = grid.size
        self.map: Probability = np.zeros((height, width), dtype=np.float32)
        """``H x W``; complete once every tile was added."""

    def add(self, tile: Tile, probability: Probability) -> None:
        """Add what the network said of one tile."""
        down = self._grid.down.weights[tile.row]
        across = self._grid.across.weights[tile.column]
        height, width = len(down), len(across)
        weighted = probability[:height, :width] * down[:, None]
        weighted *= across
        self.map[tile.y : tile.y + height, tile.x : tile.x + width] += weighted


def plan_tiles(
    view: View, spec: InputSpec, frame_size: tuple[int, int], overlap: int | None = None
) -> TileGrid:
    """How an image of ``frame_size`` = ``(width, height)`` is cut for a network.

    ``overlap`` None shares a fifth of a tile's side.

    Raises:
        KeeperError: ``tile_size`` when the network does not take the tile that the view asks for.
    """
    height, width = tile_shape(view, spec)
    least = round(min(height, width) * OVERLAP) if overlap is None else overlap
    grid_width, grid_height = view.grid((spec.width, spec.height), frame_size)
    return TileGrid(cut_axis(grid_width, width, least), cut_axis(grid_height, height, least))


def tile_shape(view: View, spec: InputSpec) -> tuple[int, int]:
    """``(height, width)`` of a tile.

    Raises:
        KeeperError: ``tile_size``.
    """
    if view.tile is None or view.tile == spec.height == spec.width:
        return spec.height, spec.width
    if not spec.dynamic:
        raise KeeperError(
            "tile_size",
            f"The model takes tiles of {spec.width} x {spec.height} only, not of {view.tile} x {view.tile}.",
            "Leave the tile's size to the model.",
        )
    if view.tile % spec.multiple:
        raise KeeperError(
            "tile_size",
            f"The model takes tiles whose side is a multiple of {spec.multiple}, not of {view.tile}.",
            f"{view.tile - view.tile % spec.multiple or spec.multiple} would do.",
        )
    return view.tile, view.tile
