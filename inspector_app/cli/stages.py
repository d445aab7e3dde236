"""What a run cost, stage by stage."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from inspector_app.core.files import atomic_write
from inspector_app.services.stages import StageReport

TOLD_FROM = 100
"""Images from which a run says what it cost without being asked."""


def tell_costs(costs: StageReport, wanted: bool, console: Console) -> None:
    """One line after a long run; every stage when that is ``wanted``."""
    if not costs.images or not (wanted or costs.images >= TOLD_FROM):
        return
    if wanted:
        console.print(_table(costs))
    each = 1000.0 * costs.cpu_s / costs.images
    console.print(
        f"{costs.images} images in {costs.wall_s:.1f} s: {costs.rate:.1f}/s, {each:.1f} ms of processor time each, "
        f"{100 * costs.share_of_possible:.0f}% of what {costs.cores} cores could do"
    )


def write_costs(costs: StageReport, path: Path) -> None:
    """As JSON: images, wall_s, cores, stages (CPU seconds by name), rate and share_of_possible.

    Raises:
        KeeperError: the file cannot be written.
    """
    content = {
        "images": costs.images,
        "wall_s": costs.wall_s,
        "cores": costs.cores,
        "stages": costs.stages,
        "rate": costs.rate,
        "share_of_possible": costs.share_of_possible,
    }
    atomic_write(path, (json.dumps(content, indent=2) + "\n").encode())


def _table(costs: StageReport) -> Table:
    table = Table(title="processor time", title_justify="left", header_style="bold")
    for column in ("stage", "seconds", "ms an image"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for name, seconds in (*costs.stages.items(), ("all", costs.cpu_s)):
        table.add_row(name, f"{seconds:.2f}", f"{1000.0 * seconds / costs.images:.2f}")
    return table
