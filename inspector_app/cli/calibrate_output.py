"""The report of ``evaluate --calibrate`` as tables for people and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.table import Table

from inspector_app.cli.evaluate_output import hundredth, new_table, report_dict
from inspector_app.cli.tables import rate_text
from inspector_app.core.limit_choice import Choice
from inspector_app.services.calibrate import THRESHOLDS, Calibration, promises
from inspector_app.services.summary import Rate

_ROWS = 14
"""Points of the curve that a table shows."""


def calibration_lines(found: Calibration, asked_review: bool = False) -> Iterator[str]:
    """The recommendation, and what it is worth, in sentences."""
    choice = found.choice
    yield f"For the target {found.target.text}: threshold {choice.threshold:g}, least area {choice.min_area_px} px."
    yield f"  false calls: {rate_text(found.false_calls(choice.false_calls))}"
    yield f"  escapes: {rate_text(found.escapes(choice.escapes))}"
    if found.review is not None:
        review = found.review
        yield (
            f"  review threshold {review.threshold:g}: sends {review.good} good and {review.bad} bad units to "
            "REVIEW that would pass"
        )
    elif asked_review:
        yield (
            f"  review threshold: none; of those tried, {min(THRESHOLDS):g} to {max(THRESHOLDS):g}, no lower one would "
            "catch a bad unit that passes, or spare every good one"
        )
    if found.left_out is not None:
        calls, missed = found.left_out
        yield (
            f"Each image judged by limits chosen without it: false calls {calls} of {found.good}, "
            f"escapes {missed} of {found.bad}."
        )
    if found.failed or found.unlabelled:
        yield f"Not counted: {found.failed} could not be inspected, {found.unlabelled} have no label."
    yield from promises(found)


def curve_table(found: Calibration) -> Table:
    """At the recommended threshold: what each least area does."""
    title = f"least areas at threshold {found.choice.threshold:g}"
    table = new_table(
        title, ("least area, px", "false calls", "%", "95% interval", "escapes", "%", "95% interval")
    )
    for point in _thinned(found.curve_at(found.choice.threshold), found.choice):
        mark = " <-" if point.min_area_px == found.choice.min_area_px else ""
        calls, missed = found.false_calls(point.false_calls), found.escapes(point.escapes)
        table.add_row(f"{point.min_area_px}{mark}", *_rate_cells(calls), *_rate_cells(missed))
    return table


def _thinned(points: Sequence[Choice], choice: Choice) -> list[Choice]:
    """The recommended point with those where a count changes, thinned evenly when they are many."""
    changes = [
        now
        for before, now in zip([None, *points], points, strict=False)
        if before is None or (before.false_calls, before.escapes) != (now.false_calls, now.escapes)
    ]
    step = -(-len(changes) // _ROWS)
    kept = {point.min_area_px: point for point in [*changes[::step], changes[-1]]}
    kept[choice.min_area_px] = choice
    return [kept[area] for area in sorted(kept)]


def _rate_cells(rate: Rate) -> tuple[str, str, str]:
    low, high = rate.interval or (0.0, 1.0)
    return str(rate.count), hundredth(rate.value), f"{hundredth(low)} to {hundredth(high)}"


def calibration_dict(found: Calibration) -> dict[str, object]:
    """For JSON."""
    left_out = found.left_out
    return {
        "target": found.target.text,
        "recommended": _choice_dict(found, found.choice),
        "review": None if found.review is None else asdict(found.review),
        "good": found.good,
        "bad": found.bad,
        "failed": found.failed,
        "unlabelled": found.unlabelled,
        "leave_one_out": None if left_out is None else {"false_calls": left_out[0], "escapes": left_out[1]},
        "promises": list(promises(found)),
        "curve": [_choice_dict(found, point) for point in found.curve],
        "now": report_dict(found.scored),
    }


def _choice_dict(found: Calibration, choice: Choice) -> dict[str, object]:
    return {
        **asdict(choice),
        "false_call_interval": found.false_calls(choice.false_calls).interval,
        "escape_interval": found.escapes(choice.escapes).interval,
    }
