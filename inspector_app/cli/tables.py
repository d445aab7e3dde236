"""Tables of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.verdict import Verdict
from inspector_app.services.evaluate import card_measures
from inspector_app.services.summary import BatchSummary, Rate

STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.REVIEW: "yellow", Verdict.ERROR: "magenta"}


def percent(value: float | None) -> str:
    """For people; empty when there is none."""
    return "" if value is None else f"{value * 100:.2f} %"


def rate_text(rate: Rate) -> str:
    """A rate with its counts and interval."""
    if rate.interval is None:
        return "none to count"
    low, high = rate.interval
    return f"{rate.count} of {rate.total} ({percent(rate.value)}, 95% interval {percent(low)} to {percent(high)})"


def verdict_table(records: Sequence[InspectionRecord]) -> Table:
    """One row an image."""
    table = Table(title=None, header_style="bold")
    for name in ("image", "verdict", "truth", "defects", "score", "IoU", "reason"):
        table.add_column(name, justify="right" if name in ("defects", "score", "IoU") else "left")
    for record in records:
        truth = record.truth
        iou = truth.counts.iou if truth and truth.counts else None
        table.add_row(
            escape(record.image.name),
            f"[{STYLES[record.verdict]}]{record.verdict}[/]",
            "" if truth is None else ("defective" if truth.defective else "good"),
            str(record.n_defects),
            "" if record.score is None else f"{record.score:.3f}",
            "" if iou is None else f"{iou:.3f}",
            escape(record.reason),
        )
    return table


def _engines_text(engines: Mapping[str, int]) -> str:
    """The engine that computed the images; of several each with its share, in the order in which they served."""
    if len(engines) == 1:
        return next(iter(engines))
    return ", then ".join(f"{name} ({count} images)" for name, count in engines.items())


def summary_table(summary: BatchSummary, measured_at: str, with_csv: bool = True) -> Table:
    """Verdicts, and the pooled measures where there are annotations. ``with_csv``: the command can write a CSV."""
    table = Table(show_header=False, title=None)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("images", str(summary.total))
    for verdict in Verdict:
        count = summary.verdicts.get(verdict, 0)
        if count or verdict in (Verdict.PASS, Verdict.FAIL):
            table.add_row(verdict.value, f"[{STYLES[verdict]}]{count}[/]" if count else "0")
    if summary.engines:
        table.add_row("engine", escape(_engines_text(summary.engines)))
    if summary.unusable_truths:
        where = ", see error_text in the CSV" if with_csv else ""
        table.add_row("annotations not usable", f"[magenta]{summary.unusable_truths}[/]{where}")
    if summary.annotated:
        table.add_row("annotated", str(summary.annotated))
        for name, value in card_measures(summary):
            table.add_row(f"{name}, pooled at {measured_at}", percent(value))
        table.add_row("mean IoU an image", percent(summary.mean_iou))
        pooled = summary.pooled
        table.add_row("pixels", f"tp {pooled.tp:,}  fp {pooled.fp:,}  fn {pooled.fn:,}")
        table.add_row("false calls", rate_text(summary.false_calls))
        table.add_row("escapes", rate_text(summary.escapes))
        table.add_row("image AUROC", percent(summary.image_auroc))
    return table
