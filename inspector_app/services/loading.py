"""Read what a batch item names and make its request."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import ImageRef, InspectionRequest, Settings, printable
from inspector_app.core.protocols import DoneImage
from inspector_app.core.recipe import native_min_area
from inspector_app.services.batch_job import BatchJob, hash_file
from inspector_app.services.goldens import GoldenCache, GoldenChoice
from inspector_app.services.inspect import guarded
from inspector_app.services.plan import GOOD, BatchItem
from inspector_app.services.stages import StageTimes
from inspector_app.services.truths import truth_ref
from inspector_app.vision.annotations import GOOD_FOLDER, Annotation, TruthFinder, load_truth
from inspector_app.vision.decode import decode_frame, read_bytes

PASSING_FAULTS = frozenset({"engine_failed", "out_of_memory", "internal_error"})
"""Faults of the machine, which the same image may not meet again."""
HASHES_KEPT = 1000


class RequestLoader:
    """Reads an item's files and makes its request. Thread-safe."""

    def __init__(self, job: BatchJob, run_id: int | None, stages: StageTimes | None = None) -> None:
        """``stages`` is told what reading and decoding cost."""
        self._job = job
        self._run_id = run_id
        self._stages = stages or StageTimes()
        self._cache = GoldenCache()
        self._choice = GoldenChoice(job.goldens)
        self._hashes = FileHashes()
        self._truths = TruthFinder(job.truth_dir, job.root) if job.truth_dir else None

    def is_done(self, item: BatchItem, done: DoneImage) -> bool:
        """Whether an image was recorded before with the same bytes of its own, its golden and its annotation.

        A fault that was the machine's and not the image's does not count as done.
        """
        if done.error_code in PASSING_FAULTS or done.image_sha256 != self._hashes.of(item.path):
            return False
        if item.golden is not None and done.golden_sha256 != self._hashes.of(item.golden):
            return False
        annotation = guarded(lambda: self._truth(item, None))
        truth = (
            None if isinstance(annotation, InspectorError) else truth_ref(annotation.source, self._hashes.of)
        )
        return (done.truth_name, done.truth_sha256) == ((truth.name, truth.sha256) if truth else ("", ""))

    def request(self, item: BatchItem) -> InspectionRequest:
        """The request of one item; what cannot be read stands in it as its error."""
        test = guarded(lambda: self._read(item))
        image = ImageRef.of(test) if isinstance(test, Frame) else _unread(item)
        golden, golden_ref, others = self._golden(item, test)
        size = (test.width, test.height) if isinstance(test, Frame) else None
        with self._stages.stage("truth"):
            annotation = guarded(lambda: self._truth(item, size))
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
            truth_ref=truth_ref(annotation.source, self._hashes.of),
            known_good=annotation.source in (GOOD, GOOD_FOLDER),
            run_id=self._run_id,
            others=others,
        )

    def rematched(self, item: BatchItem, request: InspectionRequest) -> InspectionRequest:
        """The request of an item whose picture was changed since: its goldens are those that match what is seen."""
        if not isinstance(request.test, Frame):
            return request
        golden, golden_ref, others = self._golden(item, request.test)
        return replace(request, golden=golden, golden_ref=golden_ref, others=others)

    def _read(self, item: BatchItem) -> Frame:
        started = time.perf_counter()
        with self._stages.stage("read"):
            data = read_bytes(item.path)
        with self._stages.stage("decode"):
            frame = decode_frame(data, item.name, item.path)
        return replace(frame, load_ms=(time.perf_counter() - started) * 1000.0)

    def _settings(self, test: Frame | InspectorError) -> Settings:
        settings = self._job.settings
        if self._job.grid is None or not isinstance(test, Frame):
            return settings
        limits, size = settings.limits, (test.width, test.height)
        area = native_min_area(limits.min_area_px, settings.view.grid(self._job.grid, size), size)
        return replace(settings, limits=limits.model_copy(update={"min_area_px": area}))

    def _golden(
        self, item: BatchItem, test: Frame | InspectorError
    ) -> tuple[Frame | InspectorError, ImageRef, tuple[Frame, ...]]:
        """The golden, how a record names it, and those that judge along with it."""
        if item.golden is not None:
            path = item.golden
            golden = guarded(lambda: self._cache.frame(path))
            if isinstance(golden, Frame):
                return golden, ImageRef.of(golden), ()
            ref = ImageRef(path.name, self._hashes.of(path), path=printable(path))
            return golden, ref, ()
        if not self._job.goldens:
            return KeeperError("golden_missing", "No golden was given for this image."), ImageRef(""), ()
        best = self._job.goldens[:1]
        if isinstance(test, Frame):
            best = self._choice.best(test, self._job.settings.goldens_used)
        return best[0], ImageRef.of(best[0]), best[1:]

    def _truth(self, item: BatchItem, size: tuple[int, int] | None) -> Annotation:
        if item.known_good:
            return Annotation(np.zeros((size[1], size[0]), dtype=bool) if size else None, GOOD)
        if item.truth is not None:
            try:
                return Annotation(load_truth(item.truth, size, item.path.name), str(item.truth))
            except InspectorError as error:
                return Annotation(None, str(item.truth), error)
        if self._truths is None:
            return Annotation(None, "", None)
        return self._truths.find(item.path, size)


class FileHashes:
    """Sha256 of files, each read again only when its time or size has changed. Thread-safe: at worst a file
    is read twice."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], str]] = {}

    def of(self, path: Path) -> str:
        """ "" when the file cannot be read."""
        try:
            status = path.stat()
        except OSError:
            return ""
        mark = (status.st_mtime_ns, status.st_size)
        known = self._known.get(path)
        if known is None or known[0] != mark:
            if len(self._known) >= HASHES_KEPT:
                self._known.clear()
            known = (mark, hash_file(path))
            self._known[path] = known
        return known[1]


def _unread(item: BatchItem) -> ImageRef:
    """The reference of an image that could not be decoded: its bytes still have a hash, if they can be read."""
    return ImageRef(item.name, hash_file(item.path), path=printable(item.path))
