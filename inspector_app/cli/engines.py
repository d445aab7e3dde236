"""Open a model's engine for a command: TensorRT's plans are built where it is asked for by name, with a bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from inspector_app.bootstrap import Inspector
from inspector_app.cli.console import Exit, err
from inspector_app.cli.interrupt import stop_on_interrupt
from inspector_app.core.errors import KeeperError
from inspector_app.engines.registry import EngineChoice, plan_is_missing
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.progress import BuildProgress
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.inspect import InspectionService


@contextmanager
def serving(
    inspector: Inspector, model: str, choice: EngineChoice, threads: int = 0, parallel: int = 1
) -> Iterator[InspectionService]:
    """As ``Inspector.open_service``, with its engine closed at the end; says on stderr when a plan is missing.

    Raises:
        KeeperError: the model or the engine does not serve.
        typer.Exit: a build was stopped by Ctrl-C.
    """
    service = _open(inspector, model, choice, threads, parallel)
    try:
        yield service
    finally:
        service.engine.close()


def _open(
    inspector: Inspector, model: str, choice: EngineChoice, threads: int, parallel: int
) -> InspectionService:
    if choice is EngineChoice.TENSORRT:
        with building_plans(model) as rules:
            return inspector.open_service(model, choice, threads, parallel, rules)
    service = inspector.open_service(model, choice, threads, parallel)
    info = service.engine.info
    if plan_is_missing(info):
        err().print(
            f"TensorRT has no plan for {model} on this GPU yet, so {info.label} serves. "
            "Build it once with --engine tensorrt; it takes minutes.",
            markup=False,
        )
    return service


@contextmanager
def building_plans(model: str) -> Iterator[BuildRules]:
    """Rules that draw a bar and end the build on Ctrl-C.

    Raises:
        typer.Exit: when it was ended so.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = err()
    # Drawn from the first report on: mostly the plans are there, and there is nothing to draw.
    with (
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
        stop_on_interrupt() as stop,
    ):
        task = bar.add_task(f"building TensorRT's plan of {model}", total=1.0, visible=False)

        def tell(progress: BuildProgress) -> None:
            bar.update(task, completed=progress.overall, visible=True)

        try:
            yield BuildRules(on_progress=tell, cancelled=stop.is_set)
        except KeeperError as error:
            if error.code != "plan_cancelled":
                raise
            console.print("Building the plan was stopped; nothing of it is kept.")
            raise typer.Exit(Exit.INTERRUPTED) from error
        if stop.is_set():
            raise typer.Exit(Exit.INTERRUPTED)


def judge_text(service: InspectionService, job: BatchJob) -> str:
    """Which model decides, where, and by what limits."""
    limits = job.settings.limits
    grid = "" if job.grid is None else f" of {job.grid[0]} x {job.grid[1]}"
    if grid and job.settings.view.mode != "whole":
        grid = " of the tiles' grid"
    review = "" if limits.review_threshold is None else f", review {limits.review_threshold:g}"
    mirrored = ", mirrored too" if job.settings.view.mirrored else ""
    recipe = f"{job.settings.recipe}@{job.settings.revision}, " if job.settings.recipe else ""
    return (
        f"{recipe}{service.engine.manifest.name} on {service.stamp.engine}: threshold {limits.threshold:g}{review}, "
        f"least area {limits.min_area_px} px{grid}{mirrored}"
    )
