"""Progress of a run: a bar on stderr, and a line of JSON for each image on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from inspector_app.cli.console import err
from inspector_app.core.inspection import InspectionRecord
from inspector_app.services.export import image_row


class RateColumn(ProgressColumn):
    """Images a second."""

    def render(self, task: Task) -> Text:
        """See rich."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "-/s", style="progress.data.speed")


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Progress]:
    """A bar with count, rate and time left; shown only on a terminal."""
    console = err()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        yield bar


def print_json(record: InspectionRecord) -> None:
    """One committed record as a line of JSON, out at once: whoever reads it may rely on the database."""
    sys.stdout.write(json.dumps(image_row(record), ensure_ascii=True) + "\n")
    sys.stdout.flush()
