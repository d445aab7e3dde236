"""``inspector-app evaluate``: the model card's measures of a model on annotated images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from inspector_app.bootstrap import Inspector
from inspector_app.cli.calibrate import CalibrateWish, run_calibration
from inspector_app.cli.console import DataDir, Exit, known_errors, opened, out
from inspector_app.cli.engines import judge_text
from inspector_app.cli.evaluate_job import (
    Scored,
    Wish,
    check_source,
    folds_line,
    judged_line,
    opened_job,
    scored_lists,
)
from inspector_app.cli.evaluate_output import (
    error_lines,
    folds_dict,
    folds_table,
    kinds_table,
    reliability_tables,
    remarks,
    report_dict,
)
from inspector_app.cli.options import (
    AlignOption,
    EngineOption,
    LimitOptions,
    MinAreaOption,
    MirrorOption,
    ModelOption,
    ScaleOption,
    ThreadsOption,
    ThresholdOption,
    TileOption,
    ViewOption,
    ViewOptions,
    check_left_to_recipe,
    given_options,
)
from inspector_app.cli.places import check_plot
from inspector_app.cli.spec import SpecOption, check_spec_alone, evaluate_by_spec, one_word
from inspector_app.cli.stress_output import stress_dict, stress_tables, stress_verdict
from inspector_app.cli.tables import summary_table
from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import MeasureAt
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.evaluate import EvaluationReport, Observation, check_kinds, observe, report
from inspector_app.services.folds import cross_validate
from inspector_app.services.stress import StressReport, observe_stress, perturbations, stress_report


def evaluate(
    context: typer.Context,
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
    good: Annotated[Path | None, typer.Option(help="A folder of good images, instead of a data set.")] = None,
    bad: Annotated[Path | None, typer.Option(help="A folder of bad images, beside --good.")] = None,
    golden: Annotated[Path | None, typer.Option(help="The golden of --good and --bad.")] = None,
    recipe: Annotated[str, typer.Option(help="Judge by a recipe: NAME or NAME@REVISION.")] = "",
    model: ModelOption = None,
    engine: EngineOption = EngineChoice.AUTO,
    measure_at: Annotated[
        MeasureAt, typer.Option("--measure-at", help="The grid on which pixels are counted.")
    ] = MeasureAt.GRID_256,
    threshold: ThresholdOption = None,
    min_area: MinAreaOption = None,
    align: AlignOption = "none",
    view: ViewOption = "whole",
    scale: ScaleOption = 1.0,
    tile: TileOption = None,
    mirror: MirrorOption = None,
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
    stressed: Annotated[
        bool, typer.Option("--stress", help="Measure under shift, turn, scale, light, blur and JPEG too.")
    ] = False,
    steps: Annotated[
        int, typer.Option("--stress-steps", min=1, max=10, help="Strengths of each nuisance, up to the most.")
    ] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Draws the directions of --stress.")] = 0,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Recommend threshold and least area for --target.")
    ] = False,
    target: Annotated[
        str, typer.Option(help="no-escapes, false-calls=0.5% (at most) or fewest-errors.")
    ] = "no-escapes",
    review: Annotated[bool, typer.Option("--review", help="Recommend a review threshold too.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves of --calibrate: FILE.svg.")] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Save what is recommended as the recipe's next revision.")
    ] = False,
    note: Annotated[str, typer.Option(help="Why, for --save.")] = "",
    json_out: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    threads: ThreadsOption = 0,
    data_dir: DataDir = None,
) -> None:
    """Measure a model on labelled images; nothing is recorded. With -e: as a spec file of TAO says.

    Exit codes: 0 measured; 2 wrong usage; 3 some images could not be inspected.
    """
    if spec is not None:
        with known_errors():
            check_spec_alone(context, "engine", "threads", "json_out")
        evaluate_by_spec(spec, words, engine, threads, json_out)
        return
    wish = Wish(
        _dataset(words), good, bad, golden, recipe, LimitOptions(threshold=threshold, min_area=min_area), align,
        ViewOptions(view, scale, tile, mirror), measure_at, engine, threads, tuple(without or ()), pixel_threshold,
    )  # fmt: skip
    with known_errors(), opened(data_dir, only_look=not save) as inspector:
        check_left_to_recipe(context, recipe)
        check_source(wish)
        if stressed and calibrate:
            raise KeeperError("option_invalid", "Give one of --stress and --calibrate.")
        if not calibrate:
            _refuse(context, "--calibrate", "target", "review", "plot", "save", "note")
        if not stressed:
            _refuse(context, "--stress", "steps", "seed")
        if calibrate and (given := given_options(context, ("without", "pixel_threshold"))):
            raise KeeperError(
                "option_invalid",
                f"--calibrate chooses limits for whole images; leave {', '.join(given)} out.",
            )
        if wish.dataset is None:
            _refuse(context, "a data set, not to --good and --bad", "split", "folds")
        check_plot(plot)
        scored = scored_lists(model, split, folds)
        if stressed:
            _stress(inspector, wish, scored, steps, seed, json_out)
        elif calibrate:
            of = recipe or model or inspector.settings.default_model
            asked = CalibrateWish(of, target, review, plot, save, note)
            _end(run_calibration(inspector, wish, asked, scored, json_out).errors)
        elif folds is not None:
            _evaluate_folds(inspector, wish, scored, json_out)
        else:
            _evaluate_one(inspector, wish, scored[0], json_out)


def _dataset(words: list[str] | None) -> Path | None:
    with known_errors():
        return Path(*one_word(words, "a DATASET")) if words else None


def _refuse(context: typer.Context, owner: str, *names: str) -> None:
    given = given_options(context, names)
    if given:
        raise KeeperError("option_invalid", f"{', '.join(given)} belong{'s' * (len(given) == 1)} to {owner}.")


def _evaluate_one(inspector: Inspector, wish: Wish, scored: Scored, json_out: bool) -> None:
    with opened_job(inspector, wish, scored.model, scored.split) as (service, job, on_done):
        judged_by = judge_text(service, job)
        observed = observe(service, job, on_done)
    check_kinds(observed, wish.without)
    found = report(observed, wish.without, wish.pixel_threshold)
    if json_out:
        typer.echo(json.dumps({"judged_by": judged_by, **report_dict(found)}))
    else:
        out().print(f"Judged by {judged_by}.", markup=False)
        _print_report(found, wish.measure_at)
    _end(found.errors)


def _end(errors: Sequence[Observation]) -> None:
    if errors:
        raise typer.Exit(Exit.NOT_INSPECTED)


def _evaluate_folds(inspector: Inspector, wish: Wish, scored: Sequence[Scored], json_out: bool) -> None:
    found = cross_validate(
        len(scored),
        lambda fold: _observe(inspector, wish, scored[fold]),
        wish.without,
        wish.pixel_threshold,
    )
    if json_out:
        typer.echo(json.dumps(folds_dict(found)))
    else:
        out().print(folds_line(scored), markup=False)
        _print_report(found.pooled, wish.measure_at)
        out().print(folds_table(found))
    _end(found.pooled.errors)


def _stress(
    inspector: Inspector, wish: Wish, scored: Sequence[Scored], steps: int, seed: int, json_out: bool
) -> None:
    planned, parts, judges = perturbations(steps), [], []
    for one in scored:
        with opened_job(inspector, wish, one.model, one.split) as (service, job, on_done):
            judges.append(judge_text(service, job))
            parts.append(observe_stress(service, job, planned, seed, on_done))
    found = stress_report(parts, planned, wish.without, wish.pixel_threshold)
    if json_out:
        typer.echo(json.dumps({"judged_by": "; ".join(judges), **stress_dict(found)}))
    else:
        out().print(judged_line(scored, judges), markup=False)
        _print_stress(found)
    _end(found.errors)


def _print_stress(found: StressReport) -> None:
    for table in stress_tables(found):
        out().print(table)
    for line in (*error_lines(found.errors), stress_verdict(found)):
        out().print(line, markup=False)


def _observe(inspector: Inspector, wish: Wish, scored: Scored) -> tuple[Observation, ...]:
    with opened_job(inspector, wish, scored.model, scored.split) as (service, job, on_done):
        return observe(service, job, on_done)


def _print_report(found: EvaluationReport, measure_at: MeasureAt) -> None:
    out().print(summary_table(found.total, measure_at.value, with_csv=False))
    out().print(kinds_table(found))
    for table in reliability_tables(found):
        out().print(table)
    for line in remarks(found):
        out().print(line, markup=False)
