"""``inspector-app``: the commands, and the window when there is none."""

from __future__ import annotations

from typing import Annotated

import typer

from inspector_app import __version__
from inspector_app.cli import bench, demo, doctor, evaluate, export, models, recipe, runs, score, spec, train
from inspector_app.cli.console import DataDir, known_errors
from inspector_app.cli.window import show_window

app = typer.Typer(
    name="inspector-app",
    help="Compare test images with a golden, decide, record. Without a command the window opens.",
    no_args_is_help=False,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"inspector-app {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    data_dir: DataDir = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Compare test images with a golden, decide, record. Without a command the window opens."""
    if context.invoked_subcommand is None:
        with known_errors():
            raise typer.Exit(show_window(context, data_dir))


app.command("score")(score.score)
app.command("export")(export.export)
app.command("runs")(runs.runs)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)
app.command("evaluate")(evaluate.evaluate)
app.command("infer")(spec.infer)
app.command("train")(train.train)
app.command("export-model")(train.export_model)
app.add_typer(train.dataset_app, name="dataset")
app.add_typer(recipe.recipe_app, name="recipe")
app.add_typer(models.models_app, name="models")
