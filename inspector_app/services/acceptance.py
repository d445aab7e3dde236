"""The rule by which a network of lower precision may stand in for the float32 one: the same verdicts, the same pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.metrics import PixelCounts, count_pixels, pool
from inspector_app.core.verdict import Verdict
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.inspect import InspectionService
from inspector_app.services.judge import measured_mask
from inspector_app.services.loading import RequestLoader
from inspector_app.services.plan import BatchItem

IOU_MAY_FALL = 0.2
"""Points (hundredths) by which pooled IoU must fall by less."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What one network said to a set of images.

    Attributes:
        verdicts: by the image's name.
        counts: of annotated images, pooled; empty when none is annotated.
        masks: by name, packed to bits; absent where an image could not be inspected.
    """

    verdicts: Mapping[str, Verdict]
    counts: PixelCounts
    masks: Mapping[str, tuple[tuple[int, int], bytes]]


@dataclass(frozen=True)
class Agreement:
    """A candidate against the float32 network.

    Attributes:
        changed: images whose verdict changed, as ``name: BEFORE to AFTER``.
        iou_before, iou_after: pooled over the annotated pixels; without annotations the float32 masks stand for the
            truth, so that ``iou_before`` is 1; None where nothing is marked at all.
        annotated: whether there were annotations.
        mask_agreement: IoU of the candidate's masks with the float32 ones, pooled.
    """

    changed: tuple[str, ...]
    iou_before: float | None
    iou_after: float | None
    annotated: bool
    mask_agreement: float | None

    @property
    def iou_fall(self) -> float:
        """In points; negative when it rose."""
        if self.iou_before is None or self.iou_after is None:
            return 0.0 if self.iou_before == self.iou_after else 100.0
        return 100.0 * (self.iou_before - self.iou_after)

    @property
    def refusal(self) -> str:
        """Why the candidate is not accepted, "" when it is."""
        if self.changed:
            return f"{_images(len(self.changed))} changed the verdict, first {self.changed[0]}"
        if not self.iou_fall < IOU_MAY_FALL:
            return f"IoU falls by {self.iou_fall:.2f} points"
        return ""


def judge_all(
    service: InspectionService, job: BatchJob, on_done: Callable[[BatchItem], None] = lambda item: None
) -> Judged:
    """Inspect every image of ``job`` without recording it."""
    loader = RequestLoader(job, None)
    verdicts: dict[str, Verdict] = {}
    counts: list[PixelCounts] = []
    masks = {}
    for item in job.items:
        result = service.evaluate(loader.request(item))
        verdicts[item.name] = result.verdict
        if result.truth is not None and result.truth.counts is not None:
            counts.append(result.truth.counts)
        if result.change_map is not None:
            masks[item.name] = _packed(measured_mask(result.change_map, job.settings))
        on_done(item)
    return Judged(verdicts, pool(counts), masks)


def compare(float32: Judged, candidate: Judged) -> Agreement:
    """Measure the candidate against the float32 network on the same images."""
    changed = tuple(
        f"{name}: {before} to {candidate.verdicts[name]}"
        for name, before in float32.verdicts.items()
        if candidate.verdicts[name] is not before
    )
    overlap = pool(
        count_pixels(_unpacked(candidate.masks[name]), _unpacked(mask))
        for name, mask in float32.masks.items()
        if name in candidate.masks
    )
    annotated = bool(float32.counts.tp + float32.counts.fn)
    before = float32.counts.iou if annotated else (None if overlap.iou is None else 1.0)
    after = candidate.counts.iou if annotated else overlap.iou
    return Agreement(changed, before, after, annotated, overlap.iou)


def _packed(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], bytes]:
    return (mask.shape[0], mask.shape[1]), np.packbits(mask).tobytes()


def _unpacked(packed: tuple[tuple[int, int], bytes]) -> NDArray[np.bool_]:
    shape, data = packed
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=shape[0] * shape[1])
    return np.asarray(bits, dtype=np.bool_).reshape(shape)


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def verdict_counts(verdicts: Mapping[str, Verdict]) -> dict[str, int]:
    """How often each verdict fell."""
    found: Sequence[Verdict] = list(verdicts.values())
    return {verdict.value: found.count(verdict) for verdict in Verdict if verdict in found}
