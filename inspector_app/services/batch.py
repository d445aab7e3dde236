"""Batch scoring: the four steps of the straight line, overlapped on bounded queues."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import (
    Identity,
    ImageRef,
    InspectionRecord,
    InspectionRequest,
    Settings,
)
from inspector_app.core.protocols import Clock, HistoryFilter, RecordStore, RunInfo, RunState
from inspector_app.core.recipe import native_min_area
from inspector_app.services.goldens import GoldenCache, closest_golden
from inspector_app.services.inspect import Inferred, InspectionService, Prepared, guarded
from inspector_app.services.plan import BatchItem, items_digest
from inspector_app.services.savers import ResultSaver
from inspector_app.services.summary import BatchSummary, Tally
from inspector_app.vision.annotations import Annotation, TruthFinder, load_truth
from inspector_app.vision.decode import read_frame


@dataclass(frozen=True, eq=False)
class BatchJob:
    """A whole batch, captured before it starts.

    Attributes:
        label: for people, e.g. the folder's name.
        root: the folder that the items' names are relative to.
        goldens: a recipe's goldens, for items that name none of their own.
        truth_dir: where annotations are looked for; None: only those that items name.
        masks_dir, overlays_dir: where to write pictures of the results, if anywhere.
        grid: ``(width, height)`` on which the least area of ``settings`` is counted, when it is a model's
            suggestion that is to be scaled to each image; None: it counts the image's own pixels.
        resume: continue the newest run that has the same images, goldens, model and settings.
    """

    label: str
    root: Path
    items: tuple[BatchItem, ...]
    settings: Settings
    goldens: tuple[Frame, ...] = ()
    truth_dir: Path | None = None
    identity: Identity = Identity()
    masks_dir: Path | None = None
    overlays_dir: Path | None = None
    grid: tuple[int, int] | None = None
    resume: bool = False
    batch_size: int = 4
    workers: int = 2


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
            settings_json=json.dumps(_settings_dict(job.settings)),
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


class RequestLoader:
    """Reads an item's files and makes its request. Thread-safe."""

    def __init__(self, job: BatchJob, run_id: int | None) -> None:
        self._job = job
        self._run_id = run_id
        self._cache = GoldenCache()
        self._truths = TruthFinder(job.truth_dir, job.root) if job.truth_dir else None

    def request(self, item: BatchItem) -> InspectionRequest:
        """The request of one item; what cannot be read stands in it as its error."""
        test = guarded(lambda: read_frame(item.path, item.name))
        image = ImageRef.of(test) if isinstance(test, Frame) else _unread(item)
        golden, golden_ref = self._golden(item, test)
        annotation = guarded(lambda: self._truth(item, test))
        if isinstance(annotation, InspectorError):
            annotation = Annotation(None, "", annotation)
        return InspectionRequest(
            test=test,
            image=image,
            golden=golden,
            golden_ref=golden_ref,
            settings=self._settings(test),
            identity=self._job.identity,
            truth=annotation.mask,
            truth_error=annotation.error,
            run_id=self._run_id,
        )

    def _settings(self, test: Frame | InspectorError) -> Settings:
        settings = self._job.settings
        if self._job.grid is None or not isinstance(test, Frame):
            return settings
        limits = settings.limits
        area = native_min_area(limits.min_area_px, self._job.grid, (test.width, test.height))
        return replace(settings, limits=limits.model_copy(update={"min_area_px": area}))

    def _golden(
        self, item: BatchItem, test: Frame | InspectorError
    ) -> tuple[Frame | InspectorError, ImageRef]:
        if item.golden is not None:
            golden = self._cache.frame(item.golden)
            if isinstance(golden, Frame):
                return golden, ImageRef.of(golden)
            return golden, ImageRef(item.golden.name, path=str(item.golden))
        if not self._job.goldens:
            return KeeperError("golden_missing", "No golden was given for this image."), ImageRef("")
        chosen = closest_golden(self._job.goldens, test) if isinstance(test, Frame) else self._job.goldens[0]
        return chosen, ImageRef.of(chosen)

    def _truth(self, item: BatchItem, test: Frame | InspectorError) -> Annotation:
        size = (test.width, test.height) if isinstance(test, Frame) else None
        if item.known_good:
            return Annotation(np.zeros((size[1], size[0]), dtype=bool) if size else None, "good", None)
        if item.truth is not None:
            return Annotation(load_truth(item.truth, size), str(item.truth), None)
        if self._truths is None:
            return Annotation(None, "", None)
        return self._truths.find(item.path, size)


def _unread(item: BatchItem) -> ImageRef:
    """The reference of an image that could not be decoded: its bytes still have a hash, if they can be read."""
    return ImageRef(item.name, _hash_file(item.path), path=str(item.path))


def _hash_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _is_done(item: BatchItem, done: dict[str, str]) -> bool:
    """Recorded before, and still the same bytes."""
    return item.name in done and done[item.name] == _hash_file(item.path)


def run_fingerprint(job: BatchJob, model_sha256: str) -> str:
    """Sha256 of all that decides a run's results but the images' own bytes."""
    goldens = sorted({str(item.golden) for item in job.items if item.golden})
    one_by_one = len(goldens) > 1 or any(item.truth or item.known_good for item in job.items)
    content = {
        "root": str(job.root.resolve()),
        "goldens": goldens if len(goldens) <= 1 else [],
        "golden_sha256": [_hash_file(Path(golden)) for golden in goldens[:1]],
        "items": items_digest(job.items) if one_by_one else "",
        "recipe_goldens": [golden.sha256 for golden in job.goldens],
        "truth": str(job.truth_dir.resolve()) if job.truth_dir else "",
        "model": model_sha256,
        "grid": job.grid,
        "settings": _settings_dict(job.settings),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _settings_dict(settings: Settings) -> dict[str, object]:
    return {
        "limits": settings.limits.model_dump(mode="json"),
        "alignment": settings.alignment.model_dump(mode="json"),
        "regions": [region.model_dump(mode="json") for region in settings.regions],
        "um_per_px": settings.um_per_px,
        "recipe": settings.recipe,
        "revision": settings.revision,
        "product": settings.product,
        "measure_at": settings.measure_at.value,
    }
