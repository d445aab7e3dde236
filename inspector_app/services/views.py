"""What the network says of test images against one golden: as a whole, by tiles, or both; once or mirrored too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from inspector_app.core.change_map import ChangeMap, Registration, quantise
from inspector_app.core.frame import Frame, RgbArray
from inspector_app.core.manifest import InputSpec
from inspector_app.core.protocols import ChangeEngine, Features, Tensor
from inspector_app.core.recipe import View
from inspector_app.services.golden_features import GoldenFeatures
from inspector_app.vision.fusion import GoldenFusion, fuse_mirrored, fuse_views
from inspector_app.vision.registration import warp_to_golden
from inspector_app.vision.tensors import resize, to_tensor
from inspector_app.vision.tiling import Blend, Probability, Tile, TileGrid, plan_tiles

AHEAD = 2
"""Calls at work even where the engine takes one at a time: one's tiles are cut out while another is computed."""
Pairs = tuple[tuple[Tile, int], ...]
"""Tiles with the number of the look that each is cut out of."""
OnCompared = Callable[[int], None]
"""Told after each call of the network how many pairs it compared."""


@dataclass(frozen=True, eq=False)
class _Encoded:
    """What the engine keeps of a golden or of a tile of it, and the key that it is kept under."""

    key: Hashable
    features: Features


@dataclass(frozen=True, eq=False)
class _Golden:
    """A golden or a tile of it as it is compared with: as it is, and mirrored where that is looked at too."""

    plain: _Encoded
    mirrored: _Encoded | None


@dataclass(frozen=True, eq=False)
class Look:
    """A test image as it is held against one golden.

    Attributes:
        test: the image.
        golden: what it is held against.
        registration: how it lies on the golden; None without alignment.
        whole: ``1 x 3 x H x W`` float32 of the network's size; None when the view has tiles only.
    """

    test: Frame
    golden: Frame
    registration: Registration | None = None
    whole: Tensor | None = None

    @staticmethod
    def of(
        test: Frame, golden: Frame, registration: Registration | None, view: View, spec: InputSpec
    ) -> Look:
        """With the tensor of the whole, where the view has it."""
        look = Look(test, golden, registration)
        return look if view.mode == "tiles" else replace(look, whole=to_tensor(look.pixels(), spec))

    def pixels(self) -> RgbArray:
        """``H x W x 3`` uint8 in the golden's frame and of its size. Made anew for each call where the image is
        aligned: kept, the copies of large images would fill the memory while they wait for the network."""
        if self.registration is None:
            return self.test.pixels
        return warp_to_golden(self.test, self.registration, (self.golden.width, self.golden.height))


class Gathered:
    """The map of one test image, gathered from the goldens that it is held against."""

    def __init__(self, looks: Sequence[Look], frame_size: tuple[int, int], grid: tuple[int, int]) -> None:
        """``frame_size`` is the test image's, ``grid`` the fused map's; all sizes are ``(width, height)``."""
        golden = looks[0].golden
        self._frame_size, self._golden_size = frame_size, (golden.width, golden.height)
        self._registration = looks[0].registration
        self._single: Probability | None = None
        self._fusion = GoldenFusion(frame_size, self._golden_size, grid) if len(looks) > 1 else None

    def add(self, probability: Probability, registration: Registration | None) -> None:
        """What the network said under one golden, in that golden's frame."""
        if self._fusion is None:
            self._single = probability
        else:
            self._fusion.add(probability, registration)

    def change_map(self) -> ChangeMap:
        """The map to judge. One golden's stays in its own frame, as the network gave it."""
        fused = self._single if self._fusion is None else self._fusion.result()
        assert fused is not None
        return ChangeMap(
            quantise(fused),
            self._frame_size,
            self._golden_size,
            self._registration,
            in_test_frame=self._fusion is not None and self._registration is not None,
        )


