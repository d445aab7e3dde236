"""``inspector-app doctor``: what is installed, which engines work and why the others do not."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from inspector_app import __version__
from inspector_app.bootstrap import model_folders
from inspector_app.cli.console import DataDir, Exit, known_errors, opened, out, say_error
from inspector_app.cli.gpu import check_gpu
from inspector_app.core.errors import InspectorError
from inspector_app.engines.models import available_models, find_model, load_model
from inspector_app.engines.registry import open_engine, probe_engines, self_check
from inspector_app.settings.app_settings import AppSettings
from inspector_app.settings.data_dir import data_dir as choose_data_dir

PACKAGES = (
    "numpy", "opencv-python-headless", "onnxruntime-gpu", "onnxruntime", "openvino", "tensorrt", "cuda-bindings", "PySide6-Essentials",
    "pyqtgraph", "SQLAlchemy", "alembic", "pydantic", "torch",
)  # fmt: skip


def doctor(
    model: Annotated[str | None, typer.Option(help="Try the engines with this model.")] = None,
    gpu: Annotated[
        bool,
        typer.Option(
            "--gpu", help="Only: build on the GPU, compare with onnxruntime, time, and print the table."
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Check this installation: packages, data folder, engines, and every model against its stored outputs."""
    console = out()
    console.print(f"Inspector {__version__}, Python {platform.python_version()}, {platform.platform()}")
    folder = choose_data_dir(data_dir, os.environ)
    console.print(f"data folder: {folder}", markup=False)
    with known_errors():
        if gpu:
            with opened(data_dir) as inspector:
                healthy = check_gpu(console, inspector, model or inspector.settings.default_model)
        else:
            settings, healthy = _settings(data_dir)
            folders = model_folders(folder)
            console.print(_packages())
            healthy = _models(console, available_models(folders)) and healthy
            healthy = _engines(console, model or settings.default_model, folders) and healthy
    console.print("[green]All is well.[/]" if healthy else "[bold red]Something is wrong; see above.[/]")
    raise typer.Exit(Exit.OK if healthy else Exit.NOT_INSPECTED)


def _settings(data_dir: Path | None) -> tuple[AppSettings, bool]:
    """The settings of the data folder, or the defaults where it cannot be opened: then the rest is looked at all the
    more."""
    try:
        with opened(data_dir) as inspector:
            return inspector.settings, True
    except InspectorError as error:
        say_error(error)
        return AppSettings(), False


def _packages() -> Table:
    table = Table("package", "version", header_style="bold")
    for name in PACKAGES:
        try:
            table.add_row(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            table.add_row(name, "[dim]not installed[/]")
    return table


def _models(console: Console, installed: Mapping[str, Path]) -> bool:
    """Every installed model against its stored outputs; False when one fails."""
    table = Table("model", "self-check on the engine that `auto` takes", "licence", header_style="bold")
    healthy = True
    for name, folder in sorted(installed.items()):
        said, licence, good = _check_model(folder)
        table.add_row(escape(name), said, escape(licence))
        healthy = healthy and good
    console.print(table)
    return healthy


def _check_model(folder: Path) -> tuple[str, str, bool]:
    try:
        model = load_model(folder)
        engine = open_engine(model)
        difference = self_check(engine, model)
        engine.close()
    except InspectorError as error:
        return f"[red]{escape(str(error))}[/]", "", False
    if difference is None:
        return "nothing stored to compare with", model.manifest.licence, True
    return f"[green]passed[/], off by at most {difference:.1e}", model.manifest.licence, True


def _engines(console: Console, name: str, folders: Sequence[Path]) -> bool:
    table = Table("engine", f"with {name}", "what would help", header_style="bold")
    works = False
    for label, refusal in probe_engines(find_model(name, folders)):
        if refusal is None:
            works = True
            table.add_row(label, "[green]works[/]", "")
        else:
            table.add_row(label, f"[yellow]no: {escape(refusal.reason)}[/]", escape(refusal.hint))
    console.print(table)
    return works
