"""``inspector-app evaluate --calibrate``: recommend limits, draw what they do, save them when told to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from inspector_app.bootstrap import Inspector
from inspector_app.cli.calibrate_output import calibration_dict, calibration_lines, curve_table
from inspector_app.cli.calibrate_plot import calibration_svg
from inspector_app.cli.console import err, out
from inspector_app.cli.engines import judge_text
from inspector_app.cli.evaluate_job import Scored, Wish, judged_line, opened_job
from inspector_app.cli.evaluate_output import error_lines, reliability_tables
from inspector_app.cli.options import find_revision
from inspector_app.cli.recipe import login_name
from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write
from inspector_app.core.limit_choice import Target
from inspector_app.services.calibrate import Calibration, calibrate, collect, pool
from inspector_app.services.evaluate import EvaluationReport


@dataclass(frozen=True)
class CalibrateWish:
    """What ``--calibrate`` is to do with what it finds; ``of`` names the recipe or model in the plot."""

    of: str
    target: str = "no-escapes"
    review: bool = False
    plot: Path | None = None
    save: bool = False
    note: str = ""


def run_calibration(
    inspector: Inspector, wish: Wish, asked: CalibrateWish, scored: Sequence[Scored], json_out: bool
) -> EvaluationReport:
    """Score the labelled images of every list with its model, recommend, print, draw and save; the measures under the
    limits that stand now are returned.

    Raises:
        KeeperError: the options do not fit, a kind of image is missing, or something cannot be written.
    """
    target = Target.parse(asked.target)
    if asked.save and not (wish.recipe and asked.note.strip()):
        raise KeeperError("option_invalid", "--save needs --recipe and a --note that says why.")
    if asked.save:
        _check_savable(inspector, wish, scored)
    parts, judges = [], []
    for one in scored:
        with opened_job(inspector, wish, one.model, one.split) as (service, job, on_done):
            judges.append(judge_text(service, job))
            parts.append(collect(service, job, on_done))
    found = calibrate(pool(parts), target, asked.review)
    if json_out:
        typer.echo(json.dumps({"judged_by": "; ".join(judges), **calibration_dict(found)}))
    else:
        out().print(judged_line(scored, judges), markup=False)
        _print(found, asked.review)
    if asked.plot is not None:
        atomic_write(asked.plot, calibration_svg(found, f"Calibration of {asked.of}").encode())
        err().print(f"plot in {asked.plot}", markup=False)
    if asked.save:
        _save(inspector, wish, found, asked.note)
    return found.scored


def _print(found: Calibration, asked_review: bool) -> None:
    out().print(curve_table(found))
    for table in reliability_tables(found.scored):
        out().print(table)
    for line in (*error_lines(found.scored.errors), *calibration_lines(found, asked_review)):
        out().print(line, markup=False)


def _check_savable(inspector: Inspector, wish: Wish, scored: Sequence[Scored]) -> None:
    """Limits are saved for the model and the revision that they were found with. The models of folds stand for
    the recipe's own.

    Raises:
        KeeperError: ``option_invalid``.
    """
    revision = find_revision(inspector, wish.recipe)
    newest = inspector.recipes.get(revision.recipe.name).revision
    if revision.revision != newest:
        raise KeeperError(
            "option_invalid",
            f"--save would make an old revision ({revision.revision}) the newest: the recipe is at {newest}.",
            f"Calibrate {revision.recipe.name} itself.",
        )
    (model, *folds) = [one.model for one in scored]
    if model not in (None, revision.recipe.model) and not folds:
        raise KeeperError(
            "option_invalid",
            f"--save would give the recipe limits that were found with {model}, but it judges with "
            f"{revision.recipe.model}.",
            "Leave out --model, or give the recipe that model first: recipe set-model.",
        )


def _save(inspector: Inspector, wish: Wish, found: Calibration, note: str) -> None:
    recipe = find_revision(inspector, wish.recipe).recipe
    limits = found.limits(recipe.limits)
    if recipe.limits.review_threshold is not None and limits.review_threshold is None:
        err().print(
            "The review threshold is gone: it lies above the new threshold. --review recommends another."
        )
    changed = recipe.model_copy(update={"limits": limits})
    saved = inspector.recipes.save_revision(changed, login_name(), note)
    err().print(f"{saved.recipe.name} is now at revision {saved.revision}", markup=False)
