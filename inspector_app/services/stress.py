"""How far a model's measures fall when test images are moved, lit otherwise, blurred or compressed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from inspector_app.core.frame import Frame
from inspector_app.core.inspection import InspectionRequest
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.evaluate import EvaluationReport, Observation, check_kinds, observation, report
from inspector_app.services.folds import check_held_out_once
from inspector_app.services.inspect import InspectionService
from inspector_app.services.loading import RequestLoader
from inspector_app.vision.perturb import Nuisance, Perturbation, perturb

MOST_FALL, MOST_FALL_WITHOUT = 0.02, 0.04
"""By how much the pooled IoU may fall at the most, and the IoU without the kinds left out."""


@dataclass(frozen=True)
class StressRow:
    """The measures under one perturbation, and by how much they fell (None where there is nothing to compare: IoU
    needs the annotated pixels of a defect)."""

    perturbation: Perturbation
    report: EvaluationReport
    iou_fall: float | None
    iou_without_fall: float | None
    auroc_fall: float | None

    @property
    def iou_holds(self) -> bool | None:
        """Whether IoU falls by no more than ``MOST_FALL``; None: it cannot be told."""
        return None if self.iou_fall is None else self.iou_fall <= MOST_FALL

    @property
    def iou_without_holds(self) -> bool | None:
        """Whether the IoU without the kinds left out falls by no more than ``MOST_FALL_WITHOUT``; None: as above."""
        return None if self.iou_without_fall is None else self.iou_without_fall <= MOST_FALL_WITHOUT

    @property
    def holds(self) -> bool | None:
        """Whether all that can be told holds; None when nothing can."""
        told = [held for held in (self.iou_holds, self.iou_without_holds) if held is not None]
        return all(told) if told else None


@dataclass(frozen=True, eq=False)
class StressObserved:
    """What the images came to as they are, and under each perturbation planned."""

    plain: tuple[Observation, ...]
    perturbed: tuple[tuple[Observation, ...], ...]


@dataclass(frozen=True)
class StressReport:
    """The measures of the images as they are, and under each perturbation."""

    plain: EvaluationReport
    rows: tuple[StressRow, ...]

    @property
    def holds(self) -> bool | None:
        """Whether every row does; None when none can be told."""
        told = [row.holds for row in self.rows if row.holds is not None]
        return all(told) if told else None

    @property
    def errors(self) -> tuple[Observation, ...]:
        """What could not be inspected: as it is, then what failed under a nuisance only, which its name tells."""
        known = {error.name for error in self.plain.errors}
        stressed = (
            replace(error, name=f"{error.name}, {row.perturbation.nuisance} {row.perturbation.text}")
            for row in self.rows
            for error in row.report.errors
            if error.name not in known
        )
        return (*self.plain.errors, *stressed)


def perturbations(steps: int) -> tuple[Perturbation, ...]:
    """Every nuisance at ``steps`` strengths, evenly up to the most."""
    return tuple(Perturbation(n, step / steps) for n in Nuisance for step in range(1, steps + 1))


def observe_stress(
    service: InspectionService,
    job: BatchJob,
    planned: Sequence[Perturbation],
    seed: int = 0,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> StressObserved:
    """Score all of ``job`` as it is and under each of ``planned``; nothing is recorded.

    The same seed gives the same images. An image goes the same way at every strength of a nuisance.
    """
    loader = RequestLoader(job, None)
    plain: list[Observation] = []
    seen: list[list[Observation]] = [[] for _ in planned]
    for number, item in enumerate(job.items, start=1):
        request = loader.request(item)
        plain.append(observation(item.name, service.evaluate(request)))
        for perturbation, found in zip(planned, seen, strict=True):
            changed = loader.rematched(item, perturbed(request, perturbation, seed))
            found.append(observation(item.name, service.evaluate(changed)))
        on_done(number, len(job.items))
    return StressObserved(tuple(plain), tuple(map(tuple, seen)))


def stress_report(
    parts: Sequence[StressObserved],
    planned: Sequence[Perturbation],
    left_out: Sequence[str] = (),
    pixel_threshold: float | None = None,
) -> StressReport:
    """Compare; several parts (the folds of a cross-validation, each scored by its own model) are pooled.

    Raises:
        KeeperError: ``folds_overlap`` when an image stands in two parts; ``kind_unknown``.
    """
    plain = [one for part in parts for one in part.plain]
    check_held_out_once(one.name for one in plain)
    check_kinds(plain, left_out)
    base = report(plain, left_out, pixel_threshold)
    rows = []
    for place, perturbation in enumerate(planned):
        seen = [one for part in parts for one in part.perturbed[place]]
        rows.append(_row(perturbation, base, report(seen, left_out, pixel_threshold)))
    return StressReport(base, tuple(rows))


def perturbed(request: InspectionRequest, perturbation: Perturbation, seed: int) -> InspectionRequest:
    """The request with its test image and truth perturbed; one without an image stays as it is."""
    test = request.test
    if not isinstance(test, Frame):
        return request
    place = list(Nuisance).index(perturbation.nuisance)
    rng = np.random.default_rng([seed, place, crc32(request.image.name.encode())])
    pixels, truth = perturb(test.pixels, request.truth, perturbation, rng)
    return replace(request, test=replace(test, pixels=pixels), truth=truth)


def _row(perturbation: Perturbation, base: EvaluationReport, now: EvaluationReport) -> StressRow:
    without = None
    if base.without is not None and now.without is not None:
        without = _fall(base.without.iou, now.without.iou)
    return StressRow(
        perturbation,
        now,
        _fall(base.total.iou, now.total.iou),
        without,
        _fall(base.total.image_auroc, now.total.image_auroc),
    )


def _fall(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else before - after
