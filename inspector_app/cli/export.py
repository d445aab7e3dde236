"""``inspector-app export``: recorded results as CSV."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from inspector_app.cli.console import DataDir, known_errors, opened, out
from inspector_app.cli.places import check_tables
from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.verdict import Verdict
from inspector_app.services.export import export_defects, export_images

ALL_RUNS = 1_000_000


def export(
    csv: Annotated[Path | None, typer.Option(help="Write one row an image.")] = None,
    defects_csv: Annotated[Path | None, typer.Option(help="Write one row a defect.")] = None,
    run: Annotated[int | None, typer.Option(help="Only this run.")] = None,
    recipe: Annotated[str, typer.Option(help="Only this recipe.")] = "",
    revision: Annotated[int | None, typer.Option(min=1, help="Only this revision of the recipe.")] = None,
    lot: Annotated[str, typer.Option(help="Only this lot.")] = "",
    serial: Annotated[str, typer.Option(help="Only the unit of this serial number.")] = "",
    operator: Annotated[str, typer.Option(help="Only what this operator inspected.")] = "",
    verdict: Annotated[list[Verdict] | None, typer.Option(help="Only these verdicts.")] = None,
    since: Annotated[datetime | None, typer.Option(help="From this local time on.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Up to this local time.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write recorded inspections and defects to CSV: the same rows as `score` wrote."""
    with known_errors(), opened(data_dir, only_look=True) as inspector:
        if csv is None and defects_csv is None:
            raise KeeperError("usage", "Say where to write: --csv FILE, --defects-csv FILE, or both.")
        if revision is not None and not recipe:
            raise KeeperError("usage", "A revision is one of a recipe: add --recipe NAME.")
        check_tables(csv, defects_csv)
        if run is not None and run not in {each.id for each in inspector.store.runs(ALL_RUNS)}:
            raise KeeperError("run_missing", f"There is no run {run}.", "List them: inspector-app runs")
        wanted = HistoryFilter(
            run_id=run,
            recipe=recipe,
            recipe_revision=revision,
            lot=lot,
            serial=serial,
            operator=operator,
            verdicts=tuple(verdict or ()),
            since=since.astimezone() if since else None,
            until=until.astimezone() if until else None,
        )
        if csv:
            out().print(f"{export_images(inspector.store, wanted, csv)} images in {csv}", markup=False)
        if defects_csv:
            rows = export_defects(inspector.store, wanted, defects_csv)
            out().print(f"{rows} defects in {defects_csv}", markup=False)
