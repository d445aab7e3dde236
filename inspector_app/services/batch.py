"""Batch scoring: the four steps of the straight line, overlapped on bounded queues."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.protocols import Clock, DoneImage, HistoryFilter, RecordStore, RunInfo, RunState
from inspector_app.services.batch_job import BatchJob, run_fingerprint, settings_dict
from inspector_app.services.inspect import Inferred, InspectionService, Prepared
from inspector_app.services.loading import RequestLoader
from inspector_app.services.plan import BatchItem
from inspector_app.services.savers import ResultSaver
from inspector_app.services.summary import BatchSummary, Tally
from inspector_app.vision.decode import read_frame

GOLDENS_ARCHIVED = 20
"""So many distinct goldens of a batch are copied into the archive; more are left where they are."""
SKIPS_A_STEP = 64
"""Progress is told at least once for so many images that were done before."""


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
    """How a run ended; ``summary`` covers all images of the run, also those of earlier sittings."""

    run_id: int
    state: RunState
    scored: int
    skipped: int
    summary: BatchSummary


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
    ) -> BatchOutcome:
        """Score every item; returns when all is committed, or after ``cancelled`` when what was begun is.

        ``on_progress`` is called on this thread after each commit, in the order of the items.

        Raises:
            KeeperError: the records cannot be written; what was committed before is kept.
        """
        run_id, done = self._open_run(job)
        self._store.finish_run(run_id, RunState.RUNNING)
        state = RunState.STOPPED
        scored = skipped = 0
        started = self._clock.monotonic()
        total = len(job.items)
        try:
            for step in self._pipeline(job, done, run_id, cancelled):
                scored += len(step.records)
                skipped += step.skipped
                rate = scored / max(self._clock.monotonic() - started, 1e-9) if scored else None
                left = (total - scored - skipped) / rate if rate else None
                on_progress(BatchProgress(run_id, scored, skipped, total, rate, left, step.records))
            state = RunState.DONE if scored + skipped == total else RunState.STOPPED
        finally:
            self._store.finish_run(run_id, state)
        return BatchOutcome(run_id, state, scored, skipped, self.summary(run_id))

    def summary(self, run_id: int) -> BatchSummary:
        """The totals of a recorded run."""
        tally = Tally()
        for record in self._store.iterate(HistoryFilter(run_id=run_id)):
            tally.add(record.verdict, record.score, record.truth, record.error_code)
        return tally.summary()

    def _open_run(self, job: BatchJob) -> tuple[int, dict[str, DoneImage]]:
        stamp = self._service.stamp
        fingerprint = run_fingerprint(job, stamp.model_sha256)
        if job.resume and (found := self._store.find_run(fingerprint)):
            return found.id, self._store.done_in_run(found.id)
        info = RunInfo(
            label=job.label,
            folder=str(job.root),
            fingerprint=fingerprint,
            model=stamp.model,
            model_sha256=stamp.model_sha256,
            engine=stamp.engine,
            settings_json=json.dumps(settings_dict(job.settings)),
        )
        return self._store.start_run(info), {}

    def _pipeline(
        self, job: BatchJob, done: dict[str, DoneImage], run_id: int, cancelled: Callable[[], bool]
    ) -> Iterator[_Step]:
        """Readers run ahead of the network by a bounded window; judging and recording trail it by one batch."""
        loader = RequestLoader(job, run_id)
        saver = ResultSaver(job.masks_dir, job.overlays_dir)

        def load(item: BatchItem) -> Prepared | None:
            before = done.get(item.name)
            if before is not None and loader.is_done(item, before):
                self._restore(item, before, saver)
                return None
            return self._service.prepare(loader.request(item))

        with (
            ThreadPoolExecutor(job.workers, "prepare") as readers,
            ThreadPoolExecutor(1, "record") as recorder,
        ):
            self._keep_goldens(job)
            trailing: Future[_Step] | None = None
            for batch, skipped in _batches(readers, load, job, cancelled):
                inferred = self._service.infer(batch)
                if trailing is not None:
                    yield trailing.result()
                trailing = recorder.submit(self._finish, inferred, skipped, saver)
            if trailing is not None:
                yield trailing.result()

    def _finish(self, inferred: Sequence[Inferred], skipped: int, saver: ResultSaver) -> _Step:
        results = [self._service.conclude(one) for one in inferred]
        for result in results:
            saver.save(result)
        return _Step(tuple(self._service.record(results)) if results else (), skipped)

    def _restore(self, item: BatchItem, done: DoneImage, saver: ResultSaver) -> None:
        """The pictures of an image that is not scored again, from its stored map."""
        if not saver.wanted:
            return
        record, change_map = self._store.get(done.inspection_id), self._store.get_map(done.inspection_id)
        if record is not None and change_map is not None:
            saver.write(item.name, change_map, record.settings, lambda: read_frame(item.path).pixels)

    def _keep_goldens(self, job: BatchJob) -> None:
        """Archive the goldens' files, so that a record can be shown again when they have changed; not when
        nearly every image has its own."""
        paths = {item.golden for item in job.items if item.golden is not None}
        if len(paths) > GOLDENS_ARCHIVED:
            return
        for path in paths:
            try:
                data = path.read_bytes()
            except OSError:
                continue  # Every image that needs it will say so.
            self._service.keep_file(data)


@dataclass(frozen=True)
class _Step:
    """What one batch came to."""

    records: tuple[InspectionRecord, ...]
    skipped: int


def _batches(
    readers: ThreadPoolExecutor,
    load: Callable[[BatchItem], Prepared | None],
    job: BatchJob,
    cancelled: Callable[[], bool],
) -> Iterator[tuple[list[Prepared], int]]:
    """Prepared requests in order, in batches of ``job.batch_size``, each with the number of items that were
    done before and lay between; at most four batches are in memory."""
    window: deque[Future[Prepared | None]] = deque()
    coming = iter(job.items)
    batch: list[Prepared] = []
    skipped = 0
    exhausted = False
    while True:
        while not exhausted and len(window) < 3 * job.batch_size:
            item = None if cancelled() else next(coming, None)
            if item is None:
                exhausted = True
                break
            window.append(readers.submit(load, item))
        if not window:
            break
        prepared = window.popleft().result()
        if prepared is None:
            skipped += 1
        else:
            batch.append(prepared)
        if len(batch) == job.batch_size or skipped >= SKIPS_A_STEP:
            yield batch, skipped
            batch, skipped = [], 0
    if batch or skipped:
        yield batch, skipped
