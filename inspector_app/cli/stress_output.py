"""The report of ``evaluate --stress`` as tables for people and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from inspector_app.cli.evaluate_output import hundredth, new_table, report_dict
from inspector_app.services.stress import MOST_FALL, MOST_FALL_WITHOUT, StressReport, StressRow
from inspector_app.services.summary import BatchSummary
from inspector_app.vision.perturb import UNITS


def stress_tables(report: StressReport) -> Iterator[Table]:
    """The images as they are, then one row a perturbation; a second table leaves kinds out, where any are."""
    columns = ("nuisance", "IoU", "IoU\nfall", "held", "false\ncalls", "escapes", "AUROC", "AUROC\nfall")
    title = f"under stress, in per cent (held: at most {_points(MOST_FALL)} of IoU lost)"
    table = new_table(title, columns)
    table.caption, table.caption_justify = UNITS, "left"
    table.add_row("none", *_cells(report.plain.total))
    for row in report.rows:
        table.add_row(_name(row), *_cells(row.report.total, row))
    yield table
    if report.plain.without is not None:
        yield _without_table(report, report.plain.without)


def _without_table(report: StressReport, plain: BatchSummary) -> Table:
    names = escape(", ".join(report.plain.left_out))
    title = f"without {names} (held: at most {_points(MOST_FALL_WITHOUT)})"
    table = new_table(title, ("nuisance", "IoU", "IoU\nfall", "held"))
    table.add_row("none", hundredth(plain.iou), "", "")
    for row in report.rows:
        iou = None if row.report.without is None else row.report.without.iou
        held = _yes(row.iou_without_holds)
        table.add_row(_name(row), hundredth(iou), hundredth(row.iou_without_fall), held)
    return table


def _points(most: float) -> str:
    return f"{most * 100:.0f} points"


def _name(row: StressRow) -> str:
    return f"{row.perturbation.nuisance} {row.perturbation.text}"


def stress_verdict(report: StressReport) -> str:
    """Whether the bar is held, as a sentence."""
    allowed = f"{_points(MOST_FALL)} of IoU"
    if report.plain.left_out:
        allowed += f" and {MOST_FALL_WITHOUT * 100:.0f} without {', '.join(report.plain.left_out)}"
    if report.holds is None:
        return (
            "Whether IoU holds cannot be told: no defect has an annotation of its pixels. Look at false calls, escapes "
            "and AUROC."
        )
    fell = [_name(row) for row in report.rows if row.holds is False]
    if not fell:
        return f"No fall of more than {allowed}."
    return f"More than {allowed} are lost under: {'; '.join(fell)}."


def _cells(total: BatchSummary, row: StressRow | None = None) -> tuple[str, ...]:
    return (
        hundredth(total.iou),
        hundredth(row.iou_fall if row else None),
        _yes(row.iou_holds if row else None),
        str(total.false_calls.count),
        str(total.escapes.count),
        hundredth(total.image_auroc),
        hundredth(row.auroc_fall if row else None),
    )


def _yes(held: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[held]


def stress_dict(report: StressReport) -> dict[str, object]:
    """For JSON."""
    rows = [
        {
            "nuisance": row.perturbation.nuisance.value,
            "strength": row.perturbation.strength,
            "strength_text": row.perturbation.text,
            "iou_fall": row.iou_fall,
            "iou_without_fall": row.iou_without_fall,
            "auroc_fall": row.auroc_fall,
            "holds": row.holds,
            **report_dict(row.report),
        }
        for row in report.rows
    ]
    return {"plain": report_dict(report.plain), "holds": report.holds, "rows": rows}
