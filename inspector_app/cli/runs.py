"""``inspector-app runs``: what was scored."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from inspector_app.cli.console import DataDir, known_errors, opened, out
from inspector_app.core.protocols import RunInfo, RunState
from inspector_app.core.verdict import Verdict

STATES = {RunState.RUNNING: "running, or cut off", RunState.DONE: "done", RunState.STOPPED: "stopped"}


def runs(
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20, data_dir: DataDir = None
) -> None:
    """List the newest batch runs."""
    with known_errors(), opened(data_dir, only_look=True) as inspector:
        table = Table(header_style="bold")
        for name in ("run", "started", "state", "images", *(verdict.value for verdict in Verdict)):
            table.add_column(name, justify="left" if name in ("started", "state") else "right")
        for name in ("recipe", "model", "folder"):
            table.add_column(name, overflow="fold")
        for run in inspector.store.runs(limit):
            started = run.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
            counts = [str(run.verdicts.get(verdict, 0)) for verdict in Verdict]
            table.add_row(
                str(run.id),
                started,
                STATES[run.state],
                str(run.n_images),
                *counts,
                escape(_recipe_of(run.info)),
                escape(run.info.model),
                escape(run.info.folder),
            )
        out().print(table)


def _recipe_of(info: RunInfo) -> str:
    """``NAME@REVISION``, or nothing where a bare golden judged."""
    settings = json.loads(info.settings_json)
    return f"{settings['recipe']}@{settings['revision']}" if settings.get("recipe") else ""
