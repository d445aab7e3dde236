"""Counts by level against plain counting, and the calibration error against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inspector_app.core.calibration import LevelCounts, add_up, image_reliability, pixel_reliability
from inspector_app.core.change_map import level_of
from inspector_app.core.metrics import count_pixels

levels = hnp.arrays(np.uint8, (6, 5))
truths = hnp.arrays(np.bool_, (6, 5))


@given(levels, truths, st.floats(0.001, 1.0))
def test_every_threshold_counts_as_its_mask_does(level: np.ndarray, truth: np.ndarray, cut: float) -> None:
    assert LevelCounts.of(level, truth).at(cut) == count_pixels(level >= level_of(cut), truth)


@given(levels, truths, levels, truths)
def test_counts_add_up(a: np.ndarray, ta: np.ndarray, b: np.ndarray, tb: np.ndarray) -> None:
    both = LevelCounts.of(np.vstack([a, b]), np.vstack([ta, tb]))
    assert add_up([LevelCounts.of(a, ta), LevelCounts.of(b, tb)]).at(0.5) == both.at(0.5)


def test_maps_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        LevelCounts.of(np.zeros((2, 3), np.uint8), np.zeros((3, 2), bool))


@given(levels, truths)
def test_pixels_are_counted_by_the_bin_of_their_probability(level: np.ndarray, truth: np.ndarray) -> None:
    found = pixel_reliability(LevelCounts.of(level, truth))
    assert found.count == level.size
    probability = level / 255.0
    error = 0.0
    for one in found.bins:
        inside = (np.minimum((probability * 10).astype(int), 9)) == round(one.low * 10)
        assert one.count == inside.sum()
        assert one.said == pytest.approx(probability[inside].mean())
        assert one.seen == pytest.approx(truth[inside].mean())
        error += inside.sum() * abs(probability[inside].mean() - truth[inside].mean())
    assert found.ece == pytest.approx(error / level.size)


def test_who_says_what_is_so_has_no_error_and_who_is_sure_and_wrong_has_all() -> None:
    assert image_reliability([0.0, 0.0, 1.0], [False, False, True]).ece == 0.0
    wrong = image_reliability([0.0, 1.0], [True, False])
    assert (wrong.ece, wrong.worst) == (1.0, 1.0)
    assert image_reliability([0.75] * 4, [True, True, True, False]).ece == pytest.approx(0.0)


def test_nothing_has_no_error() -> None:
    found = image_reliability([], [])
    assert found.bins == ()
    assert found.ece is None
    assert pixel_reliability(LevelCounts.none()).ece is None
