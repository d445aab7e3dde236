"""``inspector-app evaluate``: the model card's measures of a model on an annotated data set."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from inspector_app.cli.console import DataDir, known_errors, opened, out
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
from inspector_app.cli.tables import summary_table
from inspector_app.core.inspection import MeasureAt
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.evaluate import EvaluationReport, card_measures, plan_dataset
from inspector_app.services.evaluate import evaluate as run_evaluation
from inspector_app.services.summary import BatchSummary


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="A data set in TAO's layout: A, B, label, list.")],
    split: Annotated[str, typer.Option(help="Which list: list/SPLIT.txt.")] = "val",
    model: ModelOption = None,
    engine: EngineOption = EngineChoice.AUTO,
    measure_at: Annotated[
        MeasureAt, typer.Option("--measure-at", help="The grid on which pixels are counted.")
    ] = MeasureAt.GRID_256,
    threshold: ThresholdOption = None,
    min_area: MinAreaOption = None,
    align: AlignOption = "none",
    json_out: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    threads: ThreadsOption = 0,
    data_dir: DataDir = None,
) -> None:
    """Measure a model on every pair of a split; nothing is recorded."""
    with known_errors(), opened(data_dir) as inspector:
        name = model or inspector.settings.default_model
        options = LimitOptions(threshold=threshold, min_area=min_area)
        basis = bare_basis(inspector.find_model(name).manifest, name, options, align, measure_at)
        items = plan_dataset(dataset, split)
        job = BatchJob(split, dataset / "A", items, basis.settings, grid=basis.grid)
        service = inspector.open_service(name, engine, threads)
        with progress_bar() as bar:
            task = bar.add_task("evaluating", total=len(items))
            report = run_evaluation(service, job, lambda done, _: bar.update(task, completed=done))
    if json_out:
        typer.echo(json.dumps(_as_dict(report)))
        return
    out().print(summary_table(report.total, measure_at.value))
    out().print(_kinds(report))


def _kinds(report: EvaluationReport) -> Table:
    table = Table(title="by kind, in per cent", title_justify="left", header_style="bold")
    names = [name for name, _ in card_measures(report.total)]
    for column in ("kind", "images", "false calls", "escapes", *names):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind, summary in report.by_kind.items():
        measures = (value for _, value in card_measures(summary))
        table.add_row(
            escape(kind),
            str(summary.total),
            str(summary.false_calls.count),
            str(summary.escapes.count),
            *("" if value is None else f"{value * 100:.2f}" for value in measures),
        )
    return table


def _as_dict(report: EvaluationReport) -> dict[str, object]:
    kinds = {kind: _summary_dict(summary) for kind, summary in report.by_kind.items()}
    return {**_summary_dict(report.total), "by_kind": kinds}


def _summary_dict(summary: BatchSummary) -> dict[str, object]:
    return {
        "images": summary.total,
        **dict(card_measures(summary)),
        **asdict(summary.pooled),
        "mean_iou": summary.mean_iou,
        "false_calls": summary.false_calls.count,
        "escapes": summary.escapes.count,
        "image_auroc": summary.image_auroc,
    }
