"""What the commands share: consoles, exit codes, and the one place where errors become sentences."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from inspector_app.bootstrap import Inspector, open_inspector
from inspector_app.core.errors import InspectorError

PIPE_WIDTH = 180
"""Columns of tables that go to a file or a pipe."""


class Exit(IntEnum):
    """The exit codes of every command; 1 is left to crashes."""

    OK = 0
    USAGE = 2
    NOT_INSPECTED = 3
    FAILED = 4
    INTERRUPTED = 130


def _data_dir(context: typer.Context, value: Path | None) -> Path | None:
    """``--data-dir`` counts before the command's name too."""
    outer: Path | None = context.find_root().params.get("data_dir")
    return value or outer


DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        callback=_data_dir,
        help="The data folder (default: INSPECTOR_DATA, else the user's own).",
    ),
]


def out() -> Console:
    """For results. In a file or a pipe a table may be as wide as it needs."""
    return (
        Console(highlight=False)
        if sys.stdout.isatty()
        else Console(width=PIPE_WIDTH, soft_wrap=True, highlight=False)
    )


def err() -> Console:
    """For progress and errors."""
    return Console(stderr=True, highlight=False)


@contextmanager
def known_errors() -> Iterator[None]:
    """Turn a known fault into its sentence and exit code 2; a bug keeps its traceback and exit code 1."""
    try:
        yield
    except InspectorError as error:
        say_error(error)
        raise typer.Exit(Exit.USAGE) from error


def say_error(error: InspectorError) -> None:
    """One sentence on stderr, and what to do about it."""
    console = err()
    console.print(f"[bold red]Error[/] ({error.code}): ", end="")
    console.print(error.message, markup=False)
    if error.hint:
        console.print(error.hint, markup=False)


@contextmanager
def opened(data_dir: Path | None, only_look: bool = False) -> Iterator[Inspector]:
    """The wired program, closed at the end. ``only_look``: a data folder that may not be written serves too."""
    inspector = open_inspector(data_dir, only_look=only_look)
    try:
        yield inspector
    finally:
        inspector.close()
