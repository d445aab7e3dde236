"""What ``train --recipe`` prints."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from inspector_app.cli.tables import percent, rate_text
from inspector_app.services.summary import Rate
from inspector_app.services.training_plan import TrainingPlan
from inspector_app.services.training_report import Measures, TrainingReport

_NAMED = 3


def omission_lines(plan: TrainingPlan) -> Iterator[str]:
    """Why records were left out, with the first images of each reason; the report names more of them."""
    for one in plan.left_out:
        names = ", ".join(one.images[:_NAMED])
        more = f" and {one.count - _NAMED} more" if one.count > _NAMED else ""
        yield f"Left out: {one.count}, {one.reason}: {names}{more}."


def measures_table(report: TrainingReport) -> Table:
    """Both models on the held-out units, each measure with its counts."""
    title = f"held-out units, judged by {report.recipe}@{report.revision}, pixels at {report.measured_at}"
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in ("", f"before: {report.serving.name}", f"after: {report.model.name}"):
        table.add_column(column)
    for name, before, after in zip(_NAMES, _cells(report.before), _cells(report.after), strict=True):
        table.add_row(name, before, after)
    return table


def trained_line(report: TrainingReport) -> str:
    """What the model was trained from, on what, and when."""
    bad = sum(one.kind == "bad" for one in report.trained)
    return (
        f"Trained from {report.start.name} on {len(report.trained) - bad} good and {bad} defective pictures of "
        f"{report.recipe}@{report.revision}, {report.steps} steps, {report.made:%Y-%m-%d}."
    )


_NAMES = ("escapes", "false calls", "image AUROC", "IoU, pooled", "precision", "recall", "pixels", "errors")


def _cells(one: Measures) -> tuple[str, ...]:
    both = (
        f" ({one.defective} defective, {one.good} good)" if one.image_auroc is not None else "none to count"
    )
    return (
        rate_text(Rate(one.escapes, one.defective)),
        rate_text(Rate(one.false_calls, one.good)),
        f"{percent(one.image_auroc)}{both}",
        percent(one.iou) or "none to count",
        percent(one.precision) or "none to count",
        percent(one.recall) or "none to count",
        f"tp {one.tp_px:,}  fp {one.fp_px:,}  fn {one.fn_px:,}",
        str(one.errors),
    )
