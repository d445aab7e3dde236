"""Reports over observations, and cross-validation: counts are added up, no pair counts twice."""

from __future__ import annotations

import numpy as np
import pytest

from inspector_app.core.calibration import LevelCounts
from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import Truth
from inspector_app.core.metrics import PixelCounts, outcome
from inspector_app.core.verdict import Verdict
from inspector_app.services.evaluate import Observation, check_kinds, kind_of, report
from inspector_app.services.folds import cross_validate, of_fold


def seen(name: str, score: float, change: int = 0, found: int = 0, extra: int = 0) -> Observation:
    """An image of 100 pixels: ``change`` true ones, of which ``found`` have level 100, and ``extra`` others."""
    levels, truth = np.zeros((1, 100), np.uint8), np.zeros((1, 100), bool)
    truth[0, :change] = True
    levels[0, :found] = 100
    levels[0, change : change + extra] = 200
    counts = LevelCounts.of(levels, truth)
    verdict = Verdict.FAIL if score >= 0.5 else Verdict.PASS
    stands = Truth(change > 0, outcome(verdict is Verdict.FAIL, change > 0), counts.at(0.3))
    return Observation(name, kind_of(name), verdict, score, stands, counts)


PARTS = (
    seen("good_0.png", 0.1),
    seen("good_1.png", 0.6, extra=3),
    seen("chip_0.png", 0.9, 20, 15, 5),
    seen("chip_1.png", 0.2, 10, 0),
    seen("lost_0.png", 1.0, 60, 60),
)


def test_totals_kinds_and_what_is_left_out() -> None:
    found = report(PARTS, ["lost"])
    assert found.total.pooled == PixelCounts(75, 8, 15, 402)
    assert (found.total.false_calls.count, found.total.false_calls.total) == (1, 2)
    assert (found.total.escapes.count, found.total.escapes.total) == (1, 3)
    assert set(found.by_kind) == {"good", "chip", "lost"}
    assert found.without is not None
    assert found.without.pooled == PixelCounts(15, 8, 15, 362)
    assert found.pixels.count == 500
    assert found.images.count == 5
    assert report(PARTS).without is None


def test_pixels_are_counted_at_the_threshold_that_is_asked_for_and_verdicts_stay() -> None:
    found = report(PARTS, (), 0.5)
    assert found.total.pooled == PixelCounts(0, 8, 90, 402)
    assert found.total.escapes == report(PARTS).total.escapes


def test_a_kind_that_is_not_there_is_named() -> None:
    with pytest.raises(KeeperError, match="misplaced") as caught:
        check_kinds(PARTS, ["misplaced"])
    assert "chip, good, lost" in caught.value.hint


def test_folds_are_pooled_by_adding_up_and_spread_by_fold() -> None:
    folds = (PARTS[:3], PARTS[3:])
    found = cross_validate(2, lambda fold: folds[fold], ["lost"])
    assert found.pooled == report(PARTS, ["lost"])
    ious = [fold.total.pooled.iou or 0.0 for fold in found.folds]
    spread = found.spread["IoU"]
    assert spread.mean == pytest.approx(np.mean(ious))
    assert spread.std == pytest.approx(np.std(ious, ddof=1))
    assert (spread.low, spread.high, spread.folds) == (min(ious), max(ious), 2)
    # The second fold holds defects only: it has no AUROC, and does not count in its spread.
    assert found.spread["image AUROC"].folds == 1
    assert found.spread["IoU without"].folds == 2


def test_a_pair_in_two_folds_is_told() -> None:
    with pytest.raises(KeeperError, match=r"good_0\.png is scored more than once"):
        cross_validate(2, lambda _: PARTS[:1])


def test_the_folds_number_goes_into_the_pattern() -> None:
    assert of_fold("models/cv-fold{fold}", 3) == "models/cv-fold3"
    assert of_fold("generic", 3) == "generic"
