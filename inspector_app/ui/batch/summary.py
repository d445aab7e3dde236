"""A batch's totals as tiles, each with its definition."""

from __future__ import annotations

from inspector_app.core.verdict import Verdict
from inspector_app.services.summary import BatchSummary, Rate
from inspector_app.ui.theme import Theme
from inspector_app.ui.widgets.tiles import Tile


def summary_tiles(summary: BatchSummary, theme: Theme) -> list[Tile]:
    """Verdicts first, then what the annotations allow."""
    tiles = [Tile("Total", f"{summary.total:,}")]
    for verdict in Verdict:
        number = summary.verdicts.get(verdict, 0)
        colour = theme.verdict(verdict).solid if number and verdict in (Verdict.FAIL, Verdict.ERROR) else ""
        tiles.append(Tile(verdict.value.capitalize(), f"{number:,}", colour))
    if summary.annotated:
        iou = summary.iou
        mean = f"; mean of the images {summary.mean_iou:.3f}" if summary.mean_iou is not None else ""
        none = "" if summary.pooled.marked else "; none of them marks a change"
        tip = f"Change class, pixels of {summary.annotated:,} annotated images added up{mean}{none}"
        tiles.append(Tile("Pooled IoU", "–" if iou is None else f"{iou:.3f}", tip=tip))
        tiles.append(_rate("False calls", summary.false_calls, "good images rejected"))
        tiles.append(_rate("Escapes", summary.escapes, "defective images passed"))
    return tiles


def _rate(name: str, rate: Rate, what: str) -> Tile:
    interval = rate.interval
    if interval is None:
        return Tile(name, "–", tip=f"{what}: none were annotated")
    low, high = interval
    tip = f"{what}; 95% interval {low:.1%} to {high:.1%}"
    return Tile(name, f"{rate.count} of {rate.total}", tip=tip[0].upper() + tip[1:])


def duration(seconds: float | None) -> str:
    """``1:02:03``, ``2:03`` or ``45 s``."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
