from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import Identity, InspectionRecord, InspectionResult, MeasureAt, Settings
from inspector_app.core.metrics import count_pixels
from inspector_app.core.protocols import (
    ChangeEngine,
    EngineInfo,
    Features,
    HistoryFilter,
    Packed,
    RunState,
    Tensor,
)
from inspector_app.core.recipe import Limits
from inspector_app.core.verdict import Verdict
from inspector_app.engines.failover import FailoverEngine
from inspector_app.services import batch, goldens
from inspector_app.services.batch import BatchOutcome, BatchProgress, BatchService
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.inspect import InspectionService
from inspector_app.services.plan import plan_folder
from inspector_app.storage.archive import FileImageArchive
from inspector_app.storage.store import SqlRecordStore
from inspector_app.vision.annotations import truth_at
from inspector_app.vision.decode import read_frame
from tests.fakes import DifferenceEngine
from tests.makers import FakeClock
from tests.pictures import mask_of, plain, spoiled, write
from tests.services.conftest import MakeService

BOXES = [(4 * i, 3 * i, 3 + i, 4) for i in range(9)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine images in MVTec's layout: every third is good."""
    for i, box in enumerate(BOXES):
        kind = "good" if i % 3 == 0 else "chip"
        write(tmp_path / "test" / kind / f"{i:03d}.png", plain() if kind == "good" else spoiled([box]))
        if kind == "chip":
            write(tmp_path / "ground_truth" / kind / f"{i:03d}_mask.png", mask_of([box]))
    write(tmp_path / "golden.png", plain())
    return tmp_path


def job(folder: Path, **changes: object) -> BatchJob:
    items = plan_folder(folder / "test", folder / "golden.png", recursive=True)
    made = BatchJob("demo", folder / "test", items, Settings(), truth_dir=folder / "ground_truth")
    return replace(made, **changes)  # type: ignore[arg-type]


Run = Callable[..., tuple[BatchOutcome, list[InspectionRecord]]]


@pytest.fixture
def run(store: SqlRecordStore, make_service: MakeService) -> Run:
    def go(
        batch_job: BatchJob,
        engine: DifferenceEngine | None = None,
        stop_after: int | None = None,
    ) -> tuple[BatchOutcome, list[InspectionRecord]]:
        seen: list[InspectionRecord] = []
        stop = threading.Event()

        def on_progress(progress: BatchProgress) -> None:
            seen.extend(progress.records)
            if stop_after is not None and len(seen) >= stop_after:
                stop.set()

        service = make_service(engine)
        return BatchService(service, store, FakeClock()).run(batch_job, on_progress, stop.is_set), seen

    return go


def names(batch_job: BatchJob) -> list[str]:
    return [item.name for item in batch_job.items]


def test_every_image_is_recorded_once_and_in_order(folder: Path, run: Run, store: SqlRecordStore) -> None:
    wanted = job(folder)
    outcome, seen = run(wanted)
    assert outcome.state is RunState.DONE
    assert [record.image.name for record in seen] == names(wanted)
    stored = list(store.iterate(HistoryFilter(run_id=outcome.run_id)))
    assert stored == seen
    assert outcome.summary.verdicts == {Verdict.PASS: 3, Verdict.FAIL: 6}
    assert (outcome.summary.false_calls.count, outcome.summary.escapes.count) == (0, 0)
    assert outcome.summary.pooled.iou == 1.0
    assert outcome.summary.image_auroc == 1.0


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (2, 3), (4, 2), (64, 2)])
def test_batch_size_and_workers_change_nothing(folder: Path, run: Run, batch_size: int, workers: int) -> None:
    engine = DifferenceEngine()
    _, seen = run(job(folder, batch_size=batch_size, workers=workers), engine)
    assert [(r.image.name, r.verdict, r.score, r.truth) for r in seen] == [
        (r.image.name, r.verdict, r.score, r.truth) for r in run(job(folder))[1]
    ]
    assert sum(engine.batches) == 9
    assert max(engine.batches) <= batch_size


