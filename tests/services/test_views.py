"""Tiles and several goldens, down the whole line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector_app.core.frame import Frame
from inspector_app.core.inspection import ImageRef, InspectionRequest, Settings
from inspector_app.core.protocols import EngineInfo, Features, Tensor
from inspector_app.core.recipe import Alignment, Limits, View
from inspector_app.core.verdict import Verdict
from inspector_app.services.goldens import GoldenChoice
from inspector_app.services.inspect import InferenceStopped, Watch
from inspector_app.storage.store import SqlRecordStore
from tests.fakes import DifferenceEngine
from tests.pictures import plain, spoiled
from tests.services.conftest import MakeService

SIDE = 200
TILES = Settings(view=View(mode="tiles"))
BOX = (131, 77, 3, 4)


def frame(pixels: np.ndarray, name: str = "test.png") -> Frame:
    return Frame(pixels, name, f"{abs(hash(pixels.tobytes())):064x}"[-64:])


def request(test: np.ndarray, goldens: list[np.ndarray], settings: Settings) -> InspectionRequest:
    first, *others = [frame(pixels, f"golden{n}.png") for n, pixels in enumerate(goldens)]
    seen = frame(test)
    return InspectionRequest(
        seen, ImageRef.of(seen), first, ImageRef.of(first), settings, others=tuple(others)
    )


def test_by_tiles_a_defect_is_found_pixel_for_pixel(make_service: MakeService) -> None:
    unit = request(spoiled([BOX], SIDE), [plain(SIDE)], TILES)
    result = make_service().evaluate(unit)
    assert result.verdict is Verdict.FAIL
    box = result.defects[0].box
    assert (box.x, box.y, box.w, box.h) == BOX
    assert result.change_map is not None
    assert result.change_map.levels.shape == (SIDE, SIDE)


def test_both_views_find_what_either_finds(make_service: MakeService) -> None:
    service = make_service()
    maps = {}
    for mode in ("whole", "tiles", "both"):
        unit = request(
            spoiled([BOX], SIDE), [plain(SIDE)], Settings(view=View.model_validate({"mode": mode}))
        )
        change_map = service.evaluate(unit).change_map
        assert change_map is not None
        maps[mode] = change_map.levels
    assert maps["whole"].shape == (64, 64)
    assert (maps["both"] >= maps["tiles"]).all()


def test_maps_do_not_hang_on_the_batch(make_service: MakeService) -> None:
    units = [request(spoiled([(9 * n + 5, 20, 6, 6)], SIDE), [plain(SIDE)], TILES) for n in range(5)]
    engine = DifferenceEngine()
    service = make_service(engine)
    together = service.infer([service.prepare(unit) for unit in units])
    assert set(engine.batches) == {5}
    for unit, inferred in zip(units, together, strict=True):
        (alone,) = service.infer([service.prepare(unit)])
        assert alone.change_map is not None
        assert inferred.change_map is not None
        np.testing.assert_array_equal(alone.change_map.levels, inferred.change_map.levels)


def test_a_goldens_tiles_are_encoded_once(make_service: MakeService) -> None:
    engine = DifferenceEngine()
    service = make_service(engine)
    for _ in range(3):
        service.evaluate(request(spoiled([BOX], SIDE), [plain(SIDE)], TILES))
    assert engine.goldens * 3 == engine.calls
    assert engine.goldens > 9


def test_tiles_of_several_places_share_a_call_and_change_no_bit(make_service: MakeService) -> None:
    units = [request(spoiled([(9 * n + 5, 20, 6, 6)], SIDE), [plain(SIDE)], TILES) for n in range(3)]
    one_by_one, filled = DifferenceEngine(), DifferenceEngine(pairs_per_call=8)
    maps, shares = [], list[float]()
    for engine in (one_by_one, filled):
        service = make_service(engine)
        maps.append(service.infer([service.prepare(unit) for unit in units], Watch(shares.append)))
    tiles = 16
    assert one_by_one.mixed == [[3]] * tiles
    # Pairs go tile by tile, three of each; a call holds eight.
    assert [sum(call) for call in filled.mixed] == [8] * 6
    assert {tuple(call) for call in filled.mixed} == {(3, 3, 2), (1, 3, 3, 1), (2, 3, 3)}
    assert filled.goldens == one_by_one.goldens == tiles
    for left, right in zip(*maps, strict=True):
        assert left.change_map is not None
        assert right.change_map is not None
        np.testing.assert_array_equal(left.change_map.levels, right.change_map.levels)
    assert shares[-1] == 1.0


def test_more_images_than_fill_a_call_fill_several(make_service: MakeService) -> None:
    units = [request(spoiled([BOX], SIDE), [plain(SIDE)], TILES) for _ in range(3)]
    engine = DifferenceEngine(pairs_per_call=2)
    service = make_service(engine)
    service.infer([service.prepare(unit) for unit in units])
    assert [sum(call) for call in engine.mixed] == [4] * 12


def test_progress_is_told_between_calls_and_a_stop_keeps_nothing(make_service: MakeService) -> None:
    service, shares = make_service(), list[float]()
    unit = request(spoiled([BOX], SIDE), [plain(SIDE)], TILES)
    service.evaluate(unit, Watch(shares.append))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 9
    with pytest.raises(InferenceStopped):
        service.evaluate(unit, Watch(lambda share: None, lambda: True))


def test_a_tile_that_the_model_does_not_take_is_an_error(make_service: MakeService) -> None:
    bad = Settings(view=View(mode="tiles", tile=128))
    record = make_service().inspect(request(plain(SIDE), [plain(SIDE)], bad))
    assert (record.verdict, record.error_code) == (Verdict.ERROR, "tile_size")


def test_what_looks_like_one_of_the_goldens_is_good(make_service: MakeService) -> None:
    print_a, print_b = spoiled([(40, 10, 8, 6)]), plain()
    service = make_service()
    assert service.evaluate(request(print_b, [print_a], Settings())).verdict is Verdict.FAIL
    assert service.evaluate(request(print_b, [print_a, print_b, print_b], Settings())).verdict is Verdict.PASS
    other = spoiled([(10, 50, 8, 6)])
    assert service.evaluate(request(other, [print_a, print_b], Settings())).verdict is Verdict.FAIL


def test_the_record_names_all_goldens_and_the_map_comes_back(
    make_service: MakeService, store: SqlRecordStore
) -> None:
    shifted = np.roll(plain(), 4, axis=1)
    moved = np.roll(spoiled([(40, 10, 8, 6)]), (3, 2), axis=(0, 1))
    settings = Settings(alignment=Alignment(method="translation"), limits=Limits(min_area_px=20))
    service = make_service()
    result = service.evaluate(request(moved, [plain(), shifted], settings))
    (record,) = service.record([result])
    assert store.get(record.id) == record
    assert [ref.name for ref in (record.golden, *record.other_goldens)] == ["golden0.png", "golden1.png"]
    stored = store.get_map(record.id)
    assert stored is not None
    assert result.change_map is not None
    assert stored.in_test_frame
    np.testing.assert_array_equal(stored.levels, result.change_map.levels)
    box = result.defects[0].box
    assert abs(box.x - 42) <= 2
    assert abs(box.y - 13) <= 2


def test_a_golden_that_cannot_be_aligned_has_no_say(make_service: MakeService) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    strict = Settings(alignment=Alignment(method="translation", min_quality=0.9))
    service = make_service()
    for goldens in ([plain(), noise], [noise, plain()]):
        record = service.inspect(request(plain(), goldens, strict))
        assert record.verdict is Verdict.PASS
        wanted = f"golden{0 if goldens[1] is noise else 1}.png"
        assert (record.golden.name, record.other_goldens) == (wanted, ())
    record = service.inspect(request(plain(), [noise, noise[::-1].copy()], strict))
    assert (record.verdict, record.error_code) == (Verdict.ERROR, "not_aligned")


def test_the_best_matching_goldens_are_chosen() -> None:
    greys = [frame(plain(grey=grey), f"{grey}") for grey in (60, 120, 90, 100)]
    choice = GoldenChoice(greys)
    assert [golden.name for golden in choice.best(frame(plain(grey=98)), 3)] == ["100", "90", "120"]
    assert len(choice.best(greys[0], 9)) == 4
    alone = GoldenChoice(greys[:1])
    assert alone.best(replace(greys[1], name="x"), 3) == tuple(greys[:1])


class Grading(DifferenceEngine):
    """Remembers which golden each call was held against, by its mean."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        assert isinstance(features, np.ndarray)
        self.seen.append(round(float(features.mean()), 4))
        return super().compare(features, tests)


