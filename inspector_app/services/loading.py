"""Read what a batch item names and make its request."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import ImageRef, InspectionRequest, Settings, printable
from inspector_app.core.recipe import native_min_area
from inspector_app.services.batch_job import BatchJob, hash_file
from inspector_app.services.goldens import GoldenCache, closest_golden
from inspector_app.services.inspect import guarded
from inspector_app.services.plan import BatchItem
from inspector_app.vision.annotations import Annotation, TruthFinder, load_truth
from inspector_app.vision.decode import read_frame


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
            return golden, ImageRef(item.golden.name, path=printable(item.golden))
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
    return ImageRef(item.name, hash_file(item.path), path=printable(item.path))
