from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import InspectorError, KeeperError, OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.geometry import Region
from inspector_app.core.inspection import Identity, ImageRef, InspectionRequest, MeasureAt, Settings
from inspector_app.core.metrics import Outcome
from inspector_app.core.recipe import Alignment, Limits
from inspector_app.core.retention import Retention
from inspector_app.core.verdict import Verdict
from inspector_app.storage.store import SqlRecordStore
from tests.fakes import DifferenceEngine
from tests.pictures import SIDE, mask_of, plain, spoiled
from tests.services.conftest import MakeService

BOX = (40, 10, 8, 6)


def frame(pixels: np.ndarray, name: str = "test.png") -> Frame:
    return Frame(pixels, name, f"{abs(hash(pixels.tobytes())):064x}"[-64:], path=Path("/pictures") / name)


def request(test: Frame | InspectorError | None = None, **changes: object) -> InspectionRequest:
    golden = frame(plain(), "golden.png")
    seen = frame(spoiled([BOX])) if test is None else test
    image = ImageRef.of(seen) if isinstance(seen, Frame) else ImageRef("gone.png")
    made = InspectionRequest(seen, image, golden, ImageRef.of(golden), Settings())
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_defect_fails_and_is_recorded_before_it_is_returned(
    make_service: MakeService, store: SqlRecordStore
) -> None:
    record = make_service().inspect(request(identity=Identity(serial="S1", lot="L", operator="Ada")))
    assert record.verdict is Verdict.FAIL
    assert record.reason == "1 region, largest 48 px, limit 1 px"
    assert store.get(record.id) == record
    (defect,) = store.defects(record.id)
    assert (defect.defect.box.x, defect.defect.box.y) == BOX[:2]
    assert defect.defect.area_px == 48


def test_the_golden_itself_passes(make_service: MakeService) -> None:
    record = make_service().inspect(request(frame(plain())))
    assert (record.verdict, record.score, record.n_defects) == (Verdict.PASS, 0.0, 0)


def test_the_stored_map_judges_the_same_again(make_service: MakeService, store: SqlRecordStore) -> None:
    service = make_service()
    result = service.evaluate(request())
    (record,) = service.record([result])
    stored = store.get_map(record.id)
    assert stored is not None
    assert result.change_map is not None
    np.testing.assert_array_equal(stored.levels, result.change_map.levels)


def test_the_same_serial_again_is_a_new_attempt(make_service: MakeService) -> None:
    service = make_service()
    unit = request(identity=Identity(serial="S1"))
    assert [service.inspect(unit).attempt for _ in range(3)] == [1, 2, 3]


def test_an_image_that_could_not_be_read_is_an_error_with_its_reason(make_service: MakeService) -> None:
    gone = OperatorError("image_missing", "The image is not there any more.")
    record = make_service().inspect(request(gone))
    assert record.verdict is Verdict.ERROR
    assert (record.error_code, record.reason) == ("image_missing", "The image is not there any more.")


def test_sizes_that_differ_are_an_error_without_alignment(make_service: MakeService) -> None:
    record = make_service().inspect(request(frame(plain(side=80))))
    assert (record.verdict, record.error_code) == (Verdict.ERROR, "size_mismatch")
    assert "80 x 80" in record.reason
    assert "64 x 64" in record.reason


def test_what_cannot_be_aligned_is_an_error_and_its_annotated_pixels_are_missed(
    make_service: MakeService,
) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    strict = Settings(alignment=Alignment(method="translation", min_quality=0.9))
    record = make_service().inspect(request(frame(noise), settings=strict, truth=mask_of([BOX]).astype(bool)))
    assert (record.verdict, record.error_code) == (Verdict.ERROR, "not_aligned")
    assert record.registration is not None
    assert record.truth is not None
    assert record.truth.counts is not None
    assert (record.truth.counts.fn, record.truth.counts.tp, record.truth.outcome) == (48, 0, Outcome.TP)


def test_a_truth_gives_pixel_counts_on_the_grid_asked_for(make_service: MakeService) -> None:
    truth = mask_of([(40, 10, 8, 12)]).astype(bool)
    native = make_service().inspect(request(truth=truth))
    assert native.truth is not None
    assert native.truth.counts is not None
    assert (native.truth.counts.tp, native.truth.counts.fp, native.truth.counts.fn) == (48, 0, 48)
    coarse = make_service().inspect(request(truth=truth, settings=Settings(measure_at=MeasureAt.GRID_256)))
    assert coarse.truth is not None
    assert coarse.truth.counts is not None
    counts = coarse.truth.counts
    assert counts.tp + counts.fp + counts.fn + counts.tn == 256 * 256