def test_an_images_goldens_are_added_up_in_one_order_whatever_is_beside_it(make_service: MakeService) -> None:
    goldens = [plain(SIDE) + np.uint8(4 * n) for n in range(3)]
    settings = Settings()
    here = request(spoiled([BOX], SIDE), goldens, settings)
    there = request(spoiled([BOX], SIDE), goldens[::-1], settings)
    orders = []
    for units in ([here], [there], [here, there], [there, here]):
        engine = Grading()
        service = make_service(engine)
        service.infer([service.prepare(unit) for unit in units])
        orders.append(engine.seen)
    assert len(orders[0]) == 3
    assert orders == [orders[0]] * 4


def test_every_golden_must_have_the_images_size(make_service: MakeService) -> None:
    unit = request(plain(SIDE), [plain(SIDE), plain(SIDE + 8)], Settings())
    result = make_service().evaluate(unit)
    assert result.verdict is Verdict.ERROR
    assert result.error is not None
    assert result.error.code == "size_mismatch"


def test_the_record_names_the_engine_that_answered(make_service: MakeService) -> None:
    class Renamed(DifferenceEngine):
        label = "first"

        @property
        def info(self) -> EngineInfo:
            return EngineInfo(self.label, "CPU", "float32")

    engine = Renamed()
    service = make_service(engine)
    (inferred,) = service.infer([service.prepare(request(plain(SIDE), [plain(SIDE)], Settings()))])
    engine.label = "second"
    assert service.conclude(inferred).engine.engine == "first CPU"


