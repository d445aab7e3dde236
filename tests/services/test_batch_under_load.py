"""Many threads, slow files, engines that fail: order, bounds, and each image recorded once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import InspectionRecord, Settings
from inspector_app.core.protocols import HistoryFilter, Packed, Refusal
from inspector_app.core.verdict import Verdict
from inspector_app.engines.failover import FailoverEngine
from inspector_app.services import batch, loading
from inspector_app.services.batch import BatchProgress, BatchService
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.inspect import InspectionService
from inspector_app.services.plan import plan_folder
from inspector_app.services.stages import OTHER, STAGES, StageTimes
from inspector_app.storage.store import SqlRecordStore
from inspector_app.vision.decode import decode_frame
from tests.fakes import DifferenceEngine
from tests.makers import FakeClock, make_result, make_run
from tests.pictures import plain, spoiled, write
from tests.services.conftest import MakeService

IMAGES = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(IMAGES):
        box = (i % 50, (7 * i) % 50, 3 + i % 9, 5)
        write(tmp_path / "test" / f"{i:03d}.png", plain() if i % 4 == 0 else spoiled([box]))
    write(tmp_path / "golden.png", plain())
    return tmp_path


def job(folder: Path, batch_size: int = 0, workers: int = 0) -> BatchJob:
    items = plan_folder(folder / "test", folder / "golden.png")
    return BatchJob("load", folder / "test", items, Settings(), batch_size=batch_size, workers=workers)


def run_all(store: SqlRecordStore, service: InspectionService, wanted: BatchJob) -> list[InspectionRecord]:
    """What was told, after seeing that it is just what is stored, in the order of the files."""
    seen: list[InspectionRecord] = []
    outcome = BatchService(service, store, FakeClock()).run(
        wanted, lambda progress: seen.extend(progress.records)
    )
    assert [record.image.name for record in seen] == [item.name for item in wanted.items]
    assert list(store.iterate(HistoryFilter(run_id=outcome.run_id))) == seen
    assert outcome.summary.total == len(seen)
    return seen


def judged(records: Sequence[InspectionRecord]) -> list[tuple[str, Verdict, float | None, int]]:
    return [(r.image.name, r.verdict, r.score, r.defect_px) for r in records]


@pytest.mark.parametrize(("batch_size", "workers", "parallel"), [(1, 4, 3), (3, 2, 2), (7, 5, 1), (0, 0, 4)])
def test_neither_threads_nor_batches_change_a_verdict(
    folder: Path,
    store: SqlRecordStore,
    make_service: MakeService,
    batch_size: int,
    workers: int,
    parallel: int,
) -> None:
    calm = run_all(store, make_service(DifferenceEngine()), job(folder, 1, 1))
    service = make_service(DifferenceEngine(parallel=parallel))
    assert judged(run_all(store, service, job(folder, batch_size, workers))) == judged(calm)


def test_a_slow_file_holds_up_nothing_but_its_own_record(
    folder: Path, store: SqlRecordStore, make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_scored = threading.Event()
    engine = DifferenceEngine(parallel=2)
    compare = engine.compare

    def counting(features: object, tests: np.ndarray) -> np.ndarray:
        found = compare(features, tests)
        if engine.calls == IMAGES - 1:
            others_scored.set()
        return found

    def decode(data: bytes, name: str, path: Path | None = None) -> Frame:
        if name == "000.png":
            assert others_scored.wait(60), "the others waited for the slow file"
        return decode_frame(data, name, path)

    monkeypatch.setattr(engine, "compare", counting)
    monkeypatch.setattr(loading, "decode_frame", decode)
    run_all(store, make_service(engine), job(folder, 1, 2))


def test_no_more_than_a_window_is_begun_ahead_of_the_records(
    folder: Path, store: SqlRecordStore, make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, at_once = 10, 4
    monkeypatch.setattr(batch, "WINDOW", window)
    monkeypatch.setattr(batch, "COMMITTED_AT_ONCE", at_once)
    begun: list[str] = []
    recorded = ahead = pictures = most = 0
    lock = threading.Lock()
    service = make_service(DifferenceEngine(parallel=3))
    prepare, pack, commit = service.prepare, service.pack, service.commit

    def preparing(request):  # type: ignore[no-untyped-def]
        nonlocal ahead, pictures, most
        with lock:
            begun.append(request.image.name)
            ahead = max(ahead, len(begun) - recorded)
            pictures += 1
            most = max(most, pictures)
        return prepare(request)

    def packing(result):  # type: ignore[no-untyped-def]
        nonlocal pictures
        packed = pack(result)
        with lock:
            pictures -= 1
        return packed

    def committing(packed: Sequence[Packed]) -> list[InspectionRecord]:
        nonlocal recorded
        time.sleep(0.02)  # A slow disk: the threads run as far ahead as they may.
        records = commit(packed)
        with lock:
            recorded += len(records)
        return records

    monkeypatch.setattr(service, "prepare", preparing)
    monkeypatch.setattr(service, "pack", packing)
    monkeypatch.setattr(service, "commit", committing)
    run_all(store, service, job(folder, 1, 3))
    assert len(begun) == IMAGES
    assert ahead <= window + at_once
    assert most <= 3


@pytest.mark.parametrize("every", [2, 3, 7])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_an_engine_that_fails_on_every_nth_call_loses_and_doubles_nothing(
    folder: Path, store: SqlRecordStore, make_service: MakeService, every: int, batch_size: int
) -> None:
    fail_on = frozenset(range(every, 1000, every))
    service = make_service(DifferenceEngine(parallel=3, fail_on=fail_on))
    seen = run_all(store, service, job(folder, batch_size, 3))
    calm = {r.image.name: r.verdict for r in run_all(store, make_service(), job(folder))}
    for record in seen:
        if record.verdict is Verdict.ERROR:
            assert record.error_code == "engine_failed"
        else:
            assert record.verdict is calm[record.image.name]
    if batch_size == 1:
        assert sum(r.verdict is Verdict.ERROR for r in seen) == IMAGES // every


def test_engines_that_fail_one_after_the_other_lose_and_double_nothing(
    folder: Path, store: SqlRecordStore, make_service: MakeService
) -> None:
    engines: list[DifferenceEngine] = []

    def open_next(refusals: tuple[Refusal, ...]) -> DifferenceEngine:
        engines.append(DifferenceEngine(parallel=3, fail_on=frozenset(range(5, 1000, 5))))
        return engines[-1]

    service = make_service(FailoverEngine(open_next, lambda switch: None))
    seen = run_all(store, service, job(folder, 1, 4))
    assert len(engines) > 5
    assert judged(seen) == judged(run_all(store, make_service(), job(folder)))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_the_folder_is_an_error_and_not_waited_for(
    folder: Path, store: SqlRecordStore, make_service: MakeService
) -> None:
    os.mkfifo(folder / "test" / "005a.png")
    wanted = job(folder)
    seen = run_all(store, make_service(), wanted)
    assert {r.image.name: r.error_code for r in seen if r.error_code} == {"005a.png": "image_unreadable"}


def test_broken_files_among_many_end_as_errors(
    folder: Path, store: SqlRecordStore, make_service: MakeService
) -> None:
    wanted = job(folder, 4, 3)
    for i in range(0, IMAGES, 7):
        (folder / "test" / f"{i:03d}.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    seen = run_all(store, make_service(DifferenceEngine(parallel=2)), wanted)
    broken = [int(r.image.name[:3]) for r in seen if r.verdict is Verdict.ERROR]
    assert broken == list(range(0, IMAGES, 7))


def test_a_picture_that_cannot_be_written_ends_the_run_after_the_images_before_it(
    folder: Path, store: SqlRecordStore, make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(DifferenceEngine(parallel=2))
    pack = service.pack

    def packing(result):  # type: ignore[no-untyped-def]
        if result.request.image.name == "007.png":
            raise KeeperError("disk_full", "The disk is full.")
        return pack(result)

    monkeypatch.setattr(service, "pack", packing)
    with pytest.raises(KeeperError, match="full"):
        BatchService(service, store, FakeClock()).run(job(folder, 1, 2), lambda progress: None)
    (run,) = store.runs()
    assert [r.image.name for r in store.iterate(HistoryFilter(run_id=run.id))] == [
        f"{i:03d}.png" for i in range(7)
    ]


def test_a_caller_that_breaks_leaves_no_thread_behind(
    folder: Path, store: SqlRecordStore, make_service: MakeService
) -> None:
    def on_progress(progress: BatchProgress) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        BatchService(make_service(DifferenceEngine(parallel=2)), store, FakeClock()).run(
            job(folder), on_progress
        )
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("score")]


def test_the_stages_account_for_all_processor_time(
    folder: Path, store: SqlRecordStore, make_service: MakeService
) -> None:
    stages = StageTimes()
    service = make_service(DifferenceEngine(parallel=2))
    BatchService(service, store, FakeClock()).run(job(folder), lambda progress: None, stages=stages)
    report = stages.report(IMAGES, 2)
    assert tuple(report.stages) == (*STAGES, OTHER)
    for name in ("read", "decode", "tensor", "infer", "judge", "pack", "database"):
        assert report.stages[name] > 0
    assert report.rate == pytest.approx(IMAGES / report.wall_s)
    assert report.share_of_possible == pytest.approx(report.cpu_s / (2 * report.wall_s))


def test_an_image_that_stands_twice_in_one_commit_counts_once(store: SqlRecordStore) -> None:
    run_id = store.start_run(make_run())
    store.add([make_result(name="twice.png", run_id=run_id)], [None])
    results = [
        make_result(Verdict.FAIL, name="twice.png", run_id=run_id),
        make_result(name="twice.png", run_id=run_id),
    ]
    newest = store.add(results, [None, None])[-1]
    assert list(store.iterate(HistoryFilter(run_id=run_id))) == [newest]
