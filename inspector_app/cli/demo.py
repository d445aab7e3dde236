"""``inspector-app demo``: the bundled images, down the whole line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspector_app.cli.console import DataDir, known_errors, opened, out
from inspector_app.cli.engines import serving
from inspector_app.cli.options import EngineOption, LimitOptions, bare_basis
from inspector_app.cli.score import Outputs, exit_code, run_job
from inspector_app.cli.tables import verdict_table
from inspector_app.cli.window import has_display, show_window
from inspector_app.core.files import ensure_folder
from inspector_app.core.inspection import Identity, MeasureAt
from inspector_app.core.protocols import HistoryFilter
from inspector_app.engines.cores import side_by_side
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.plan import plan_demo

MODEL = "generic"


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--out", help="Where to write the two CSV files.")] = Path(
        "demo-out"
    ),
    window: Annotated[bool, typer.Option(help="Open the window on the run, if there is a display.")] = True,
    engine: EngineOption = EngineChoice.AUTO,
    data_dir: DataDir = None,
) -> None:
    """Score the bundled demo set with the bundled model, write its CSV files, and open the window on it."""
    with known_errors():
        with opened(data_dir) as inspector:
            root = inspector.demo_folder()
            basis = bare_basis(
                inspector.find_model(MODEL).manifest, MODEL, LimitOptions(), "none", MeasureAt.NATIVE
            )
            job = BatchJob(
                label="demo",
                identity=Identity(station=inspector.settings.station),
                root=root,
                items=plan_demo(root),
                settings=basis.settings,
                grid=basis.grid,
            )
            ensure_folder(folder)
            outputs = Outputs(folder / "demo.csv", folder / "demo_defects.csv", name_rejects=False)
            with serving(inspector, MODEL, engine, parallel=side_by_side()) as service:
                outcome = run_job(inspector, inspector.batch(service), job, outputs)
            console = out()
            console.print(verdict_table(list(inspector.store.iterate(HistoryFilter(run_id=outcome.run_id)))))
            for path in (outputs.csv, outputs.defects_csv):
                if path is not None:
                    console.print(f"wrote {path.resolve()}", markup=False)
        code = int(exit_code(outcome, fail_on_defect=False))
        if window and not has_display():
            out().print("There is no display, so the window stays closed.")
        if window and has_display() and code == 0:
            code = show_window(context, data_dir, outcome.run_id)
    raise typer.Exit(code)
