"""The bench's figures as a picture: bars of images a second, in plain SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspector_app.cli import svg
from inspector_app.services.bench import BenchReport, BenchRow, GoldenUse

_BAR, _GAP, _TOP, _BOTTOM = 18, 8, 74, 26
_LABEL_WIDTH, _BAR_WIDTH, _VALUE_WIDTH, _EDGE = 430, 420, 210, 16
REFERENCE_COLOUR = "#9aa5b1"
COLOURS = {GoldenUse.KEPT: "#1f77b4", GoldenUse.ANEW: "#9cc7e6"}
"""Tell the uses of the golden apart by lightness too, for print in grey."""
LEGEND = {GoldenUse.KEPT: "golden kept", GoldenUse.ANEW: "golden computed anew"}


@dataclass(frozen=True)
class Bar:
    """One bar: what stands before it, its length's value, what stands after it."""

    label: str
    value: float
    note: str
    colour: str


def bench_svg(report: BenchReport, title: str, subtitle: str) -> str:
    """An SVG document (version 1.1): the reference loop first, then one bar a configuration."""
    bars = [
        Bar(report.reference.label, report.reference.per_second, "the measure of all", REFERENCE_COLOUR),
        *(_bar(row) for row in report.rows),
    ]
    height = _TOP + len(bars) * (_BAR + _GAP) + _BOTTOM
    width = 2 * _EDGE + _LABEL_WIDTH + _BAR_WIDTH + _VALUE_WIDTH
    parts = [
        svg.text(_EDGE, 26, title, size=16, weight="bold"),
        svg.text(_EDGE, 46, subtitle, colour=svg.PALE_INK),
        *_legend(width),
        *_drawn(bars),
        svg.text(_EDGE + _LABEL_WIDTH, height - 8, "images a second", colour=svg.PALE_INK),
    ]
    return svg.document(width, height, parts)


def _bar(row: BenchRow) -> Bar:
    label = f"{row.model}, {row.engine}, {row.precision}, batch {row.batch}"
    if row.parallel > 1:
        label += f", {row.parallel} at once"
    return Bar(label, row.per_second, f"{row.ratio:.2f} times the reference", COLOURS[row.golden])


def _drawn(bars: Sequence[Bar]) -> list[str]:
    longest = max(bar.value for bar in bars)
    left = _EDGE + _LABEL_WIDTH
    parts = []
    for place, bar in enumerate(bars):
        top = _TOP + place * (_BAR + _GAP)
        length = max(1.0, _BAR_WIDTH * bar.value / longest)
        base = top + _BAR - 5
        parts += [
            svg.text(left - 8, base, bar.label, anchor="end"),
            svg.box(left, top, length, _BAR, bar.colour),
            svg.text(left + length + 6, base, f"{bar.value:.1f}  ({bar.note})"),
        ]
    return parts


def _legend(width: int) -> list[str]:
    parts = []
    for place, (use, colour) in enumerate(COLOURS.items()):
        x = width - _EDGE - 330 + place * 130
        parts += [
            svg.box(x, 16, 12, 12, colour),
            svg.text(x + 18, 26, LEGEND[use]),
        ]
    return parts
