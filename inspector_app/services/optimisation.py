"""``models optimize`` as one call: plan, measure, install, report."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspector_app import __version__
from inspector_app.core.inspection import Settings
from inspector_app.core.protocols import ChangeEngine, Clock
from inspector_app.engines.models import Model
from inspector_app.services.acceptance import verdict_counts
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.calibration_set import CalibrationSet, divide
from inspector_app.services.inspect import InspectionService
from inspector_app.services.model_variants import Shelf, check_places, install
from inspector_app.services.optimisation_report import OptimisationReport
from inspector_app.services.optimise import (
    Bench,
    Precision,
    Reference,
    Trial,
    open_reference,
    processor,
    try_bfloat16,
    try_float16,
    try_int8,
)
from inspector_app.services.plan import BatchItem


@dataclass(frozen=True, eq=False)
class OptimiseRequest:
    """What is asked for.

    Attributes:
        name: the base's, from which the variants' are made.
        items: all images; ``root`` is for annotations that are found by name in ``truth_dir``.
        settings, grid: the limits that judge, as of a batch.
        sources: the folders as they were named, for the report.
    """

    name: str
    model: Model
    items: tuple[BatchItem, ...]
    settings: Settings
    grid: tuple[int, int] | None
    root: Path
    truth_dir: Path | None
    sources: tuple[str, ...]
    precisions: tuple[Precision, ...]
    threads: int = 0
    rounds: int = 21


def optimise(
    request: OptimiseRequest,
    shelf: Shelf,
    make_service: Callable[[ChangeEngine], InspectionService],
    clock: Clock,
    say: Callable[[str], None] = lambda text: None,
) -> OptimisationReport:
    """Try every precision asked for, install what is accepted, and report all that was tried.

    Raises:
        KeeperError: ``model_exists`` or ``calibration_invalid`` before anything is measured; when a variant cannot
            be written.
    """
    check_places(request.name, request.precisions, shelf)
    sets = divide(request.items)
    with tempfile.TemporaryDirectory(prefix="inspector-") as folder:
        bench = Bench(
            _job(request, sets.acceptance),
            make_service,
            clock,
            Path(folder),
            request.threads,
            request.rounds,
            say,
        )
        with open_reference(request.model, _job(request, sets.calibration), bench) as reference:
            trials = _tried(request.precisions, reference, bench)
            report = _report(request, sets, reference, clock)
        return install(request.model, report, trials, shelf)


def _tried(precisions: Sequence[Precision], reference: Reference, bench: Bench) -> tuple[Trial, ...]:
    trials: list[Trial] = []
    if "float16" in precisions:
        trials.append(try_float16(reference, bench))
    if "bfloat16" in precisions:
        trials.append(try_bfloat16(reference, bench))
    if "int8" in precisions:
        trials.extend(try_int8(reference, bench))
    return tuple(trials)


def _job(request: OptimiseRequest, items: tuple[BatchItem, ...]) -> BatchJob:
    return BatchJob(
        request.name, request.root, items, request.settings, truth_dir=request.truth_dir, grid=request.grid
    )


def _report(
    request: OptimiseRequest, sets: CalibrationSet, reference: Reference, clock: Clock
) -> OptimisationReport:
    counts, limits = reference.judged.counts, request.settings.limits
    return OptimisationReport(
        base=request.name,
        base_sha256=request.model.manifest.sha256,
        made=clock.now(),
        program=__version__,
        processor=processor(),
        threads=request.threads,
        calibration=request.sources,
        calibrated_on=len(sets.calibration),
        accepted_on=len(sets.acceptance),
        disjoint=sets.disjoint,
        annotated=counts.marked,
        threshold=limits.threshold,
        min_area_px=limits.min_area_px,
        verdicts=verdict_counts(reference.judged.verdicts),
        reference_iou=counts.iou,
        times=reference.times,
    )
