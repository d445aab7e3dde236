"""``inspector-app score``: judge a folder of images."""

from __future__ import annotations

import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from inspector_app.bootstrap import Inspector
from inspector_app.cli.console import DataDir, Exit, err, known_errors, opened, out
from inspector_app.cli.engines import judge_text, serving
from inspector_app.cli.interrupt import stop_on_interrupt
from inspector_app.cli.options import (
    AlignOption,
    EngineOption,
    LimitOptions,
    MaxDefectsOption,
    MeasureOption,
    MinAreaOption,
    MirrorOption,
    ModelOption,
    ReviewOption,
    ScaleOption,
    ThresholdOption,
    TileOption,
    ViewOption,
    ViewOptions,
    bare_basis,
    check_left_to_recipe,
    existing,
    recipe_basis,
)
from inspector_app.cli.places import check_place, check_tables
from inspector_app.cli.progress import print_json, progress_bar
from inspector_app.cli.stages import tell_costs, write_costs
from inspector_app.cli.tables import summary_table
from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.inspection import Identity, MeasureAt
from inspector_app.core.protocols import HistoryFilter, RunState
from inspector_app.core.verdict import Verdict
from inspector_app.engines.cores import side_by_side, usable_cores
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.batch import BatchOutcome, BatchProgress, BatchService
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.export import export_defects, export_images
from inspector_app.services.goldens import GoldenCache
from inspector_app.services.plan import BatchItem, plan_folder, plan_pairs
from inspector_app.services.savers import check_picture_folders
from inspector_app.services.stages import StageTimes

TOLD = 10
"""Images named on the screen, of those rejected and of those not inspected."""


@dataclass(frozen=True)
class Outputs:
    """Where the results go besides the database."""

    csv: Path | None = None
    defects_csv: Path | None = None
    json_lines: bool = False
    stages: bool = False
    stages_json: Path | None = None
    name_rejects: bool = True