def test_resume_scores_nothing_anew(folder: Path, run: Run) -> None:
    first, _ = run(job(folder))
    engine = DifferenceEngine()
    again, seen = run(job(folder, resume=True), engine)
    assert (again.run_id, again.scored, again.skipped, seen, engine.calls) == (first.run_id, 0, 9, [], 0)
    assert again.summary == first.summary


def test_without_resume_a_run_is_a_new_run(folder: Path, run: Run) -> None:
    assert run(job(folder))[0].run_id != run(job(folder))[0].run_id


def test_a_stopped_run_is_completed_to_the_same_result(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "COMMITTED_AT_ONCE", 2)
    monkeypatch.setattr(batch, "WINDOW", 2)
    stopped, done = run(job(folder, batch_size=1, workers=1), stop_after=2)
    assert stopped.state is RunState.STOPPED
    assert 2 <= len(done) < 9
    resumed, rest = run(job(folder, resume=True))
    assert (resumed.run_id, resumed.state, resumed.skipped) == (stopped.run_id, RunState.DONE, len(done))
    assert [r.image.name for r in done + rest] == names(job(folder))
    whole, _ = run(job(folder))
    assert resumed.summary == whole.summary


def test_a_changed_image_is_scored_again_on_resume(folder: Path, run: Run, store: SqlRecordStore) -> None:
    _, before = run(job(folder))
    write(folder / "test" / "good" / "000.png", spoiled([BOXES[5]]))
    resumed, seen = run(job(folder, resume=True))
    assert (resumed.scored, [r.image.name for r in seen]) == (1, ["good/000.png"])
    # One row an image: the earlier record stays, but no longer counts as part of the run.
    rows = list(store.iterate(HistoryFilter(run_id=resumed.run_id)))
    assert sorted(r.image.name for r in rows) == sorted(names(job(folder)))
    assert resumed.summary.total == store.runs()[0].n_images == 9
    superseded = next(r for r in before if r.image.name == "good/000.png")
    assert store.get(superseded.id) == superseded


def test_a_changed_golden_among_many_is_seen_on_resume(folder: Path, run: Run) -> None:
    for name in ("good/000.png", "good/003.png"):
        write(folder / "goldens" / name, plain())
    items = tuple(
        item
        for item in plan_folder(folder / "test", folder / "goldens", recursive=True)
        if item.name in ("good/000.png", "good/003.png")
    )
    wanted = job(folder, items=items)
    run(wanted)
    write(folder / "goldens" / "good" / "003.png", plain(grey=100))
    resumed, seen = run(replace(wanted, resume=True))
    assert ([r.image.name for r in seen], resumed.skipped) == (["good/003.png"], 1)


def test_a_changed_annotation_is_seen_on_resume(folder: Path, run: Run) -> None:
    run(job(folder))
    write(folder / "ground_truth" / "chip" / "001_mask.png", mask_of([(0, 0, 9, 9)]))
    _, seen = run(job(folder, resume=True))
    assert [r.image.name for r in seen] == ["chip/001.png"]


def test_the_first_annotations_are_seen_on_resume(folder: Path, run: Run) -> None:
    empty = folder / "annotations"
    empty.mkdir()
    wanted = job(folder, truth_dir=empty)
    before, _ = run(wanted)
    assert before.summary.annotated == 0
    empty.rmdir()
    (folder / "ground_truth").rename(empty)
    resumed, seen = run(replace(wanted, resume=True))
    # The images in "good" are annotated by that, though they have no mask.
    assert (resumed.run_id, len(seen)) == (before.run_id, 9)
    assert resumed.summary == run(wanted)[0].summary


def test_an_image_that_is_gone_is_left_out_on_resume(folder: Path, run: Run, store: SqlRecordStore) -> None:
    broken = folder / "test" / "chip" / "001.png"
    broken.write_bytes(b"nothing")
    first, _ = run(job(folder))
    assert first.summary.verdicts[Verdict.ERROR] == 1
    broken.unlink()
    resumed, seen = run(job(folder, resume=True))
    assert (resumed.run_id, seen, resumed.skipped, resumed.gone) == (first.run_id, [], 8, 1)
    assert Verdict.ERROR not in resumed.summary.verdicts
    assert store.runs()[0].n_images == 8
    assert len(list(store.iterate(HistoryFilter()))) == 9, "its record stays in the history"


