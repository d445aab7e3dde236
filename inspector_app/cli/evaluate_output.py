"""Reports of ``evaluate`` as tables for people and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from inspector_app.core.calibration import Reliability
from inspector_app.services.evaluate import EvaluationReport, Observation, card_measures
from inspector_app.services.folds import FoldsReport, fold_measures
from inspector_app.services.summary import BatchSummary

MOST_NAMED = 10
"""Images judged wrongly that are named."""


def hundredth(value: float | None) -> str:
    """In per cent; empty when there is none."""
    return "" if value is None else f"{value * 100:.2f}"


def new_table(title: str, columns: Iterable[str]) -> Table:
    """A table whose first column is text and whose others are numbers."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def kinds_table(report: EvaluationReport) -> Table:
    """One row a kind, and one of all but those left out."""
    names = [name for name, _ in card_measures(report.total)]
    table = new_table("by kind, in per cent", ("kind", "images", "false calls", "escapes", *names))
    rows = list(report.by_kind.items())
    if report.without is not None:
        rows.append((f"all without {', '.join(report.left_out)}", report.without))
    for kind, summary in rows:
        table.add_row(
            escape(kind),
            str(summary.total),
            str(summary.false_calls.count),
            str(summary.escapes.count),
            *(hundredth(value) for _, value in card_measures(summary)),
        )
    return table


def reliability_table(name: str, reliability: Reliability) -> Table:
    """What was said against what was seen, and the expected calibration error."""
    ece = "none to count" if reliability.ece is None else f"{hundredth(reliability.ece)} %"
    title = f"probabilities of {name}: expected calibration error {ece}"
    table = new_table(title, ("said", name, "mean said, %", "true, %"))
    for one in reliability.bins:
        said = f"{one.low:.1f} to {one.high:.1f}"
        table.add_row(said, f"{one.count:,}", hundredth(one.said), hundredth(one.seen))
    return table


def reliability_tables(report: EvaluationReport) -> Iterator[Table]:
    """Of the pixels, where those of every defect are annotated, and of the images, where there are any."""
    if report.pixels.count and not report.unmarked:
        yield reliability_table("pixels", report.pixels)
    if report.images.count:
        yield reliability_table("images", report.images)


def remarks(report: EvaluationReport) -> Iterator[str]:
    """What a reader of the tables must know, and the first images that were judged wrongly, in sentences."""
    if report.unmarked:
        one = report.unmarked == 1
        yield (
            f"{report.unmarked} defective image{'' if one else 's'} ha{'s' if one else 've'} no annotation of the pixels: "
            "the pixels' measures are of the others alone."
        )
    yield from error_lines(report.errors)
    for mistake in report.mistakes[:MOST_NAMED]:
        score = "" if mistake.score is None else f" (score {mistake.score:.2f})"
        yield f"{'escape' if mistake.escape else 'false call'}: {mistake.name}{score}"
    if len(report.mistakes) > MOST_NAMED:
        yield f"... and {len(report.mistakes) - MOST_NAMED} more; --json names them all."


def error_lines(errors: Sequence[Observation]) -> Iterator[str]:
    """The first images that could not be inspected, each with its reason."""
    for error in errors[:MOST_NAMED]:
        yield f"ERROR {error.name}: {error.error_text} ({error.error_code})"
    if len(errors) > MOST_NAMED:
        yield f"... and {len(errors) - MOST_NAMED} more that could not be inspected; they count as rejected."


def folds_table(report: FoldsReport) -> Table:
    """Each fold, and the spread over them."""
    names = list(report.spread)
    columns = ("fold", "images", "false calls", "escapes", *names)
    table = new_table("by fold, in per cent", columns)
    for number, one in enumerate(report.folds):
        values = dict(fold_measures(one))
        counts = (one.total.total, one.total.false_calls.count, one.total.escapes.count)
        table.add_row(str(number), *map(str, counts), *(hundredth(values.get(name)) for name in names))
    spreads = report.spread.values()
    table.add_section()
    table.add_row("mean", "", "", "", *(hundredth(one.mean) for one in spreads))
    table.add_row("standard deviation", "", "", "", *(hundredth(one.std) for one in spreads))
    table.add_row("least", "", "", "", *(hundredth(one.low) for one in spreads))
    table.add_row("most", "", "", "", *(hundredth(one.high) for one in spreads))
    return table


def report_dict(report: EvaluationReport) -> dict[str, object]:
    """For JSON."""
    content = summary_dict(report.total)
    content["by_kind"] = {kind: summary_dict(summary) for kind, summary in report.by_kind.items()}
    if report.without is not None:
        content["without"] = {"kinds": list(report.left_out), **summary_dict(report.without)}
    content["calibration"] = {"pixels": asdict(report.pixels), "images": asdict(report.images)}
    content["unmarked"] = report.unmarked
    content["errors"] = [
        {"name": one.name, "code": one.error_code, "text": one.error_text} for one in report.errors
    ]
    content["mistakes"] = [asdict(mistake) for mistake in report.mistakes]
    return content


def folds_dict(report: FoldsReport) -> dict[str, object]:
    """For JSON."""
    return {
        "pooled": report_dict(report.pooled),
        "spread": {name: asdict(one) for name, one in report.spread.items()},
        "folds": [report_dict(one) for one in report.folds],
    }


def summary_dict(summary: BatchSummary) -> dict[str, object]:
    """For JSON."""
    return {
        "images": summary.total,
        "unusable_annotations": summary.unusable_truths,
        **dict(card_measures(summary)),
        **asdict(summary.pooled),
        "mean_iou": summary.mean_iou,
        "good": summary.false_calls.total,
        "false_calls": summary.false_calls.count,
        "false_call_interval": summary.false_calls.interval,
        "defective": summary.escapes.total,
        "escapes": summary.escapes.count,
        "escape_interval": summary.escapes.interval,
        "image_auroc": summary.image_auroc,
    }