def score(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="The folder of test images.")] = None,
    golden: Annotated[
        Path | None, typer.Option(help="One golden, or a folder of goldens of the same names.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="A CSV with the columns test, golden and, if wanted, truth.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="A stored recipe: NAME or NAME@REVISION.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Annotations: masks, LabelMe or COCO.")] = None,
    recursive: Annotated[bool, typer.Option("--recursive", help="Subfolders too.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write one row an image.")] = None,
    defects_csv: Annotated[Path | None, typer.Option(help="Write one row a defect.")] = None,
    save_overlays: Annotated[
        Path | None, typer.Option(help="Write pictures with the mask over them.")
    ] = None,
    save_masks: Annotated[Path | None, typer.Option(help="Write the masks, on the measuring grid.")] = None,
    fail_on_defect: Annotated[
        bool, typer.Option("--fail-on-defect", help="Exit code 4 when any image is FAIL or REVIEW.")
    ] = False,
    engine: EngineOption = EngineChoice.AUTO,
    model: ModelOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the same run where it stopped.")] = False,
    json_lines: Annotated[
        bool, typer.Option("--json", help="A line for each image, once it is committed.")
    ] = False,
    measure_at: MeasureOption = MeasureAt.NATIVE,
    threshold: ThresholdOption = None,
    review_threshold: ReviewOption = None,
    min_area: MinAreaOption = None,
    max_defects: MaxDefectsOption = None,
    align: AlignOption = "none",
    view: ViewOption = "whole",
    scale: ScaleOption = 1.0,
    tile: TileOption = None,
    mirror: MirrorOption = None,
    lot: Annotated[str, typer.Option(help="Recorded with each image.")] = "",
    operator: Annotated[str, typer.Option(help="Recorded with each image.")] = "",
    batch_size: Annotated[
        int,
        typer.Option(min=0, max=256, help="Images given to the network at once; 0: measured at the start."),
    ] = 0,
    workers: Annotated[
        int,
        typer.Option(min=0, max=256, help="Images in work at the same time; 0: by the cores and the engine."),
    ] = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="Threads of a CPU engine for each image in work; 0: one.")
    ] = 0,
    stages: Annotated[
        bool, typer.Option("--stages", help="Say what each stage cost, also after a short run.")
    ] = False,
    stages_json: Annotated[Path | None, typer.Option(help="Write what each stage cost as JSON.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Judge every image of FOLDER against its golden, record the verdicts, and say how it went.

    Exit codes: 0 scored; 2 wrong usage; 3 some images could not be inspected; 4 some failed and
    --fail-on-defect was given (3 wins); 130 stopped by Ctrl-C, with all that was done kept.
    """
    limits = LimitOptions(threshold, min_area, review_threshold, max_defects)
    views = ViewOptions(view, scale, tile, mirror)
    with known_errors(), opened(data_dir) as inspector:
        _check_usage(folder, golden, pairs, recipe)
        check_left_to_recipe(context, recipe)
        if recipe and model:
            raise KeeperError("usage", "A recipe names its own model; change it in the recipe.")
        check_tables(csv, defects_csv)
        check_place(stages_json)
        root, items = _plan(folder, golden, pairs, recursive)
        check_golden(golden)
        basis = (
            recipe_basis(inspector, recipe, measure_at)
            if recipe
            else bare_basis(
                inspector.find_model(model or inspector.settings.default_model).manifest,
                model or inspector.settings.default_model,
                limits,
                align,
                measure_at,
                views,
            )
        )
        job = BatchJob(
            label=root.name or str(root),
            root=root,
            items=items,
            settings=basis.settings,
            goldens=basis.goldens,
            truth_dir=existing(truth, "folder of annotations").absolute() if truth else None,
            identity=Identity(lot=lot, operator=operator, station=inspector.settings.station),
            masks_dir=save_masks,
            overlays_dir=save_overlays,
            grid=basis.grid,
            resume=resume,
            batch_size=batch_size,
            workers=workers,
        )
        check_picture_folders(job, recursive)
        outputs = Outputs(csv, defects_csv, json_lines, stages, stages_json)
        with serving(inspector, basis.model, engine, threads, side_by_side(threads)) as service:
            outcome = run_job(inspector, inspector.batch(service), job, outputs, judge_text(service, job))
    raise typer.Exit(exit_code(outcome, fail_on_defect))


def run_job(
    inspector: Inspector, batch: BatchService, job: BatchJob, outputs: Outputs, judged_by: str = ""
) -> BatchOutcome:
    """Run with a bar, then write the CSV files and print the totals; ``judged_by``: see ``judge_text``.

    Raises:
        KeeperError: a fault in the middle (a full disk) ends the run; what was committed is kept.
    """
    times = StageTimes()
    with progress_bar(quiet=False) as bar, stop_on_interrupt() as stop:
        task = bar.add_task("scoring", total=len(job.items))
        done = 0

        def on_progress(progress: BatchProgress) -> None:
            nonlocal done
            done = progress.skipped + progress.done
            bar.update(task, completed=done)
            if outputs.json_lines:
                for record in progress.records:
                    print_json(record)

        def on_part(images: float) -> None:
            # A large image takes a minute; the bar must not look dead so long.
            bar.update(task, completed=max(done, images))

        try:
            outcome = batch.run(job, on_progress, stop.is_set, times, on_part)
        except BrokenPipeError:
            # Whoever read the lines has gone; what was committed is kept.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            raise typer.Exit(Exit.INTERRUPTED) from None
    with times.stage("tables"):
        write_csv(inspector, outcome.run_id, outputs)
    costs = times.report(outcome.scored, usable_cores())
    console = err() if outputs.json_lines else out()
    if job.resume:
        console.print(f"{outcome.skipped} images were scored before; {outcome.scored} anew.")
    if outcome.gone:
        console.print(f"{outcome.gone} that were scored before are gone, and left out of the run.")
    if judged_by:
        console.print(f"Judged by {judged_by}.", markup=False)
    console.print(summary_table(outcome.summary, job.settings.measure_at.value))
    if job.truth_dir is not None and not outcome.summary.annotated:
        console.print(f"No annotation in {job.truth_dir} belongs to any of these images.", markup=False)
    if outputs.name_rejects and not outputs.json_lines:
        _name_images(inspector, outcome, (Verdict.FAIL, Verdict.REVIEW), console)
    _name_images(inspector, outcome, (Verdict.ERROR,), console)
    tell_costs(costs, outputs.stages, console)
    if outputs.stages_json is not None:
        write_costs(costs, outputs.stages_json)
    console.print(
        f"run {outcome.run_id} ({outcome.state.value}), recorded in {inspector.data_dir}", markup=False
    )
    return outcome


def _name_images(
    inspector: Inspector, outcome: BatchOutcome, verdicts: tuple[Verdict, ...], console: Console
) -> None:
    """The first few images with one of these verdicts, each with its reason."""
    count = sum(outcome.summary.verdicts.get(verdict, 0) for verdict in verdicts)
    wanted = HistoryFilter(run_id=outcome.run_id, verdicts=verdicts)
    for record in itertools.islice(inspector.store.iterate(wanted), TOLD):
        code = f" ({record.error_code})" if record.verdict is Verdict.ERROR else ""
        console.print(f"{record.verdict.value} {record.image.name}: {record.reason}{code}", markup=False)
    if count > TOLD:
        more = f"... and {count - TOLD} more: inspector-app export --run {outcome.run_id} --csv FILE names them all."
        console.print(more, markup=False)


def write_csv(inspector: Inspector, run_id: int, outputs: Outputs) -> None:
    """The CSV files of one run, from the database."""
    wanted = HistoryFilter(run_id=run_id)
    if outputs.csv:
        export_images(inspector.store, wanted, outputs.csv)
    if outputs.defects_csv:
        export_defects(inspector.store, wanted, outputs.defects_csv)


def exit_code(outcome: BatchOutcome, fail_on_defect: bool) -> Exit:
    """See ``score``. REVIEW is a reject until a person decides, and counts as failed."""
    verdicts = outcome.summary.verdicts
    if outcome.state is not RunState.DONE:
        return Exit.INTERRUPTED
    if verdicts.get(Verdict.ERROR):
        return Exit.NOT_INSPECTED
    if fail_on_defect and (verdicts.get(Verdict.FAIL) or verdicts.get(Verdict.REVIEW)):
        return Exit.FAILED
    return Exit.OK


def _check_usage(
    folder: Path | None,
    golden: Path | None,
    pairs: Path | None,
    recipe: str | None,
) -> None:
    given = [
        name for name, value in (("--golden", golden), ("--pairs", pairs), ("--recipe", recipe)) if value
    ]
    if len(given) != 1:
        said = " and ".join(given) or "none"
        raise KeeperError("usage", f"Give exactly one of --golden, --pairs and --recipe (given: {said}).")
    if (folder is None) != (pairs is not None):
        raise KeeperError("usage", "Give a FOLDER, or --pairs alone.")


def check_golden(golden: Path | None) -> None:
    """One golden that cannot be read would be every image's error.

    Raises:
        KeeperError: ``golden_unreadable``.
    """
    if golden is not None and golden.is_file():
        frame = GoldenCache().frame(golden)
        if isinstance(frame, InspectorError):
            raise frame


def _plan(
    folder: Path | None, golden: Path | None, pairs: Path | None, recursive: bool
) -> tuple[Path, tuple[BatchItem, ...]]:
    if pairs is not None:
        return pairs.absolute().parent, plan_pairs(pairs)
    assert folder is not None
    return folder.absolute(), plan_folder(folder, golden, recursive)
