"""Measures of a recipe's new model."""

from __future__ import annotations

from inspector_app.core.metrics import PixelCounts
from inspector_app.core.verdict import Verdict
from inspector_app.services.summary import BatchSummary, Rate
from inspector_app.services.training_report import Measures


def test_without_a_mask_among_the_held_out_no_pixel_measure_is_told_or_compared() -> None:
    clean, spotted = _measures(PixelCounts(tn=100)), _measures(PixelCounts(fp=10, tn=90))
    assert (spotted.precision, spotted.recall, spotted.iou, spotted.f1) == (None, None, None, None)
    assert spotted.accuracy == 0.9
    assert not {"val_iou", "val_precision", "val_f1"} & spotted.scores().keys()
    assert not spotted.worse_than(clean)


def test_with_masks_a_lower_iou_is_worse_where_all_else_is_alike() -> None:
    better, worse = _measures(PixelCounts(tp=8, fn=2, tn=90)), _measures(PixelCounts(tp=7, fn=3, tn=90))
    assert worse.worse_than(better) == "a lower IoU"
    assert not better.worse_than(worse)


def _measures(pooled: PixelCounts) -> Measures:
    verdicts = {Verdict.PASS: 1, Verdict.FAIL: 1}
    return Measures.of(
        BatchSummary(verdicts, annotated=2, pooled=pooled, false_calls=Rate(0, 1), escapes=Rate(0, 1))
    )
