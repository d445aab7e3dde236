from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from inspector_app.cli.calibrate_plot import ESCAPES, FALSE_CALLS, calibration_svg
from inspector_app.core.limit_choice import NO_ESCAPES
from inspector_app.services.calibrate import THRESHOLDS, Calibration, Labelled, calibrate

SVG = "{http://www.w3.org/2000/svg}"


def calibration() -> Calibration:
    areas = np.array([[0], [3], [40], [900]]) * np.ones(len(THRESHOLDS), np.int64)
    return calibrate(Labelled((), areas.astype(np.int64), (False, False, True, True), 1, 0, 0), NO_ESCAPES)


def test_two_curves_a_panel_run_from_all_to_none_and_the_choice_is_marked() -> None:
    found = calibration()
    root = ElementTree.fromstring(calibration_svg(found, "a < b"))
    lines = list(root.iter(f"{SVG}polyline"))
    calls, missed = (
        [line for line in lines if line.get("stroke") == colour] for colour in (FALSE_CALLS, ESCAPES)
    )
    assert (len(calls), len(missed)) == (2, 2)
    heights = [float(point.split(",")[1]) for point in (calls[0].get("points") or "").split()]
    # One of two good units is rejected at the least area 1, none at the end; SVG counts downwards.
    assert (heights[0], heights[-1]) == (210.0, 340.0)
    assert heights == sorted(heights)
    heights = [float(point.split(",")[1]) for point in (missed[0].get("points") or "").split()]
    assert (heights[0], heights[-1]) == (340.0, 80.0)
    assert sum(1 for line in lines if line.get("stroke-dasharray")) == 2
    words = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert "a < b" in words
    assert any("target no-escapes" in text for text in words)
