"""``inspector-app models``: list, show, add, verify and optimise models, and choose the default one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from inspector_app.bootstrap import Inspector
from inspector_app.cli.console import DataDir, Exit, err, known_errors, opened, out
from inspector_app.cli.model_tables import cost_table, manifest_table, report_lines, report_table
from inspector_app.cli.options import (
    AlignOption,
    LimitOptions,
    MinAreaOption,
    ThreadsOption,
    ThresholdOption,
    bare_basis,
    existing,
)
from inspector_app.cli.train_recipe_output import measures_table, trained_line
from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import MeasureAt
from inspector_app.core.report_file import read_report
from inspector_app.engines.cost import count_cost
from inspector_app.engines.models import TRAINING_REPORT, UNDESCRIBED, Model
from inspector_app.services.calibration_set import plan_calibration
from inspector_app.services.model_install import add_model
from inspector_app.services.model_library import (
    Verification,
    list_models,
    model_card,
    model_report,
    verify_model,
)
from inspector_app.services.model_variants import SUFFIXES
from inspector_app.services.optimisation import OptimiseRequest, optimise
from inspector_app.services.optimise import Precision
from inspector_app.services.training_report import TrainingReport

models_app = typer.Typer(help="The networks: list, check, add and optimise them.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="A model's name, or the path of its folder or ONNX file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@models_app.command("list")
def list_(json_out: JsonOption = False, data_dir: DataDir = None) -> None:
    """List every installed model, and whether its file is the one that its manifest describes."""
    with known_errors(), opened(data_dir, only_look=True) as inspector:
        entries = list_models(inspector.models())
        default = inspector.settings.default_model
    if json_out:
        rows = [
            {
                "name": entry.name,
                "default": entry.name == default,
                "folder": str(entry.folder.resolve()),
                "problem": entry.problem,
                "manifest": entry.manifest.model_dump(mode="json") if entry.manifest else None,
            }
            for entry in entries
        ]
        typer.echo(json.dumps(rows))
        return
    table = Table("model", "version", "precision", "licence", "file", "folder", header_style="bold")
    for entry in entries:
        facts = entry.manifest
        cells = (facts.version, facts.precision, facts.licence) if facts else ("", "", "")
        state = f"[red]{escape(entry.problem)}[/]" if entry.problem else "[green]verified[/]"
        name = f"{escape(entry.name)} [dim](default)[/]" if entry.name == default else escape(entry.name)
        table.add_row(name, *map(escape, cells), state, escape(str(entry.folder.resolve())))
    out().print(table)


@models_app.command("show")
def show(name: NameArgument, json_out: JsonOption = False, data_dir: DataDir = None) -> None:
    """Print a model's manifest, cost, scores and card, and the reports on its training and its variants of lower precision."""
    with known_errors(), opened(data_dir, only_look=True) as inspector:
        model = inspector.find_model(name)
        cost = count_cost(model)
        card = model_card(model.path.parent)
        report = model_report(name, model.path.parent, inspector.own_models)
        training = read_report(model.path.with_name(TRAINING_REPORT), TrainingReport)
    if json_out:
        facts = {
            "manifest": model.manifest.model_dump(mode="json"),
            "folder": str(model.path.parent.resolve()),
            "cost": {**asdict(cost), "macs": cost.macs},
            "card": card,
            "optimisation": report.model_dump(mode="json") if report else None,
            "training": training.model_dump(mode="json") if training else None,
        }
        typer.echo(json.dumps(facts))
        return
    console = out()
    console.print(manifest_table(model))
    console.print(cost_table(cost, model.manifest))
    if training is not None:
        console.print(measures_table(training))
        console.print(trained_line(training), markup=False)
    if report is not None:
        console.print(report_table(report))
        for line in report_lines(report):
            console.print(line, markup=False)
    if card:
        console.print(f"\n{card}", markup=False)


