"""``inspector-app evaluate``: the model card's measures of a model on an annotated data set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from inspector_app.bootstrap import Inspector
from inspector_app.cli.console import DataDir, known_errors, opened, out
from inspector_app.cli.engines import serving
from inspector_app.cli.evaluate_output import (
    folds_dict,
    folds_table,
    kinds_table,
    reliability_table,
    report_dict,
)
from inspector_app.cli.options import (
    AlignOption,
    EngineOption,
    LimitOptions,
    MinAreaOption,
    ModelOption,
    ThreadsOption,
    ThresholdOption,
    bare_basis,
)
from inspector_app.cli.progress import progress_bar
from inspector_app.cli.spec import SpecOption, evaluate_by_spec, one_word
from inspector_app.cli.tables import summary_table
from inspector_app.core.inspection import MeasureAt
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.evaluate import (
    EvaluationReport,
    Observation,
    check_kinds,
    observe,
    plan_dataset,
    report,
)
from inspector_app.services.folds import PLACE, cross_validate, of_fold

FOLD_LIST = "fold{fold}_val"


@dataclass(frozen=True)
class _Wish:
    """What was asked for, but for the model and the list."""

    dataset: Path
    limits: LimitOptions
    align: str
    measure_at: MeasureAt
    engine: EngineChoice
    threads: int
    without: tuple[str, ...]
    pixel_threshold: float | None


def evaluate(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATASET",
            help="A data set in TAO's layout: A, B, label, list; with -e: KEY=VALUE overrides.",
        ),
    ] = None,
    spec: SpecOption = None,
    split: Annotated[
        str | None,
        typer.Option(help="Which list: list/SPLIT.txt (default: val; with --folds: fold{fold}_val)."),
    ] = None,
    model: ModelOption = None,
    engine: EngineOption = EngineChoice.AUTO,
    measure_at: Annotated[
        MeasureAt, typer.Option("--measure-at", help="The grid on which pixels are counted.")
    ] = MeasureAt.GRID_256,
    threshold: ThresholdOption = None,
    min_area: MinAreaOption = None,
    align: AlignOption = "none",
    without: Annotated[
        list[str] | None,
        typer.Option(help="Measure without this kind too; may be given several times."),
    ] = None,
    pixel_threshold: Annotated[
        float | None,
        typer.Option(min=0.001, max=1.0, help="Count pixels from here on (default: the threshold)."),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Cross-validate: {fold} in --model and --split becomes 0, 1 and so on."),
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    threads: ThreadsOption = 0,
    data_dir: DataDir = None,
) -> None:
    """Measure a model on every pair of a split; nothing is recorded. With -e: as a spec file of TAO says."""
    if spec is not None:
        evaluate_by_spec(spec, words, engine, threads, json_out)
        return
    with known_errors(), opened(data_dir) as inspector:
        limits = LimitOptions(threshold=threshold, min_area=min_area)
        dataset = Path(*one_word(words, "a DATASET"))
        left_out = tuple(without or ())
        wish = _Wish(dataset, limits, align, measure_at, engine, threads, left_out, pixel_threshold)
        name = model or inspector.settings.default_model
        if folds is None:
            _evaluate_one(inspector, wish, name, split or "val", json_out)
        else:
            _evaluate_folds(inspector, wish, name, split or FOLD_LIST, folds, json_out)


def _evaluate_one(inspector: Inspector, wish: _Wish, model: str, split: str, json_out: bool) -> None:
    observed = _observe(inspector, wish, model, split)
    check_kinds(observed, wish.without)
    found = report(observed, wish.without, wish.pixel_threshold)
    if json_out:
        typer.echo(json.dumps(report_dict(found)))
    else:
        _print_report(found, wish.measure_at)


def _evaluate_folds(
    inspector: Inspector, wish: _Wish, model: str, split: str, folds: int, json_out: bool
) -> None:
    found = cross_validate(
        folds,
        lambda fold: _observe(inspector, wish, of_fold(model, fold), of_fold(split, fold)),
        wish.without,
        wish.pixel_threshold,
    )
    if json_out:
        typer.echo(json.dumps(folds_dict(found)))
        return
    whose = "its own fold's model" if PLACE in model else f"the one model {model}"
    out().print(f"All folds together, each pair scored by {whose}:", markup=False)
    _print_report(found.pooled, wish.measure_at)
    out().print(folds_table(found))


def _observe(inspector: Inspector, wish: _Wish, model: str, split: str) -> tuple[Observation, ...]:
    """Score one list with one model, under the limits that it suggests or that were given."""
    basis = bare_basis(inspector.find_model(model).manifest, model, wish.limits, wish.align, wish.measure_at)
    items = plan_dataset(wish.dataset, split)
    job = BatchJob(split, wish.dataset / "A", items, basis.settings, grid=basis.grid)
    with serving(inspector, model, wish.engine, wish.threads) as service, progress_bar() as bar:
        task = bar.add_task(f"evaluating {split}", total=len(items))
        return observe(service, job, lambda done, _: bar.update(task, completed=done))


def _print_report(found: EvaluationReport, measure_at: MeasureAt) -> None:
    out().print(summary_table(found.total, measure_at.value))
    out().print(kinds_table(found))
    for name, reliability in (("pixels", found.pixels), ("images", found.images)):
        out().print(reliability_table(name, reliability))
