"""The picture of ``evaluate --calibrate``: false-call and escape rates over least area and over threshold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from inspector_app.cli import svg
from inspector_app.core.limit_choice import Choice
from inspector_app.services.calibrate import Calibration
from inspector_app.services.summary import Rate

_WIDTH, _HEIGHT = 980, 400
_PANEL_WIDTH, _PANEL_HEIGHT, _TOP, _LEFTS = 400, 260, 80, (60, 540)
FALSE_CALLS, ESCAPES = "#1f77b4", "#d1495b"
Scale = Callable[[float], float]


def calibration_svg(found: Calibration, title: str) -> str:
    """An SVG document: at the recommended threshold over least area, at the recommended area over threshold.

    Lines are what was counted, bands their Wilson intervals at 95%, the dashed line is what is recommended.
    """
    choice = found.choice
    by_area = found.curve_at(choice.threshold)
    by_threshold = _at_area(found, choice.min_area_px)
    parts = [
        svg.text(16, 26, title, size=16, weight="bold"),
        svg.text(
            16,
            46,
            f"{found.good} good and {found.bad} bad units, target {found.target.text}",
            colour=svg.PALE_INK,
        ),
        *_legend(),
    ]
    areas = [float(max(1, point.min_area_px)) for point in by_area]
    most = max([*areas, float(choice.min_area_px), 2.0])
    parts += _panel(
        found,
        by_area,
        areas,
        _LEFTS[0],
        _log_scale(_LEFTS[0], most),
        [10.0**power for power in range(int(math.log10(most)) + 1)],
        f"least area, px (threshold {choice.threshold:g})",
        float(choice.min_area_px),
    )
    thresholds = [point.threshold for point in by_threshold]
    parts += _panel(
        found,
        by_threshold,
        thresholds,
        _LEFTS[1],
        lambda value: _LEFTS[1] + value * _PANEL_WIDTH,
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
        f"threshold (least area {choice.min_area_px} px)",
        choice.threshold,
    )
    return svg.document(_WIDTH, _HEIGHT, parts)


def _at_area(found: Calibration, area: int) -> list[Choice]:
    """What the recommended least area does at every threshold: the curve's last point at or below it."""
    points = []
    for threshold in sorted({point.threshold for point in found.curve}):
        below = [point for point in found.curve_at(threshold) if point.min_area_px <= area]
        points.append(below[-1])
    return points


def _log_scale(left: float, most: float) -> Scale:
    reach = math.log10(most) or 1.0
    return lambda value: left + math.log10(max(1.0, value)) / reach * _PANEL_WIDTH


def _panel(
    found: Calibration,
    points: Sequence[Choice],
    places: Sequence[float],
    left: float,
    scale: Scale,
    ticks: Sequence[float],
    label: str,
    chosen: float,
) -> list[str]:
    bottom = _TOP + _PANEL_HEIGHT
    parts = [
        svg.line([(left, _TOP), (left, bottom), (left + _PANEL_WIDTH, bottom)], svg.INK),
        svg.text(left + _PANEL_WIDTH / 2, bottom + 36, label, anchor="middle"),
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(svg.text(left - 8, _height(share) + 4, f"{share * 100:.0f} %", anchor="end"))
    for tick in ticks:
        parts.append(svg.text(scale(tick), bottom + 18, f"{tick:g}", anchor="middle", colour=svg.PALE_INK))
    xs = [scale(place) for place in places]
    for rates, colour in (
        ([found.false_calls(point.false_calls) for point in points], FALSE_CALLS),
        ([found.escapes(point.escapes) for point in points], ESCAPES),
    ):
        parts += _curve(xs, rates, colour)
    x = scale(chosen)
    parts.append(svg.line([(x, _TOP), (x, bottom)], svg.INK, dash="4 3"))
    return parts


def _curve(xs: Sequence[float], rates: Sequence[Rate], colour: str) -> list[str]:
    """A staircase: a rate stands until the next place at which it changes."""
    lows = [rate.interval[0] if rate.interval else 0.0 for rate in rates]
    highs = [rate.interval[1] if rate.interval else 1.0 for rate in rates]
    band = [*_stairs(xs, highs), *reversed(_stairs(xs, lows))]
    middle = _stairs(xs, [rate.value or 0.0 for rate in rates])
    return [svg.area(band, colour, 0.15), svg.line(middle, colour, width=2.0)]


def _stairs(xs: Sequence[float], shares: Sequence[float]) -> list[svg.Point]:
    points: list[svg.Point] = []
    for place, (x, share) in enumerate(zip(xs, shares, strict=True)):
        if place:
            points.append((x, points[-1][1]))
        points.append((x, _height(share)))
    return points


def _height(share: float) -> float:
    return _TOP + (1.0 - share) * _PANEL_HEIGHT


def _legend() -> list[str]:
    parts = []
    for place, (name, colour) in enumerate((("false calls", FALSE_CALLS), ("escapes", ESCAPES))):
        x = 700 + place * 120
        parts += [svg.box(x, 16, 12, 12, colour), svg.text(x + 18, 26, name)]
    return parts