@models_app.command("add")
def add(
    path: Annotated[Path, typer.Argument(help="An ONNX file, or a folder with a manifest.")],
    name: Annotated[str | None, typer.Option(help="Its name here (default: the folder's or file's).")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the station's model of that name.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Copy a model into the data folder, after it has been loaded and run once."""
    with known_errors(), opened(data_dir) as inspector:
        # One that lies beside the caller only is looked for last, and hides nothing.
        model = add_model(path, name, inspector.lasting_models(), inspector.own_models, replace)
        out().print(f"{model.path.parent.name} is in {model.path.parent}", markup=False)
        told = model.manifest
        if told.description == UNDESCRIBED:
            err().print(
                f"No manifest lay beside it: it is taken for a TAO Visual ChangeNet export that judges at "
                f"{told.input.width} x {told.input.height}, threshold {told.judgement.threshold:g}, least area "
                f"{told.judgement.min_area_px} px. manifest.json in its folder says so, and can be changed.",
                markup=False,
                soft_wrap=True,
            )


@models_app.command("default")
def default(name: Annotated[str, typer.Argument(help="A model's name.")], data_dir: DataDir = None) -> None:
    """Choose the model that serves where no recipe and no --model names one."""
    with known_errors(), opened(data_dir) as inspector:
        model = inspector.find_model(name)
        chosen = name if name in inspector.models() else str(model.path.resolve())
        inspector.save_settings(inspector.settings.model_copy(update={"default_model": chosen}))
        out().print(f"the default model is now {chosen}", markup=False)


@models_app.command("verify")
def verify(
    name: Annotated[str | None, typer.Argument(help="A model's name or path (default: all).")] = None,
    json_out: JsonOption = False,
    data_dir: DataDir = None,
) -> None:
    """Check hash, interface, and the self-check on every engine that works here; exit code 3 when one fails."""
    with known_errors(), opened(data_dir, only_look=True) as inspector:
        chosen = sorted(inspector.models().items()) if name is None else [(name, _folder_of(inspector, name))]
        found = [verify_model(each, folder) for each, folder in chosen]
    if json_out:
        typer.echo(json.dumps([{**asdict(one), "sound": one.sound} for one in found]))
    else:
        absent = _absent_engines(found)
        out().print(_verify_table(found, absent))
        for reason in absent.values():
            out().print(reason, style="dim", markup=False)
    raise typer.Exit(Exit.OK if all(one.sound for one in found) else Exit.NOT_INSPECTED)


def _folder_of(inspector: Inspector, name: str) -> Path:
    folder = inspector.models().get(name)
    return folder if folder is not None else existing(Path(name), "model")


def _verify_table(found: Sequence[Verification], absent: Mapping[str, str]) -> Table:
    table = Table("model", "engine", "self-check", header_style="bold")
    for one in found:
        if one.problem:
            table.add_row(escape(one.name), "", f"[red]{escape(one.problem)}[/]")
        for engine in one.engines:
            if engine.engine in absent:
                continue
            if engine.reason:
                style = "red" if engine.suspect and not one.variant else "dim"
                said = f"[{style}]{escape(engine.reason)}[/]"
            elif engine.difference is None:
                said = "runs; nothing stored to compare with"
            else:
                said = f"[green]passed[/], off by at most {engine.difference:.1e}"
            table.add_row(escape(one.name), escape(engine.engine), said)
    return table


def _absent_engines(found: Sequence[Verification]) -> dict[str, str]:
    """Engines that run none of the models, for one and the same reason that is no model's fault, and that reason."""
    reasons: dict[str, set[str]] = {}
    for one in found:
        for engine in one.engines:
            reasons.setdefault(engine.engine, set()).add("" if engine.suspect else engine.reason)
    return {name: told.pop() for name, told in reasons.items() if len(told) == 1 and "" not in told}


@models_app.command("optimize")
def optimize(
    name: NameArgument,
    calibration: Annotated[
        list[Path],
        typer.Option(
            help="Images to measure on: a data set in TAO's layout, the demo's, or with --golden any folder."
        ),
    ],
    golden: Annotated[Path | None, typer.Option(help="The golden of a folder of images.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Annotations of a folder of images.")] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="float16, bfloat16 or int8 (default: all three).")
    ] = None,
    threshold: ThresholdOption = None,
    min_area: MinAreaOption = None,
    align: AlignOption = "none",
    rounds: Annotated[int, typer.Option(min=3, help="Repetitions of each timing.")] = 21,
    threads: ThreadsOption = 0,
    json_out: JsonOption = False,
    data_dir: DataDir = None,
) -> None:
    """Make copies in lower precision; keep those that judge alike, and on CPUs faster, as models of their own.

    Verdicts must not change on any image and pooled IoU must fall by less than 0.2 points. What was tried, and why it
    was refused, is printed and kept for `models show`.
    """
    with known_errors(), opened(data_dir) as inspector:
        model = inspector.find_model(name)
        base = name if name in inspector.models() else model.manifest.name
        limits = LimitOptions(threshold=threshold, min_area=min_area)
        basis = bare_basis(model.manifest, base, limits, align, MeasureAt.GRID_256)
        request = OptimiseRequest(
            name=base,
            model=_float32(model),
            items=plan_calibration([existing(each, "folder") for each in calibration], golden),
            settings=basis.settings,
            grid=basis.grid,
            root=calibration[0].absolute(),
            truth_dir=truth,
            sources=tuple(str(each.absolute()) for each in calibration),
            precisions=_precisions(precision),
            threads=threads,
            rounds=rounds,
        )
        console = err()
        report = optimise(
            request,
            inspector.shelf,
            inspector.service_of,
            inspector.clock,
            lambda text: console.print(text, style="dim", markup=False, soft_wrap=True),
        )
    if json_out:
        typer.echo(report.model_dump_json())
        return
    out().print(report_table(report))
    for line in report_lines(report):
        out().print(line, markup=False)


def _float32(model: Model) -> Model:
    if model.manifest.precision != "float32":
        raise KeeperError(
            "option_invalid",
            f"{model.manifest.name} is in {model.manifest.precision} already.",
            "Optimise the float32 model that it was made from.",
        )
    return model


def _precisions(asked: Sequence[str] | None) -> tuple[Precision, ...]:
    unknown = [text for text in asked or () if text not in SUFFIXES]
    if unknown:
        raise KeeperError("option_invalid", f"--precision is {', '.join(SUFFIXES)}, not “{unknown[0]}”.")
    return tuple(each for each in SUFFIXES if not asked or each in asked)
