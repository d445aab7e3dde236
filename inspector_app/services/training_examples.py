"""From a labelled record to a picture with its mask, as a training and its examiner take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from inspector_app.core.change_map import Mask, Registration
from inspector_app.core.errors import InspectorError
from inspector_app.core.frame import Frame, RgbArray
from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.protocols import ImageArchive, RecordStore
from inspector_app.core.recipe import Alignment
from inspector_app.core.verdict import Verdict
from inspector_app.services.alignment import GoldenAligner
from inspector_app.services.pictures import inspected_frame
from inspector_app.services.training_labels import Annotations, Candidate, LeftOut
from inspector_app.vision.regions import counted_mask
from inspector_app.vision.registration import mask_to_golden, warp_to_golden


class MaskSource(StrEnum):
    """Where a mask comes from."""

    NONE = ""
    ANNOTATION = "annotation"
    OWN_MAP = "the machine's own, confirmed"


@dataclass(frozen=True, eq=False)
class Example:
    """A picture whose truth is known.

    Attributes:
        mask: ``H x W`` bool in the picture's own frame; None for a defect whose place nobody has marked.
        registration: how it lies on the golden, where the recipe aligns; None too when it cannot be aligned.
        trainable: whether it can be trained on; otherwise it can only be judged.
    """

    test: Frame
    golden: Frame
    mask: Mask | None
    source: MaskSource
    registration: Registration | None
    trainable: bool

    def pair(self) -> tuple[RgbArray, Mask]:
        """Picture and mask as the network is shown them: in the golden's frame and of its size."""
        mask = np.zeros((self.test.height, self.test.width), np.bool_) if self.mask is None else self.mask
        if self.registration is None:
            return self.test.pixels, mask
        size = (self.golden.width, self.golden.height)
        return warp_to_golden(self.test, self.registration, size), mask_to_golden(
            mask, self.registration, size
        )


class ExampleReader:
    """Reads the pictures of labelled records, each as its recipe would show it now."""

    def __init__(
        self,
        store: RecordStore,
        archive: ImageArchive,
        goldens: Mapping[str, Frame],
        alignment: Alignment,
        annotations: Annotations,
    ) -> None:
        """``goldens`` are the recipe's, by their hashes."""
        self._store, self._archive = store, archive
        self._goldens, self._alignment, self._annotations = goldens, alignment, annotations
        self._aligner = GoldenAligner()

    def read(self, candidate: Candidate) -> Example | LeftOut:
        """The example, or why there is none."""
        record = self._store.get(candidate.record)
        if record is None:
            return LeftOut.PICTURE_GONE
        try:
            test = inspected_frame(self._archive, record)
        except InspectorError:
            return LeftOut.PICTURE_GONE
        golden = self._goldens[record.golden.sha256]
        mask, source = self._mask(record, candidate, (test.height, test.width))
        if self._alignment.method == "none":
            if (test.width, test.height) != (golden.width, golden.height):
                return LeftOut.OTHER_SIZE
            return Example(test, golden, mask, source, None, mask is not None)
        aligned = self._aligner.align(test, [golden], self._alignment)
        registration = aligned.found[0][1] if aligned.error is None else None
        return Example(
            test, golden, mask, source, registration, mask is not None and registration is not None
        )

    def _mask(
        self, record: InspectionRecord, candidate: Candidate, shape: tuple[int, int]
    ) -> tuple[Mask | None, MaskSource]:
        """None where a defect is not marked, or where its annotation is gone: another one may say something else."""
        if not candidate.defective:
            return np.zeros(shape, np.bool_), MaskSource.NONE
        try:
            mask = self._annotations.mask(record)
        except InspectorError:
            return None, MaskSource.NONE
        if mask is not None:
            usable = mask.shape == shape and bool(mask.any())
            return (mask, MaskSource.ANNOTATION) if usable else (None, MaskSource.NONE)
        own = self._own_mask(record) if candidate.confirmed else None
        if own is None or own.shape != shape or not own.any():
            return None, MaskSource.NONE
        return own, MaskSource.OWN_MAP

    def _own_mask(self, record: InspectionRecord) -> Mask | None:
        """What the machine counted, or what it sent to REVIEW for."""
        change_map = self._store.get_map(record.id)
        if change_map is None:
            return None
        limits = record.settings.limits
        if record.verdict is Verdict.REVIEW and limits.review_threshold is not None:
            limits = limits.model_copy(
                update={"threshold": limits.review_threshold, "review_threshold": None}
            )
        return counted_mask(change_map, limits, record.settings.regions)