def test_an_image_without_truth_has_none(make_service: MakeService) -> None:
    assert make_service().inspect(request()).truth is None


def test_a_truth_that_cannot_be_used_is_noted_and_the_verdict_stands(make_service: MakeService) -> None:
    record = make_service().inspect(request(truth_error=OperatorError("truth_size_mismatch", "Too small.")))
    assert (record.verdict, record.error_code, record.truth) == (Verdict.FAIL, "truth_size_mismatch", None)


def test_what_lies_in_an_ignored_region_neither_fails_nor_counts(make_service: MakeService) -> None:
    corners = ((36.0, 6.0), (56.0, 6.0), (56.0, 20.0), (36.0, 20.0))
    ignoring = Settings(regions=(Region(mode="ignore", points=corners),))
    record = make_service().inspect(request(settings=ignoring, truth=mask_of([BOX]).astype(bool)))
    assert record.verdict is Verdict.PASS
    assert record.truth is not None
    assert not record.truth.defective
    assert record.truth.outcome is Outcome.TN


def test_the_least_area_decides_but_does_not_touch_the_pixel_measures(make_service: MakeService) -> None:
    lenient = Settings(limits=Limits(min_area_px=49))
    record = make_service().inspect(request(settings=lenient, truth=mask_of([BOX]).astype(bool)))
    assert (record.verdict, record.n_defects) == (Verdict.PASS, 0)
    assert record.truth is not None
    assert record.truth.counts is not None
    assert record.truth.counts.tp == 48


def test_a_golden_is_encoded_once(make_service: MakeService) -> None:
    engine = DifferenceEngine()
    service = make_service(engine)
    for _ in range(4):
        service.inspect(request())
    assert (engine.goldens, engine.calls) == (1, 4)


def test_one_image_that_breaks_the_engine_does_not_take_its_neighbours(make_service: MakeService) -> None:
    service = make_service(DifferenceEngine(poison=0.9))
    bright = frame(np.full((SIDE, SIDE, 3), 255, dtype=np.uint8))
    batch = [service.prepare(request(test)) for test in (frame(plain()), bright, frame(spoiled([BOX])))]
    verdicts = [service.conclude(one).verdict for one in service.infer(batch)]
    assert verdicts == [Verdict.PASS, Verdict.ERROR, Verdict.FAIL]


def test_a_bug_ends_as_a_recorded_error_with_its_traceback_in_the_log(
    make_service: MakeService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("inspector_app.services.inspect.judge", broken)
    record = make_service().inspect(request())
    assert (record.verdict, record.error_code) == (Verdict.ERROR, "internal_error")
    assert "oops" in record.reason
    assert "ZeroDivisionError" in caplog.text


def test_no_verdict_without_a_record(make_service: MakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise KeeperError("disk_full", "The disk is full.")

    monkeypatch.setattr(SqlRecordStore, "commit", full)
    with pytest.raises(KeeperError, match="full"):
        make_service().inspect(request())


def test_live_images_are_kept_by_the_rule(make_service: MakeService) -> None:
    service = make_service(retention=Retention(every_nth_pass=2))
    good = request(frame(plain()), keep_image=True)
    kept = [service.inspect(good).archive_key is not None for _ in range(4)]
    assert kept == [False, True, False, True]
    assert service.inspect(request(keep_image=True)).archive_key is not None
    assert service.inspect(request()).archive_key is None


def test_an_aligned_test_image_is_judged_in_its_own_frame(make_service: MakeService) -> None:
    moved = np.roll(spoiled([BOX]), (3, 5), axis=(0, 1))
    settings = Settings(alignment=Alignment(method="translation"), limits=Limits(min_area_px=20))
    service = make_service()
    result = service.evaluate(request(frame(moved), settings=settings))
    assert result.verdict is Verdict.FAIL
    box = result.defects[0].box
    assert abs(box.x - 45) <= 2
    assert abs(box.y - 13) <= 2
