"""Batch scoring: the four steps of the straight line, overlapped on bounded queues."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from inspector_app.core.inspection import (
    InspectionRecord,
)
from inspector_app.core.protocols import Clock, HistoryFilter, RecordStore, RunInfo, RunState
from inspector_app.services.batch_job import BatchJob, hash_file, run_fingerprint, settings_dict
from inspector_app.services.inspect import Inferred, InspectionService, Prepared
from inspector_app.services.loading import RequestLoader
from inspector_app.services.plan import BatchItem
from inspector_app.services.savers import ResultSaver
from inspector_app.services.summary import BatchSummary, Tally


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
        run_id, done_before = self._open_run(job)
        items = [item for item in job.items if not _is_done(item, done_before)]
        skipped = len(job.items) - len(items)
        self._store.finish_run(run_id, RunState.RUNNING)
        state = RunState.STOPPED
        scored = 0
        started = self._clock.monotonic()
        try:
            for records in self._pipeline(job, items, run_id, cancelled):
                scored += len(records)
                rate = scored / max(self._clock.monotonic() - started, 1e-9)
                left = (len(items) - scored) / rate
                on_progress(
                    BatchProgress(run_id, scored, skipped, len(job.items), rate, left, tuple(records))
                )
            state = RunState.DONE if scored == len(items) else RunState.STOPPED
        finally:
            self._store.finish_run(run_id, state)
        return BatchOutcome(run_id, state, scored, skipped, self.summary(run_id))

    def summary(self, run_id: int) -> BatchSummary:
        """The totals of a recorded run."""
        tally = Tally()
        for record in self._store.iterate(HistoryFilter(run_id=run_id)):
            tally.add(record.verdict, record.score, record.truth)
        return tally.summary()

    def _open_run(self, job: BatchJob) -> tuple[int, dict[str, str]]:
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
        self, job: BatchJob, items: Sequence[BatchItem], run_id: int, cancelled: Callable[[], bool]
    ) -> Iterator[list[InspectionRecord]]:
        """Readers run ahead of the network by a bounded window; judging and recording trail it by one batch."""
        loader = RequestLoader(job, run_id)
        saver = ResultSaver(job.masks_dir, job.overlays_dir)
        with (
            ThreadPoolExecutor(job.workers, "prepare") as readers,
            ThreadPoolExecutor(1, "record") as recorder,
        ):
            trailing: Future[list[InspectionRecord]] | None = None
            for batch in _batches(readers, self._load, loader, items, job, cancelled):
                inferred = self._service.infer(batch)
                if trailing is not None:
                    yield trailing.result()
                trailing = recorder.submit(self._finish, inferred, saver)
            if trailing is not None:
                yield trailing.result()

    def _load(self, loader: RequestLoader, item: BatchItem) -> Prepared:
        return self._service.prepare(loader.request(item))

    def _finish(self, inferred: Sequence[Inferred], saver: ResultSaver) -> list[InspectionRecord]:
        results = [self._service.conclude(one) for one in inferred]
        for result in results:
            saver.save(result)
        return self._service.record(results)


def _batches(
    readers: ThreadPoolExecutor,
    load: Callable[[RequestLoader, BatchItem], Prepared],
    loader: RequestLoader,
    items: Sequence[BatchItem],
    job: BatchJob,
    cancelled: Callable[[], bool],
) -> Iterator[list[Prepared]]:
    """Prepared requests in order, in batches of ``job.batch_size``; at most four batches are in memory."""
    window: deque[Future[Prepared]] = deque()
    coming = iter(items)
    batch: list[Prepared] = []
    exhausted = False
    while True:
        while not exhausted and len(window) < 3 * job.batch_size:
            item = None if cancelled() else next(coming, None)
            if item is None:
                exhausted = True
                break
            window.append(readers.submit(load, loader, item))
        if not window:
            break
        batch.append(window.popleft().result())
        if len(batch) == job.batch_size:
            yield batch
            batch = []
    if batch:
        yield batch


def _is_done(item: BatchItem, done: dict[str, str]) -> bool:
    """Recorded before, and still the same bytes."""
    return item.name in done and done[item.name] == hash_file(item.path)
