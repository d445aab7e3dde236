"""``inspector-app bench``: how fast a model runs here."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from inspector_app.cli.console import DataDir, known_errors, opened, out
from inspector_app.cli.options import EngineOption, ModelOption, ThreadsOption
from inspector_app.core.errors import KeeperError
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.bench import bench_engine


def bench(
    model: ModelOption = None,
    engine: EngineOption = EngineChoice.AUTO,
    batches: Annotated[str, typer.Option(help="Batch sizes, with commas.")] = "1,4,8",
    repeats: Annotated[int, typer.Option(min=1, help="Measurements of each.")] = 15,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    threads: ThreadsOption = 0,
    data_dir: DataDir = None,
) -> None:
    """Time a model's network on an engine; ratios compare with the first batch size of the same run."""
    with known_errors(), opened(data_dir) as inspector:
        sizes = _sizes(batches)
        service = inspector.open_service(model or inspector.settings.default_model, engine, threads)
        rows = bench_engine(service.engine, inspector.clock, sizes, repeats)
        info, manifest = service.engine.info, service.engine.manifest
    if json_out:
        typer.echo(
            json.dumps({"model": manifest.name, "engine": info.label, "rows": [asdict(r) for r in rows]})
        )
        return
    spec = manifest.input
    out().print(
        f"{manifest.name}, {spec.width} x {spec.height}, {info.label}, {info.precision}", markup=False
    )
    kept = f"computed for each image: {info.golden_note}" if info.golden_note else "computed once and kept"
    out().print(f"golden: {kept}", markup=False)
    table = Table("batch", "median ms/image", "95% ms/image", "images/s", "ratio", header_style="bold")
    for row in rows:
        figures = (row.median_ms, row.p95_ms, row.per_second, row.ratio)
        table.add_row(str(row.batch), *(f"{figure:.2f}" for figure in figures))
    out().print(table)


def _sizes(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdigit() and 0 < int(part) <= 256 for part in parts):
        raise KeeperError(
            "option_invalid", f"Batch sizes are numbers from 1 to 256 with commas, not “{text}”."
        )
    return tuple(dict.fromkeys(int(part) for part in parts))
