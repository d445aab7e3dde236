"""A batch's totals."""

from __future__ import annotations

import pytest

from inspector_app.core.inspection import Truth
from inspector_app.core.metrics import Outcome, PixelCounts
from inspector_app.core.verdict import Verdict
from inspector_app.services.evaluate import card_measures
from inspector_app.services.summary import BatchSummary, Tally


def test_where_no_change_is_marked_false_pixels_are_no_iou() -> None:
    tally = Tally()
    tally.add(Verdict.PASS, 0.1, _truth(PixelCounts(tn=100)))
    tally.add(Verdict.FAIL, 0.9, _truth(PixelCounts(fp=10, tn=90), Outcome.FP))
    found = tally.summary()
    assert (found.pooled.marked, found.iou, found.mean_iou, found.pooled.iou) == (False, None, None, 0)
    assert dict(card_measures(found)) == {
        "precision": None,
        "recall": None,
        "IoU": None,
        "F1": None,
        "accuracy": 0.95,
    }


def test_with_a_marked_change_a_false_call_counts_as_an_iou_of_0() -> None:
    tally = Tally()
    tally.add(Verdict.FAIL, 0.9, _truth(PixelCounts(tp=6, fp=2, fn=2, tn=90), Outcome.TP, defective=True))
    tally.add(Verdict.FAIL, 0.9, _truth(PixelCounts(fp=5, tn=95), Outcome.FP))
    tally.add(Verdict.PASS, 0.1, _truth(PixelCounts(tn=100)))
    found = tally.summary()
    assert found.pooled.marked
    assert found.iou == pytest.approx(6 / 15)
    assert found.mean_iou == pytest.approx((0.6 + 0) / 2)


def test_a_defect_that_is_missed_whole_is_an_iou_of_0() -> None:
    tally = Tally()
    tally.add(Verdict.PASS, 0.1, _truth(PixelCounts(fn=4, tn=96), Outcome.FN, defective=True))
    found = tally.summary()
    assert (found.iou, found.mean_iou) == (0, 0)


def test_nothing_counted_has_no_measure() -> None:
    assert Tally().summary() == BatchSummary()


def _truth(counts: PixelCounts, outcome: Outcome = Outcome.TN, defective: bool = False) -> Truth:
    return Truth(defective=defective, outcome=outcome, counts=counts)
