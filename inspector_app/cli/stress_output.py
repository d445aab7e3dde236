"""The report of ``evaluate --stress`` as a table for people and as plain values for JSON."""

from __future__ import annotations

from rich.table import Table

from inspector_app.cli.evaluate_output import hundredth, new_table, report_dict
from inspector_app.services.evaluate import EvaluationReport
from inspector_app.services.stress import MOST_FALL, MOST_FALL_WITHOUT, StressReport, StressRow


def stress_table(report: StressReport) -> Table:
    """The images as they are, then one row a perturbation; falls are in points."""
    left_out = report.plain.left_out
    without = (f"IoU without {', '.join(left_out)}", "fall") if left_out else ()
    columns = ("nuisance", "strength", "IoU", "fall", *without, "false calls", "escapes", "AUROC", "fall", "")
    table = new_table("under stress, in per cent; falls in points", columns)
    table.add_row("none", "", *_cells(report.plain, None), "")
    for row in report.rows:
        strength = row.perturbation.text
        held = "held" if row.holds else "fell"
        table.add_row(row.perturbation.nuisance.value, strength, *_cells(row.report, row), held)
    return table


def stress_verdict(report: StressReport) -> str:
    """Whether the bar is held, as a sentence."""
    allowed = f"{MOST_FALL * 100:.0f} points of IoU"
    if report.plain.left_out:
        allowed += f" and {MOST_FALL_WITHOUT * 100:.0f} without {', '.join(report.plain.left_out)}"
    fell = [f"{row.perturbation.nuisance} {row.perturbation.text}" for row in report.rows if not row.holds]
    if not fell:
        return f"No fall of more than {allowed}."
    return f"More than {allowed} are lost under: {'; '.join(fell)}."


def _cells(found: EvaluationReport, row: StressRow | None) -> tuple[str, ...]:
    total = found.total
    without: tuple[str, ...] = ()
    if found.without is not None:
        iou = found.without.pooled.iou
        without = (hundredth(iou), hundredth(row.iou_without_fall if row else None))
    return (
        hundredth(total.pooled.iou),
        hundredth(row.iou_fall if row else None),
        *without,
        str(total.false_calls.count),
        str(total.escapes.count),
        hundredth(total.image_auroc),
        hundredth(row.auroc_fall if row else None),
    )


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
