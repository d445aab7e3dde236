"""``inspector-app bench``: how fast a model runs here."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from inspector_app.bootstrap import Inspector
from inspector_app.cli.bench_plot import bench_svg
from inspector_app.cli.console import DataDir, known_errors, opened, out
from inspector_app.cli.options import ModelOption, ThreadsOption
from inspector_app.cli.places import check_plot
from inspector_app.cli.progress import progress_bar
from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write
from inspector_app.core.protocols import ChangeEngine
from inspector_app.engines.models import Model
from inspector_app.engines.reference import ReferenceLoop
from inspector_app.engines.registry import EngineChoice, open_engine
from inspector_app.services.bench import (
    LEAST_ROUNDS,
    BenchPlan,
    BenchReport,
    BenchRow,
    Candidate,
    GoldenUse,
    run_bench,
)

RUNTIMES = ("onnxruntime-gpu", "onnxruntime", "openvino", "tensorrt")
ALL_ENGINES = tuple(choice for choice in EngineChoice if choice is not EngineChoice.AUTO)


def bench(
    model: ModelOption = None,
    engine: Annotated[
        list[EngineChoice] | None,
        typer.Option("--engine", help="Engines to time, once each; every one when none is named."),
    ] = None,
    batches: Annotated[str, typer.Option(help="Batch sizes, with commas.")] = "1,4,8",
    parallel: Annotated[str, typer.Option(help="Calls side by side, with commas.")] = "1",
    golden: Annotated[
        list[GoldenUse] | None,
        typer.Option("--golden", help="The golden kept, computed anew for each call, or both (the default)."),
    ] = None,
    variants: Annotated[
        bool, typer.Option("--variants/--no-variants", help="Time the model's optimised variants too.")
    ] = True,
    reference: Annotated[
        str | None, typer.Option(help="The model that the reference loop runs (default: the same).")
    ] = None,
    rounds: Annotated[int, typer.Option(min=LEAST_ROUNDS, help="Turns of each; medians are over them.")] = 7,
    calls: Annotated[int, typer.Option(min=1, help="Timed calls in a turn.")] = 3,
    plot: Annotated[Path | None, typer.Option(help="Draw a bar chart: FILE.svg.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    threads: ThreadsOption = 0,
    data_dir: DataDir = None,
) -> None:
    """Time a model's network: engines, precisions, batch sizes, the golden kept or not, all in turns.

    Ratios are against the reference loop's network: a default onnxruntime session on the CPU that computes the
    whole graph with all its outputs for each pair.
    """
    with known_errors(), opened(data_dir, only_look=True) as inspector:
        plan = BenchPlan(_sizes(batches, "Batch sizes"), tuple(golden or GoldenUse), rounds, calls)
        check_plot(plot)
        base = inspector.find_model(model or inspector.settings.default_model)
        models = {base.manifest.name: base, **(_variants(inspector, base) if variants else {})}
        candidates = _candidates(models, engine or ALL_ENGINES, threads, _sizes(parallel, "Calls at once"))
        loop = ReferenceLoop(inspector.find_model(reference) if reference else base)
        with progress_bar(quiet=json_out) as bar:
            task = bar.add_task("rounds", total=rounds)
            report = run_bench(
                candidates, loop, inspector.clock, plan, lambda done: bar.update(task, completed=done)
            )
        if plot is not None:
            atomic_write(plot, bench_svg(report, _title(base), _machine_line()).encode())
    if json_out:
        typer.echo(json.dumps({"model": base.manifest.name, "machine": _machine(), **asdict(report)}))
        return
    _print(report, base)


def _candidates(
    models: dict[str, Model], engines: Sequence[EngineChoice], threads: int, parallel: tuple[int, ...]
) -> list[Candidate]:
    def opening(model: Model, choice: EngineChoice, at_once: int) -> Callable[[], ChangeEngine]:
        return lambda: open_engine(model, choice, threads, parallel=at_once)

    return [
        Candidate(name, choice.value, opening(model, choice, at_once), at_once)
        for name, model in models.items()
        for choice in dict.fromkeys(engines)
        for at_once in parallel
    ]


def _variants(inspector: Inspector, base: Model) -> dict[str, Model]:
    return {name: inspector.find_model(str(folder)) for name, folder in inspector.variants(base).items()}


def _print(report: BenchReport, base: Model) -> None:
    console = out()
    console.print(_title(base), markup=False)
    console.print(_machine_line(), markup=False)
    table = Table(header_style="bold")
    for column in ("model", "engine", "precision", "golden"):
        table.add_column(column)
    for column in ("at once", "batch", "images/s", "p50 ms", "p95 ms", "p99 ms", "memory MB", "x reference"):
        table.add_column(column, justify="right")
    loop = report.reference
    table.add_row(
        escape(loop.label), "onnxruntime CPU", "", "anew", "1", str(report.reference.batch), f"{loop.per_second:.2f}",
        f"{loop.p50_ms:.2f}", f"{loop.p95_ms:.2f}", f"{loop.p99_ms:.2f}", "", "1.00",
    )  # fmt: skip
    for row in report.rows:
        table.add_row(*_cells(row))
    console.print(table)
    console.print("p50, p95, p99: latency of a call, of the whole batch.")
    console.print(
        "images/s: median of the rounds. x reference: median of each round's own ratio to the reference loop, "
        "so not the ratio of the two medians."
    )
    for note in dict.fromkeys(
        f"{row.model}, {row.engine}: the golden is computed for each image, since {row.golden_note}"
        for row in report.rows
        if row.golden_note
    ):
        console.print(note, markup=False)
    if report.refusals:
        refused = Table("does not serve", "reason", "what would help", header_style="bold")
        for refusal in report.refusals:
            refused.add_row(escape(refusal.engine), escape(refusal.reason), escape(refusal.hint))
        console.print(refused)


def _cells(row: BenchRow) -> tuple[str, ...]:
    memory = "" if row.memory_mb is None else f"{row.memory_mb:.0f}"
    figures = (row.per_second, row.p50_ms, row.p95_ms, row.p99_ms)
    names = (
        escape(row.model),
        escape(row.engine),
        row.precision,
        row.golden.value,
        str(row.parallel),
        str(row.batch),
    )
    return (*names, *(f"{figure:.2f}" for figure in figures), memory, f"{row.ratio:.2f}")


def _title(base: Model) -> str:
    spec = base.manifest.input
    return f"{base.manifest.name}, {spec.width} x {spec.height}"


def _machine() -> dict[str, object]:
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "runtimes": {name: version for name in RUNTIMES if (version := _version(name))},
    }


def _machine_line() -> str:
    runtimes = ", ".join(f"{name} {version}" for name in RUNTIMES if (version := _version(name)))
    return f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}, {runtimes}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _sizes(text: str, what: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdigit() and 0 < int(part) <= 256 for part in parts):
        raise KeeperError("option_invalid", f"{what}: numbers from 1 to 256 with commas, not “{text}”.")
    return tuple(dict.fromkeys(int(part) for part in parts))