class ViewRunner:
    """Runs an engine over looks and keeps the goldens' features. Thread-safe."""

    def __init__(self, engine: ChangeEngine) -> None:
        self._engine = engine
        self._features = GoldenFeatures(engine.kept_bytes)

    def batch(self) -> AbstractContextManager[None]:
        """Around the work on one batch; features that only earlier ones needed may go."""
        return self._features.scan()

    def comparisons(self, view: View, golden: Frame) -> int:
        """How many pairs the network compares for one look.

        Raises:
            KeeperError: ``tile_size``.
        """
        tiles = 0 if view.mode == "whole" else len(self._grid(view, golden))
        return (tiles + (view.mode != "tiles")) * view.looks

    def run(self, looks: Sequence[Look], view: View, on_compared: OnCompared) -> list[Probability]:
        """The maps of all looks, which share one golden, in the golden's frame; order is kept.

        Tile after tile, the same of every look together, so that a golden's tile is prepared once for all. Calls
        are filled with what the engine takes at once, so pairs of several tiles may share one.

        Raises:
            KeeperError: when the engine fails, or ``tile_size``.
        """
        wholes = None if view.mode == "tiles" else self._whole(looks, view, on_compared)
        if view.mode == "whole":
            assert wholes is not None
            return wholes
        tiled = self._tiles(looks, view, on_compared)
        if wholes is None:
            return tiled
        return [fuse_views(whole, tiles) for whole, tiles in zip(wholes, tiled, strict=True)]

    def _grid(self, view: View, golden: Frame) -> TileGrid:
        return plan_tiles(view, self._engine.manifest.input, (golden.width, golden.height))

    def _whole(self, looks: Sequence[Look], view: View, on_compared: OnCompared) -> list[Probability]:
        golden, spec = looks[0].golden, self._engine.manifest.input
        tensors = [look.whole for look in looks if look.whole is not None]
        encoded = self._encode(golden.sha256, lambda: to_tensor(golden.pixels, spec), view)
        found = self._compare([encoded] * len(tensors), tensors)
        on_compared(len(looks) * view.looks)
        return found

    def _tiles(self, looks: Sequence[Look], view: View, on_compared: OnCompared) -> list[Probability]:
        golden = looks[0].golden
        grid = self._grid(view, golden)
        spec = _of_size(self._engine.manifest.input, *grid.shape)
        picture = _scaled(golden.pixels, spec, grid)
        pictures = [_scaled(look.pixels(), spec, grid) for look in looks]
        blends = [Blend(grid) for _ in pictures]

        def encoded(tile: Tile) -> _Golden:
            key = (golden.sha256, grid.size, grid.shape, tile)
            return self._encode(key, lambda: _cut_tensor(grid, tile, picture, spec), view)

        def compare(pairs: Pairs) -> list[Probability]:
            goldens = {tile: encoded(tile) for tile, _ in pairs}
            tensors = [_cut_tensor(grid, tile, pictures[index], spec) for tile, index in pairs]
            return self._compare([goldens[tile] for tile, _ in pairs], tensors)

        calls = _in_calls(grid, len(looks), self._engine.pairs_per_call)
        for pairs, found in in_order(compare, calls, max(AHEAD, self._engine.parallel)):
            for (tile, index), probability in zip(pairs, found, strict=True):
                blends[index].add(tile, probability)
            on_compared(len(pairs) * view.looks)
        return [blend.map for blend in blends]

    def _encode(self, key: Hashable, golden: Callable[[], Tensor], view: View) -> _Golden:
        plain = self._encoded(key, golden)
        return _Golden(
            plain, self._encoded(("mirrored", key), lambda: _mirror(golden())) if view.mirrored else None
        )

    def _encoded(self, key: Hashable, golden: Callable[[], Tensor]) -> _Encoded:
        return _Encoded(key, self._features.of(key, lambda: self._engine.encode_golden(golden())))

    def _compare(self, goldens: Sequence[_Golden], tests: Sequence[Tensor]) -> list[Probability]:
        """The maps of pairs that are all looked at equally often."""
        plain = [each.plain for each in goldens]
        mirrors = [each.mirrored for each in goldens if each.mirrored is not None]
        if not mirrors:
            return self._compared(plain, tests)
        mirrored = [_mirror(test) for test in tests]
        if self._engine.pairs_per_call == 1:
            # Such an engine keeps what one golden's call takes, and would have to put two goldens' together each time.
            first, second = self._compared(plain, tests), self._compared(mirrors, mirrored)
        else:
            both = self._compared([*plain, *mirrors], [*tests, *mirrored])
            first, second = both[: len(tests)], both[len(tests) :]
        return [fuse_mirrored(*looks) for looks in zip(first, second, strict=True)]

    def _compared(self, goldens: Sequence[_Encoded], tests: Sequence[Tensor]) -> list[Probability]:
        found = list(self._engine.compare_each([each.features for each in goldens], np.concatenate(tests)))
        for key, kept in {each.key: each.features for each in goldens}.items():
            self._features.keep(key, kept)
        return found


def _in_calls(tiles: Iterable[Tile], looks: int, per_call: int) -> Iterator[Pairs]:
    """All pairs, tile by tile, in groups of as many as a tile has, filled up to a multiple of ``per_call``: so a
    tile's may be parted between two."""
    pairs = ((tile, index) for tile in tiles for index in range(looks))
    size = -(-looks // per_call) * per_call
    while call := tuple(islice(pairs, size)):
        yield call


def in_order(
    compare: Callable[[Pairs], list[Probability]], calls: Iterable[Pairs], parallel: int
) -> Iterator[tuple[Pairs, list[Probability]]]:
    """Each call with what came of it, in order, ``parallel`` of them at work at a time.

    So much is in memory and no more; closed early, it waits for what is at work.
    """
    coming = iter(calls)
    with ThreadPoolExecutor(parallel, "tiles") as pool:
        work = deque((pairs, pool.submit(compare, pairs)) for pairs in islice(coming, parallel))
        while work:
            pairs, future = work.popleft()
            found = future.result()
            work.extend((each, pool.submit(compare, each)) for each in islice(coming, 1))
            yield pairs, found


def _mirror(tensor: Tensor) -> Tensor:
    """``N x 3 x H x W``, left for right."""
    return np.ascontiguousarray(tensor[..., ::-1])


def _cut_tensor(grid: TileGrid, tile: Tile, picture: RgbArray, spec: InputSpec) -> Tensor:
    return to_tensor(grid.cut(picture, tile), spec)


def _scaled(pixels: RgbArray, spec: InputSpec, grid: TileGrid) -> RgbArray:
    """The picture on the grid that is cut; at scale 1 it is ``pixels`` itself."""
    width, height = grid.size
    return resize(pixels, _of_size(spec, height, width))


def _of_size(spec: InputSpec, height: int, width: int) -> InputSpec:
    return spec.model_copy(update={"height": height, "width": width})
