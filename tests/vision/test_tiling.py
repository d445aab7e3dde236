from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import InputSpec
from inspector_app.core.recipe import View
from inspector_app.vision.tiling import Blend, TileGrid, cut_axis, plan_tiles, tile_shape

SIDES = st.integers(1, 150)


@st.composite
def grids(draw: st.DrawFn) -> TileGrid:
    axes = []
    for _ in range(2):
        tile = draw(st.integers(1, 64))
        axes.append(cut_axis(draw(SIDES), tile, draw(st.integers(0, tile - 1))))
    return TileGrid(*axes)


@settings(deadline=None)
@given(grids())
def test_tiles_cover_every_pixel_and_share_what_was_asked(grid: TileGrid) -> None:
    for axis in (grid.across, grid.down):
        seen = np.zeros(axis.length, dtype=int)
        for start in axis.starts:
            assert 0 <= start <= max(0, axis.length - axis.tile)
            seen[start : start + axis.tile] += 1
        assert seen.min() >= 1
        assert list(axis.starts) == sorted(set(axis.starts))


@given(st.integers(1, 400), st.integers(2, 64), st.data())
def test_neighbours_share_at_least_the_overlap(length: int, tile: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, tile - 1))
    axis = cut_axis(length, tile, overlap)
    for before, after in zip(axis.starts, axis.starts[1:], strict=False):
        assert before + tile - after >= overlap


@settings(deadline=None)
@given(grids())
def test_weights_sum_to_one_at_every_pixel(grid: TileGrid) -> None:
    for axis in (grid.across, grid.down):
        total = np.zeros(axis.length)
        for start, weight in zip(axis.starts, axis.weights, strict=True):
            assert weight.min() > 0
            total[start : start + axis.tile] += weight
        np.testing.assert_allclose(total, 1.0, atol=1e-5)


@settings(deadline=None)
@given(grids(), st.floats(0, 1))
def test_blending_a_constant_gives_the_constant(grid: TileGrid, value: float) -> None:
    blend = Blend(grid)
    for tile in grid:
        blend.add(tile, np.full(grid.shape, value, dtype=np.float32))
    np.testing.assert_allclose(blend.map, value, atol=1e-5)


@settings(deadline=None)
@given(grids(), st.integers(0, 9))
def test_what_is_judged_pixel_by_pixel_is_the_same_by_tiles(grid: TileGrid, seed: int) -> None:
    width, height = grid.size
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    blend = Blend(grid)
    for tile in grid:
        piece = grid.cut(pixels, tile)
        assert piece.shape == (*grid.shape, 3)
        blend.add(tile, piece[:, :, 0].astype(np.float32) / 255.0)
    np.testing.assert_allclose(blend.map, pixels[:, :, 0] / 255.0, atol=1e-5)


def test_a_tile_counts_least_at_its_edge_but_fully_at_the_images() -> None:
    first, last = cut_axis(100, 64, 28).weights
    assert first[0] == last[-1] == 1.0
    assert first[-1] < 0.02
    assert (np.diff(first) <= 0).all()


def test_an_image_smaller_than_a_tile_is_mirrored() -> None:
    grid = plan_tiles(View(mode="tiles"), InputSpec(height=64, width=64), (40, 50))
    pixels = np.arange(50 * 40 * 3, dtype=np.int64).reshape(50, 40, 3).astype(np.uint8)
    (tile,) = grid
    piece = grid.cut(pixels, tile)
    np.testing.assert_array_equal(piece[:50, :40], pixels)
    np.testing.assert_array_equal(piece[:50, 40], pixels[:, 38])
    np.testing.assert_array_equal(piece[50, :40], pixels[48])


def test_a_scale_sets_the_maps_grid() -> None:
    spec = InputSpec(height=64, width=64)
    assert plan_tiles(View(mode="tiles", scale=0.5), spec, (301, 200)).size == (150, 100)
    assert plan_tiles(View(mode="tiles"), spec, (301, 200)).size == (301, 200)


def test_a_tile_that_the_model_does_not_take_is_refused() -> None:
    fixed, free = InputSpec(), InputSpec(dynamic=True)
    assert tile_shape(View(tile=512), free) == (512, 512)
    assert tile_shape(View(tile=256), fixed) == (256, 256)
    for spec, tile in ((fixed, 512), (free, 300)):
        with pytest.raises(KeeperError) as caught:
            tile_shape(View(tile=tile), spec)
        assert caught.value.code == "tile_size"


def test_an_overlap_that_leaves_nothing_new_is_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        cut_axis(100, 32, 32)
