from __future__ import annotations

import numpy as np

from inspector_app.cli.calibrate_output import calibration_lines
from inspector_app.core.limit_choice import NO_ESCAPES
from inspector_app.services.calibrate import THRESHOLDS, Labelled, calibrate


def test_where_no_review_threshold_helps_the_ones_tried_are_named() -> None:
    # Both good units and one bad one show nothing at any threshold, the other bad one shows at the lowest alone.
    areas = np.zeros((4, len(THRESHOLDS)), np.int64)
    areas[3, THRESHOLDS.index(0.1)] = 500
    found = calibrate(Labelled((), areas, (False, False, True, True), 1, 0, 0), NO_ESCAPES, True)
    said = " ".join(calibration_lines(found, asked_review=True))
    assert (found.choice.threshold, found.review) == (0.1, None)
    assert "review threshold: none; of those tried, 0.1 to 0.95, no lower one would catch" in said
    assert "false calls 0 of 2, escapes" in said