def test_a_shortage_of_memory_is_not_the_images_fault(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = cv2.error("Insufficient memory")
    short.code = cv2.Error.StsNoMem

    def none_left(*_: object) -> None:
        raise short

    with monkeypatch.context() as patched:
        patched.setattr(cv2, "imdecode", none_left)
        _, seen = run(job(folder))
    assert {record.error_code for record in seen} == {"out_of_memory"}
    resumed, _ = run(job(folder, resume=True))
    assert (resumed.scored, resumed.summary.verdicts) == (9, {Verdict.PASS: 3, Verdict.FAIL: 6})


def test_a_golden_that_there_is_no_memory_for_holds_nobody_up(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in names(job(folder)):
        write(folder / "goldens" / name, plain())
    wanted = job(folder, items=plan_folder(folder / "test", folder / "goldens", recursive=True))

    def short(path: Path) -> Frame:
        if path.name == "004.png":
            raise MemoryError
        return read_frame(path)

    with monkeypatch.context() as patched:
        patched.setattr(goldens, "read_frame", short)
        outcome, seen = run(wanted)
    assert outcome.state is RunState.DONE
    assert [r.error_code for r in seen if r.verdict is Verdict.ERROR] == ["out_of_memory"]
    resumed, again = run(replace(wanted, resume=True))
    assert [r.image.name for r in again] == ["chip/004.png"]
    assert Verdict.ERROR not in resumed.summary.verdicts


def test_what_was_scored_before_a_fault_is_committed(
    folder: Path, run: Run, store: SqlRecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = InspectionService.pack

    def broken(self: InspectionService, result: InspectionResult) -> Packed:
        if result.request.image.name == "chip/008.png":
            raise RuntimeError("a bug")
        return keep(self, result)

    monkeypatch.setattr(InspectionService, "pack", broken)
    monkeypatch.setattr(batch, "COMMIT_S", 60.0)
    with pytest.raises(RuntimeError, match="a bug"):
        run(job(folder, batch_size=1, workers=1))
    done = [record.image.name for record in store.iterate(HistoryFilter())]
    wanted = names(job(folder))
    assert done == wanted[: wanted.index("chip/008.png")]


def test_a_mask_of_an_earlier_run_does_not_stand_for_an_image_that_broke(folder: Path, run: Run) -> None:
    made = job(folder, masks_dir=folder / "m", overlays_dir=folder / "o")
    run(made)
    (folder / "test" / "chip" / "001.png").write_bytes(b"nothing")
    run(made)
    for pictures in (folder / "m", folder / "o"):
        assert not (pictures / "chip" / "001.png").exists()
        assert (pictures / "chip" / "002.png").exists()


def test_the_machines_faults_are_tried_again_on_resume(folder: Path, run: Run) -> None:
    _, seen = run(job(folder), DifferenceEngine(fail_on=frozenset(range(1, 100))))
    assert {r.error_code for r in seen} == {"engine_failed"}
    resumed, again = run(job(folder, resume=True))
    assert (resumed.scored, len(again)) == (9, 9)
    assert resumed.summary.verdicts == {Verdict.PASS: 3, Verdict.FAIL: 6}


def test_pictures_of_what_was_done_before_are_made_from_the_records(folder: Path, run: Run) -> None:
    run(job(folder, masks_dir=folder / "m1", overlays_dir=folder / "o1"))
    run(job(folder, masks_dir=folder / "m2", overlays_dir=folder / "o2", resume=True))
    for first, second in (("m1", "m2"), ("o1", "o2")):
        made = {
            path.relative_to(folder / first): path.read_bytes() for path in (folder / first).rglob("*.png")
        }
        again = {
            path.relative_to(folder / second): path.read_bytes() for path in (folder / second).rglob("*.png")
        }
        assert made == again
        assert len(made) == 9


def test_the_record_names_the_annotation(folder: Path, run: Run) -> None:
    _, seen = run(job(folder))
    for record in seen:
        assert record.truth_ref is not None
        if record.image.name.startswith("good"):
            assert (record.truth_ref.name, record.truth_ref.path) == ("good", "")
        else:
            assert record.truth_ref.path.endswith("_mask.png")
            assert len(record.truth_ref.sha256) == 64


def test_an_unreadable_good_part_is_a_false_call_without_pixels(folder: Path, run: Run) -> None:
    (folder / "test" / "good" / "000.png").write_bytes(b"")
    outcome, seen = run(job(folder))
    record = next(r for r in seen if r.image.name == "good/000.png")
    assert record.truth is not None
    assert (record.truth.defective, record.truth.outcome.value, record.truth.counts) == (False, "FP", None)
    assert outcome.summary.false_calls.count == 1


def test_annotations_that_cannot_be_used_are_counted(folder: Path, run: Run) -> None:
    write(folder / "ground_truth" / "chip" / "001_mask.png", mask_of([(0, 0, 9, 9)], side=32))
    outcome, seen = run(job(folder))
    assert (outcome.summary.unusable_truths, outcome.summary.annotated) == (1, 8)
    assert {r.error_code for r in seen if r.image.name == "chip/001.png"} == {"truth_size_mismatch"}


def test_the_golden_is_kept_for_showing_records_again(folder: Path, run: Run, tmp_path: Path) -> None:
    data = (folder / "golden.png").read_bytes()
    _, seen = run(job(folder))
    archive = FileImageArchive(tmp_path / "data" / "images")
    assert archive.get_bytes(seen[0].golden.sha256) == data


@pytest.mark.parametrize(
    "change",
    [
        {"settings": Settings(limits=Limits(threshold=0.7))},
        {"settings": Settings(measure_at=MeasureAt.GRID_256)},
        {"truth_dir": None},
        {"grid": (32, 32)},
    ],
)
def test_other_settings_are_another_run(folder: Path, run: Run, change: dict[str, object]) -> None:
    first, _ = run(job(folder))
    assert run(job(folder, resume=True, **change))[0].run_id != first.run_id


def test_another_lot_or_operator_is_another_run(folder: Path, run: Run) -> None:
    first, _ = run(job(folder, identity=Identity(lot="A")))
    assert run(job(folder, identity=Identity(lot="A"), resume=True))[0].run_id == first.run_id
    for other in (Identity(lot="B"), Identity(lot="A", operator="Ada"), Identity()):
        assert run(job(folder, identity=other, resume=True))[0].run_id != first.run_id


def test_another_golden_under_the_same_name_is_another_run(folder: Path, run: Run) -> None:
    first, _ = run(job(folder))
    write(folder / "golden.png", plain(grey=100))
    assert run(job(folder, resume=True))[0].run_id != first.run_id


def test_broken_and_vanished_files_hold_nobody_up(folder: Path, run: Run) -> None:
    wanted = job(folder)
    (folder / "test" / "chip" / "001.png").unlink()
    (folder / "test" / "chip" / "002.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    outcome, seen = run(wanted)
    errors = {r.image.name: r.error_code for r in seen if r.verdict is Verdict.ERROR}
    assert set(errors) == {"chip/001.png", "chip/002.png"}
    assert errors["chip/001.png"] == "image_missing"
    assert len(seen) == 9
    assert outcome.state is RunState.DONE
    resumed, _ = run(replace(wanted, resume=True))
    assert resumed.scored == 0


def test_a_golden_that_cannot_be_read_is_every_images_error(folder: Path, run: Run) -> None:
    wanted = job(folder)
    (folder / "golden.png").write_bytes(b"nothing")
    _, seen = run(wanted)
    assert {record.error_code for record in seen} == {"golden_unreadable"}


def test_an_engine_that_fails_now_and_then_loses_no_image_and_doubles_none(folder: Path, run: Run) -> None:
    _, seen = run(job(folder, batch_size=3), DifferenceEngine(fail_on=frozenset({2})))
    assert [record.image.name for record in seen] == names(job(folder))
    # The batch that failed was repeated image by image.
    assert all(record.verdict is not Verdict.ERROR for record in seen)


class Sick(DifferenceEngine):
    """Goes away for good on its fourth call."""

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("sick", "GPU", "float16")

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        if self.calls >= 3:
            raise KeeperError("engine_failed", "The device was lost.")
        return super().compare(features, tests)


def test_the_summary_names_the_engines_that_computed_in_every_sitting(folder: Path, run: Run) -> None:
    (folder / "test" / "broken.png").write_bytes(b"nothing")
    engines: list[ChangeEngine] = [Sick(), DifferenceEngine()]
    switching = FailoverEngine(lambda refusals: engines[len(refusals)], lambda switch: None)
    wanted = job(folder, batch_size=1, workers=1)
    outcome, _ = run(wanted, switching)
    count = len(wanted.items) - 1
    assert outcome.summary.engines == {"sick GPU, float16": 3, "fake CPU, float32": count - 3}
    again, _ = run(replace(wanted, resume=True))
    assert again.summary.engines == outcome.summary.engines


def test_a_full_disk_ends_the_run_and_keeps_what_was_committed(
    folder: Path, run: Run, store: SqlRecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = SqlRecordStore.commit
    calls = []

    def filling(self: SqlRecordStore, packed: Sequence[Packed]) -> list[InspectionRecord]:
        calls.append(1)
        if len(calls) > 2:
            raise KeeperError("disk_full", "The disk is full.")
        return commit(self, packed)

    monkeypatch.setattr(batch, "COMMITTED_AT_ONCE", 2)
    monkeypatch.setattr(batch, "COMMIT_S", 60.0)
    monkeypatch.setattr(SqlRecordStore, "commit", filling)
    with pytest.raises(KeeperError, match="full"):
        run(job(folder, batch_size=2))
    (record,) = store.runs()
    assert (record.state, record.n_images) == (RunState.STOPPED, 4)
    monkeypatch.setattr(SqlRecordStore, "commit", commit)
    assert run(job(folder, resume=True))[0].skipped == 4


@pytest.mark.parametrize("measure_at", list(MeasureAt))
def test_saved_masks_give_the_counts_that_were_recorded(
    folder: Path, run: Run, measure_at: MeasureAt
) -> None:
    masks, overlays = folder / "masks", folder / "overlays"
    wanted = job(folder, settings=Settings(measure_at=measure_at), masks_dir=masks, overlays_dir=overlays)
    _, seen = run(wanted)
    for record in seen:
        predicted = cv2.imread(str(masks / record.image.name), cv2.IMREAD_GRAYSCALE)
        assert predicted is not None
        kind, name = record.image.name.split("/")
        truth = np.zeros((64, 64), dtype=bool)
        if kind != "good":
            image = cv2.imread(str(folder / "ground_truth" / kind / name.replace(".", "_mask.")), 0)
            assert image is not None
            truth = image > 0
        size = (predicted.shape[1], predicted.shape[0])
        assert record.truth is not None
        assert record.truth.counts == count_pixels(predicted > 0, truth_at(truth, size))
        assert (overlays / record.image.name).is_file()


def test_a_suggested_least_area_is_scaled_to_each_image(folder: Path, run: Run) -> None:
    limits = Limits(min_area_px=2)
    _, seen = run(job(folder, settings=Settings(limits=limits), grid=(32, 32)))
    assert {record.settings.limits.min_area_px for record in seen} == {8}


def test_large_pictures_go_to_the_network_one_by_one(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = DifferenceEngine(), DifferenceEngine()
    first = run(job(folder, batch_size=4, workers=1), small)[1]
    monkeypatch.setattr(batch, "DECODED_AT_ONCE", 1)
    outcome, second = run(job(folder, batch_size=4, workers=1), large)
    assert max(small.batches) == 4
    assert set(large.batches) == {1}
    assert outcome.scored == len(first)
    assert [(one.image.name, one.verdict) for one in second] == [
        (one.image.name, one.verdict) for one in first
    ]
