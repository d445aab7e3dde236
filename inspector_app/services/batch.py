"""Batch scoring: each thread takes images down the straight line, the caller's thread records them in order."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock

from inspector_app.core.frame import Frame
from inspector_app.core.inspection import InspectionRecord, InspectionRequest
from inspector_app.core.protocols import (
    Clock,
    DoneImage,
    HistoryFilter,
    Packed,
    RecordStore,
    RunInfo,
    RunState,
)
from inspector_app.engines.cores import usable_cores
from inspector_app.services.batch_job import BatchJob, run_fingerprint, settings_dict
from inspector_app.services.batch_size import ONE_BY_ONE, SIDE_BY_SIDE, BatchSize
from inspector_app.services.inspect import InferenceStopped, InspectionService, Watch
from inspector_app.services.loading import RequestLoader
from inspector_app.services.ordered import OrderedWork
from inspector_app.services.plan import BatchItem
from inspector_app.services.savers import ResultSaver
from inspector_app.services.stages import StageTimes
from inspector_app.services.summary import BatchSummary, Tally
from inspector_app.vision.decode import read_frame

GOLDENS_ARCHIVED = 20
"""So many distinct goldens of a batch are copied into the archive; more are left where they are."""
COMMIT_S = 0.2
"""Results are gathered for so long before they are committed together: a commit waits for the disk."""
COMMITTED_AT_ONCE = 64
DECODED_AT_ONCE = 64 * 2**20
"""Bytes of pictures that one thread decodes before it shows them to the network: large ones go one by one."""
WINDOW = 256
"""Images that may be done while an earlier one is not; they are held as rows, without their pictures."""


@dataclass(frozen=True, eq=False)
class BatchProgress:
    """Sent after each commit: the images that were just recorded, and how far the run is.

    ``rate`` is images a second of this run's own work; ``left_s`` the time left at that rate.
    """

    run_id: int
    done: int
    skipped: int
    total: int
    rate: float | None
    left_s: float | None
    records: tuple[InspectionRecord, ...]


@dataclass(frozen=True)
class BatchOutcome:
    """How a run ended; ``summary`` covers all images of the run, also those of earlier sittings.

    ``gone`` images that an earlier sitting recorded are not among the images any more, and no longer part of the run.
    """

    run_id: int
    state: RunState
    scored: int
    skipped: int
    summary: BatchSummary
    gone: int = 0


class BatchService:
    """Scores many images through one ``InspectionService``."""

    def __init__(self, service: InspectionService, store: RecordStore, clock: Clock) -> None:
        self._service = service
        self._store = store
        self._clock = clock

    def run(
        self,
        job: BatchJob,
        on_progress: Callable[[BatchProgress], None],
        cancelled: Callable[[], bool] = lambda: False,
        stages: StageTimes | None = None,
        on_part: Callable[[float], None] = lambda images: None,
    ) -> BatchOutcome:
        """Score every item; returns when all is committed, or after ``cancelled`` when what was begun is, but for
        images that the network is in the middle of.

        ``on_progress`` is called on this thread after each commit, in the order of the items; ``cancelled`` on any
        thread. ``stages`` is told what each step costs. ``on_part`` is told on any thread how many images the
        network is done with, those at hand in part.

        Raises:
            KeeperError: the records cannot be written; what was committed before is kept.
        """
        stages = stages or StageTimes()
        run_id, done, gone = self._open_run(job)
        self._store.finish_run(run_id, RunState.RUNNING)
        state = RunState.STOPPED
        tally = Tally()
        scored = skipped = 0
        started = self._clock.monotonic()
        total = len(job.items)
        try:
            for step in self._steps(job, done, run_id, cancelled, stages, on_part):
                scored += len(step.records)
                skipped += step.skipped
                for record in step.records:
                    tally.add_record(record)
                rate = scored / max(self._clock.monotonic() - started, 1e-9) if scored else None
                left = (total - scored - skipped) / rate if rate else None
                with stages.stage("report"):
                    on_progress(BatchProgress(run_id, scored, skipped, total, rate, left, step.records))
            state = RunState.DONE if scored + skipped == total else RunState.STOPPED
        finally:
            self._store.finish_run(run_id, state)
        # What earlier sittings recorded is only in the database.
        summary = self.summary(run_id) if done else tally.summary()
        return BatchOutcome(run_id, state, scored, skipped, summary, gone)

    def summary(self, run_id: int) -> BatchSummary:
        """The totals of a recorded run."""
        tally = Tally()
        for record in self._store.iterate(HistoryFilter(run_id=run_id)):
            tally.add_record(record)
        return tally.summary()

    def _open_run(self, job: BatchJob) -> tuple[int, dict[str, DoneImage], int]:
        """The run's id, what it recorded of the job's images, and how many others were left out of it."""
        stamp = self._service.stamp
        fingerprint = run_fingerprint(job, stamp.model_sha256)
        if job.resume and (found := self._store.find_run(fingerprint)):
            done, names = self._store.done_in_run(found.id), {item.name for item in job.items}
            gone = [name for name in done if name not in names]
            if gone:
                self._store.leave_out_of_run(found.id, gone)
            return found.id, {name: image for name, image in done.items() if name in names}, len(gone)
        info = RunInfo(
            label=job.label,
            folder=str(job.root),
            fingerprint=fingerprint,
            model=stamp.model,
            model_sha256=stamp.model_sha256,
            engine=stamp.engine,
            settings_json=json.dumps(settings_dict(job.settings)),
        )
        return self._store.start_run(info), {}, 0

    def _steps(
        self,
        job: BatchJob,
        done: dict[str, DoneImage],
        run_id: int,
        cancelled: Callable[[], bool],
        stages: StageTimes,
        on_part: Callable[[float], None],
    ) -> Iterator[_Step]:
        """Commit after commit. Threads take images all the way to their rows, this thread records them."""
        self._keep_goldens(job)
        parallel = self._service.engine.parallel
        sizes = (job.batch_size,) if job.batch_size else SIDE_BY_SIDE if parallel > 1 else ONE_BY_ONE
        size = BatchSize(sizes, len(job.items) - len(done))
        coming = iter(job.items)

        def take() -> _Batch | None:
            if cancelled():
                return None
            count, part = size.begin(time.perf_counter())
            items = tuple(islice(coming, count))
            return _Batch(items, part) if items else None

        line = _Line(self._service, self._store, job, run_id, done, stages, _Parts(on_part, cancelled))

        def work(batch: _Batch) -> _Scored:
            scored = line.score(batch.items)
            size.end(batch.part, len(batch.items), time.perf_counter())
            return scored

        # As many as there are cores even where one call fills the engine: they decode meanwhile, and a CPU engine
        # that takes over takes as many calls.
        workers = job.workers or max(parallel, usable_cores()) + 1
        with OrderedWork(take, work, workers, WINDOW // max(sizes)) as ordered:
            patience = 0.0  # The first result is told at once.
            while (gathered := _gather(ordered, patience)) is not None:
                patience = COMMIT_S
                with stages.stage("database"):
                    records = tuple(self._service.commit(gathered.packed)) if gathered.packed else ()
                yield _Step(records, gathered.skipped)

    def _keep_goldens(self, job: BatchJob) -> None:
        """Archive the goldens' files, so that a record can be shown again when they have changed; not when
        nearly every image has its own."""
        paths = {item.golden for item in job.items if item.golden is not None}
        if len(paths) > GOLDENS_ARCHIVED:
            return
        for path in paths:
            try:
                data = path.read_bytes()
            except (OSError, MemoryError):
                continue  # Every image that needs it will say so.
            self._service.keep_file(data)


@dataclass(frozen=True)
class _Batch:
    """What one thread takes at once; ``part``: see ``BatchSize``."""

    items: tuple[BatchItem, ...]
    part: int | None


@dataclass(frozen=True)
class _Scored:
    """What came of some items: rows to commit, and the number of items that were done before."""

    packed: tuple[Packed, ...]
    skipped: int


@dataclass(frozen=True)
class _Step:
    """What one commit came to."""

    records: tuple[InspectionRecord, ...]
    skipped: int


class _Parts:
    """How many images the network is done with, over all threads. Thread-safe."""

    def __init__(self, on_part: Callable[[float], None], cancelled: Callable[[], bool]) -> None:
        self._on_part = on_part
        self._cancelled = cancelled
        self._seen = 0.0
        self._lock = Lock()

    def watch(self, images: int) -> Watch:
        """For a batch of so many images."""
        told = 0.0

        def tell(share: float) -> None:
            nonlocal told
            with self._lock:
                self._seen += share * images - told
                seen = self._seen
            told = share * images
            self._on_part(seen)

        return Watch(tell, self._cancelled)


class _Line:
    """The straight line for the images of one run, up to their rows. Thread-safe."""

    def __init__(
        self,
        service: InspectionService,
        store: RecordStore,
        job: BatchJob,
        run_id: int,
        done: dict[str, DoneImage],
        stages: StageTimes,
        parts: _Parts,
    ) -> None:
        self._service = service
        self._store = store
        self._done = done
        self._parts = parts
        self._stages = stages
        self._loader = RequestLoader(job, run_id, stages)
        self._saver = ResultSaver(job.masks_dir, job.overlays_dir)

    def score(self, items: tuple[BatchItem, ...]) -> _Scored:
        """Raises ``KeeperError`` when a picture of a result cannot be written."""
        fresh = [item for item in items if not self._was_done(item)]
        skipped = len(items) - len(fresh)
        packed: list[Packed] = []
        told = skipped
        for requests in self._decoded(fresh):
            try:
                packed += self._judged(requests, told + len(requests))
            except InferenceStopped:
                break
            told = 0
        return _Scored(tuple(packed), skipped)

    def _decoded(self, items: Sequence[BatchItem]) -> Iterator[list[InspectionRequest]]:
        """As many as may be in memory together."""
        requests: list[InspectionRequest] = []
        size = 0
        for item in items:
            request = self._loader.request(item)
            requests.append(request)
            size += request.test.pixels.nbytes if isinstance(request.test, Frame) else 0
            if size >= DECODED_AT_ONCE:
                yield requests
                requests, size = [], 0
        if requests:
            yield requests

    def _judged(self, requests: Sequence[InspectionRequest], images: int) -> list[Packed]:
        """``images`` that are done when these are, with those that were skipped before them."""
        stage = self._stages.stage
        with stage("tensor"):
            prepared = [self._service.prepare(request) for request in requests]
        with stage("infer"):
            inferred = self._service.infer(prepared, self._parts.watch(images))
        packed = []
        for one in inferred:
            with stage("judge"):
                result = self._service.conclude(one)
            with stage("pack"):
                self._saver.save(result)
                packed.append(self._service.pack(result))
        return packed

    def _was_done(self, item: BatchItem) -> bool:
        before = self._done.get(item.name)
        if before is None or not self._loader.is_done(item, before):
            return False
        self._restore(item, before)
        return True

    def _restore(self, item: BatchItem, done: DoneImage) -> None:
        """The pictures of an image that is not scored again, from its stored map."""
        if not self._saver.wanted:
            return
        record, change_map = self._store.get(done.inspection_id), self._store.get_map(done.inspection_id)
        if record is not None and change_map is not None:
            self._saver.write(item.name, change_map, record.settings, lambda: read_frame(item.path).pixels)


def _gather(ordered: OrderedWork[_Batch, _Scored], patience: float) -> _Scored | None:
    """What is done next and, for ``patience`` seconds, what follows; None at the end."""
    first = ordered.next()
    if first is None:
        return None
    packed, skipped = list(first.packed), first.skipped
    until = time.perf_counter() + patience
    while len(packed) + skipped < COMMITTED_AT_ONCE:
        # A fault is raised by the next call, after what came before it is committed.
        more = ordered.next(max(0.0, until - time.perf_counter()))
        if more is None:
            break
        packed += more.packed
        skipped += more.skipped
    return _Scored(tuple(packed), skipped)