class Lopsided(DifferenceEngine):
    """Takes everything in the left half of what it is shown for half as likely."""

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        found = super().compare(features, tests)
        found[..., : found.shape[-1] // 2] *= np.float32(0.5)
        return found


@pytest.mark.parametrize("mode", ["whole", "tiles", "both"])
def test_a_second_look_in_the_mirror_evens_out_what_depends_on_the_side(
    make_service: MakeService, mode: str
) -> None:
    left, right = (20, 90, 12, 12), (SIDE - 32, 90, 12, 12)
    told = []
    for mirrored in (False, True):
        view = View.model_validate({"mode": mode, "mirrored": mirrored})
        engine, shares = Lopsided(), list[float]()
        unit = request(spoiled([left, right], SIDE), [plain(SIDE)], Settings(view=view))
        result = make_service(engine).evaluate(unit, Watch(shares.append))
        assert result.change_map is not None
        assert shares[-1] == 1.0
        assert len(set(shares)) == len(shares)
        told.append((engine.goldens, result.change_map.levels))
    (goldens_once, once), (goldens_twice, twice) = told
    assert goldens_twice == 2 * goldens_once
    assert not np.array_equal(once, once[:, ::-1])
    assert np.abs(twice.astype(int) - twice[:, ::-1]).max() <= 1
    assert once.max() >= twice.max() > 0


def test_a_mirrored_golden_is_encoded_once_too(make_service: MakeService) -> None:
    engine = DifferenceEngine()
    service = make_service(engine)
    for _ in range(3):
        service.evaluate(request(spoiled([BOX], SIDE), [plain(SIDE)], Settings(view=View(mirrored=True))))
    assert (engine.goldens, engine.calls) == (2, 6)
