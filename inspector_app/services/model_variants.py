"""From measured copies to installed variants, with the report that says what decided."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspector_app.core.errors import InspectorError
from inspector_app.core.files import ensure_folder
from inspector_app.core.report_file import write_report
from inspector_app.engines.models import MANIFEST, OPTIMISATION_REPORT, Model, read_manifest
from inspector_app.services.model_install import (
    CARD,
    check_free,
    check_name,
    copy_file,
    finish_model,
    staged,
    write_manifest,
)
from inspector_app.services.model_library import report_path
from inspector_app.services.optimisation_report import CandidateReport, OptimisationReport
from inspector_app.services.optimise import Precision, Trial

SUFFIXES: Mapping[Precision, str] = {"float16": "fp16", "bfloat16": "bf16", "int8": "int8"}


@dataclass(frozen=True)
class Shelf:
    """Where variants go: all models that are installed by name, and the station's own folder."""

    installed: Mapping[str, Path]
    own: Path


def variant_name(base: str, precision: Precision) -> str:
    """Such as ``generic-int8``."""
    return check_name(f"{base}-{SUFFIXES[precision]}")


def check_places(base: str, precisions: Iterable[Precision], shelf: Shelf) -> None:
    """Before anything is measured: only a variant may be replaced by a variant.

    Raises:
        KeeperError: ``model_exists``.
    """
    for precision in precisions:
        name = variant_name(base, precision)
        check_free(name, shelf.installed, shelf.own, replace=_is_variant(shelf.own / name))


def _is_variant(folder: Path) -> bool:
    try:
        return read_manifest(folder / MANIFEST).optimised_from is not None
    except InspectorError:
        return False


def install(
    base: Model, report: OptimisationReport, trials: Sequence[Trial], shelf: Shelf
) -> OptimisationReport:
    """Install the fastest accepted copy of each precision, and write the report beside them and the base's.

    Returns:
        The report with every candidate, and the names of those that became models.

    Raises:
        KeeperError: when a variant cannot be written, or fails its last run.
    """
    chosen = best_trials(trials)
    candidates = tuple(_named(report.base, trial, trial in chosen) for trial in trials)
    full = report.model_copy(update={"candidates": candidates})
    ensure_folder(shelf.own)
    for trial in chosen:
        _install(base, full, trial, shelf)
    write_report(report_path(shelf.own, report.base), full)
    return full


def best_trials(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The fastest accepted one of each precision; where speed is not known, the first."""
    best: dict[str, Trial] = {}
    for trial in trials:
        if trial.report.accepted and trial.model is not None:
            known = best.get(trial.report.precision)
            if known is None or (trial.report.ratio or 0.0) > (known.report.ratio or 0.0):
                best[trial.report.precision] = trial
    return tuple(best.values())


def _named(base: str, trial: Trial, chosen: bool) -> CandidateReport:
    if chosen:
        return trial.report.model_copy(update={"installed": variant_name(base, trial.report.precision)})
    if trial.report.accepted:
        return trial.report.model_copy(update={"reason": "accepted, but another one is faster"})
    return trial.report


def _install(base: Model, report: OptimisationReport, trial: Trial, shelf: Shelf) -> None:
    name = variant_name(report.base, trial.report.precision)
    if trial.model is None:
        raise ValueError(f"{name} was not built")
    made, facts = trial.model.manifest, trial.report
    manifest = made.model_copy(
        update={
            "name": name,
            "file": f"{name}.onnx",
            "description": f"{base.manifest.name} in {facts.precision}: {facts.setting}.",
            "scores": _scores(facts),
        }
    )
    with staged(shelf.own, name, replace=True) as staging:
        copy_file(trial.model.path, staging / manifest.file)
        write_manifest(staging, manifest)
        if (base.path.parent / CARD).is_file():
            shutil.copyfile(base.path.parent / CARD, staging / CARD)
        write_report(staging / OPTIMISATION_REPORT, report)
        # What it is checked against from now on is what the engine said that it was accepted on.
        finish_model(Model(manifest, staging / manifest.file), trial.choice)


def _scores(facts: CandidateReport) -> dict[str, float]:
    """Not the base's, which were measured in float32."""
    found = {"calibration_iou": facts.iou, "calibration_iou_fall_points": facts.iou_fall}
    return {name: round(value, 6) for name, value in found.items() if value is not None}
