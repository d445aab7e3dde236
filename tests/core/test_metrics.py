from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inspector_app.core.metrics import (
    Outcome,
    PixelCounts,
    auroc,
    count_pixels,
    outcome,
    pool,
    rejects,
    wilson,
)
from inspector_app.core.verdict import Verdict

masks = hnp.arrays(np.bool_, (7, 5))


@given(masks, masks)
def test_the_counts_are_those_of_a_plain_loop(predicted: np.ndarray, truth: np.ndarray) -> None:
    tp = fp = fn = tn = 0
    for p, t in zip(predicted.flat, truth.flat, strict=True):
        tp, fp, fn, tn = tp + (p and t), fp + (p and not t), fn + (t and not p), tn + (not p and not t)
    assert count_pixels(predicted, truth) == PixelCounts(tp, fp, fn, tn)


@given(masks, masks)
def test_measures_lie_in_their_range_and_dice_follows_iou(predicted: np.ndarray, truth: np.ndarray) -> None:
    counts = count_pixels(predicted, truth)
    for value in (counts.iou, counts.dice, counts.precision, counts.recall, counts.accuracy):
        assert value is None or 0 <= value <= 1
    if counts.iou is not None:
        assert counts.dice == pytest.approx(2 * counts.iou / (1 + counts.iou))


def test_an_empty_prediction_on_a_good_part_has_no_iou() -> None:
    counts = PixelCounts(tn=100)
    assert counts.iou is None
    assert counts.precision is None
    assert counts.recall is None
    assert counts.accuracy == 1.0


def test_pooling_adds_counts_first() -> None:
    pooled = pool([PixelCounts(tp=90, fp=10), PixelCounts(tp=0, fn=10)])
    assert pooled.iou == 90 / 110


def test_masks_of_different_shapes_are_an_error() -> None:
    with pytest.raises(ValueError, match="shape"):
        count_pixels(np.zeros((2, 2), dtype=bool), np.zeros((2, 3), dtype=bool))


@pytest.mark.parametrize(
    ("verdict", "defective", "wanted"),
    [
        (Verdict.FAIL, True, Outcome.TP),
        (Verdict.FAIL, False, Outcome.FP),
        (Verdict.PASS, False, Outcome.TN),
        (Verdict.PASS, True, Outcome.FN),
        (Verdict.REVIEW, True, Outcome.TP),
        (Verdict.ERROR, False, Outcome.FP),
    ],
)
def test_only_a_pass_ships_the_unit(verdict: Verdict, defective: bool, wanted: Outcome) -> None:
    assert outcome(rejects(verdict), defective) is wanted


def test_wilson_against_published_values() -> None:
    low, high = wilson(0, 10) or (None, None)
    assert low == pytest.approx(0.0, abs=1e-9)
    assert high == pytest.approx(0.2775, abs=1e-4)
    assert wilson(0, 0) is None


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_proportion(counts: tuple[int, int]) -> None:
    interval = wilson(*counts)
    assert interval is not None
    assert 0 <= interval[0] <= counts[0] / counts[1] + 1e-12
    assert counts[0] / counts[1] - 1e-12 <= interval[1] <= 1


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auroc_is_the_share_of_pairs_in_order(units: list[tuple[int, bool]]) -> None:
    scores, bad = [float(s) for s, _ in units], [b for _, b in units]
    pairs = [(p, n) for p, pb in units for n, nb in units if pb and not nb]
    wanted = sum(1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs) / len(pairs) if pairs else None
    assert auroc(scores, bad) == (pytest.approx(wanted) if wanted is not None else None)
