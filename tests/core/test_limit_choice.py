"""Choice of limits: what was chosen does what the target asks for, as counting by hand says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inspector_app.core.errors import KeeperError
from inspector_app.core.limit_choice import (
    FEWEST_ERRORS,
    NO_ESCAPES,
    Areas,
    Choice,
    OneSidedPairsError,
    Target,
    bound_of_none,
    choose_limits,
    choose_review,
    curve,
    leave_one_out,
    trials_for,
)

THRESHOLDS = (0.5, 0.7, 0.3)
"""In order of preference; columns below stand in this order."""


def counted(areas: Areas, bad: list[bool], choice: Choice) -> tuple[int, int]:
    rejected = areas[:, THRESHOLDS.index(choice.threshold)] >= choice.min_area_px
    return int((rejected & ~np.array(bad)).sum()), int((~rejected & np.array(bad)).sum())


@st.composite
def images(draw: st.DrawFn) -> tuple[Areas, list[bool]]:
    """Areas that do not grow with the threshold."""
    rows = draw(st.lists(st.tuples(*[st.integers(0, 60)] * 3), min_size=2, max_size=12))
    bad = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    assume(any(bad) and not all(bad))
    return np.array([(b, a, c) for a, b, c in (sorted(row) for row in rows)], dtype=np.int64), bad


def every_cut(areas: Areas, bad: list[bool]) -> list[tuple[int, int]]:
    return [counted(areas, bad, Choice(t, cut, 0, 0)) for t in THRESHOLDS for cut in range(1, 62)]


@given(images())
def test_no_limits_let_fewer_escape_or_then_call_fewer_falsely(found: tuple[Areas, list[bool]]) -> None:
    areas, bad = found
    choice = choose_limits(areas, bad, THRESHOLDS, NO_ESCAPES)
    calls, missed = counted(areas, bad, choice)
    assert (missed, calls) == min((m, c) for c, m in every_cut(areas, bad))
    assert (choice.false_calls, choice.escapes) == (calls, missed)


@given(images(), st.sampled_from([0.0, 0.2, 0.5]))
def test_false_calls_are_kept_below_the_share_and_escapes_few(
    found: tuple[Areas, list[bool]], share: float
) -> None:
    areas, bad = found
    choice = choose_limits(areas, bad, THRESHOLDS, Target("false-calls", share))
    calls, missed = counted(areas, bad, choice)
    allowed = share * bad.count(False)
    assert calls <= allowed
    assert missed == min(m for c, m in every_cut(areas, bad) if c <= allowed)


@given(images())
def test_fewest_errors_are_the_fewest(found: tuple[Areas, list[bool]]) -> None:
    areas, bad = found
    choice = choose_limits(areas, bad, THRESHOLDS, FEWEST_ERRORS)
    assert sum(counted(areas, bad, choice)) == min(map(sum, every_cut(areas, bad)))


@given(images())
def test_the_curve_is_what_counting_gives(found: tuple[Areas, list[bool]]) -> None:
    areas, bad = found
    points = curve(areas, bad, THRESHOLDS)
    assert points
    for point in points:
        assert counted(areas, bad, point) == (point.false_calls, point.escapes)
    for threshold in THRESHOLDS:
        column = [p for p in points if p.threshold == threshold]
        assert [p.min_area_px for p in column] == sorted({p.min_area_px for p in column})


def test_the_least_area_lies_in_the_middle_of_the_gap_and_the_first_threshold_is_preferred() -> None:
    areas = np.array([(4, 4, 4), (100, 100, 100)])
    assert choose_limits(areas, [False, True], THRESHOLDS) == Choice(0.5, 20, 0, 0)
    assert choose_limits(areas, [False, True], THRESHOLDS, least_area=50).min_area_px == 50
    # A least area that would let the defect escape is not taken.
    assert choose_limits(areas, [False, True], THRESHOLDS, least_area=500).min_area_px == 100
    # A gap much wider elsewhere is worth leaving the first threshold for.
    assert choose_limits(np.array([(40, 2, 90), (50, 30, 95)]), [False, True], THRESHOLDS).threshold == 0.7
    # Areas grow as the threshold falls; a gap that is wide already gains nothing by it.
    assert choose_limits(np.array([(2, 2, 3), (80, 20, 4000)]), [False, True], THRESHOLDS).threshold == 0.5


def test_one_kind_alone_is_refused() -> None:
    with pytest.raises(OneSidedPairsError, match="Both good and defective"):
        choose_limits(np.array([(1, 1, 1)]), [True], THRESHOLDS)


def test_targets_are_read_and_told() -> None:
    assert Target.parse("no-escapes") == NO_ESCAPES
    assert Target.parse("false-calls=0.5%") == Target("false-calls", 0.005)
    assert Target.parse("false-calls=2%").text == "false-calls=2%"
    for wrong in ("", "escapes", "false-calls", "false-calls=100%", "false-calls=-1%", "false-calls=x"):
        with pytest.raises(KeeperError, match="is no target"):
            Target.parse(wrong)


def test_a_share_of_false_calls_needs_its_per_cent_sign() -> None:
    for number, hint in (("0.5", "0.5%, or false-calls=50% if a share of 1 is meant."), ("2", "2%.")):
        with pytest.raises(KeeperError, match="has no per cent sign") as caught:
            Target.parse(f"false-calls={number}")
        assert caught.value.hint == f"Say false-calls={hint}"


def test_leaving_one_out_is_never_better_than_knowing_it() -> None:
    areas = np.array([(4, 4, 4), (5, 5, 5), (30, 30, 30), (60, 60, 60), (10, 10, 10)])
    bad = [False, False, True, True, True]
    # Without the last one the limits lie higher, and it escapes.
    assert leave_one_out(areas, bad, THRESHOLDS) == (0, 1)
    assert leave_one_out(areas[1:3], [False, True], THRESHOLDS) is None


def test_review_catches_what_escapes_or_else_costs_nothing() -> None:
    # Columns: 0.5, 0.7, 0.3. The third image is bad and passes at 0.5, but not at 0.3.
    areas = np.array([(0, 0, 9), (50, 50, 60), (2, 0, 40)])
    chosen = Choice(0.5, 10, 0, 1)
    assert choose_review(areas, [False, True, True], THRESHOLDS, chosen) == (0.3, 0, 1)
    # Nothing escapes: the lowest threshold that sends no good unit to REVIEW.
    assert choose_review(areas[:2], [False, True], THRESHOLDS, chosen) == (0.3, 0, 0)
    assert choose_review(np.array([(0, 0, 20), (50, 50, 60)]), [False, True], THRESHOLDS, chosen) is None


def test_none_of_n_bounds_the_rate_near_three_over_n() -> None:
    assert bound_of_none(300) == pytest.approx(0.01, rel=0.01)
    assert bound_of_none(0) is None
    needed = trials_for(0.005)
    assert needed == 598
    bound = bound_of_none(needed)
    assert bound is not None
    assert bound <= 0.005
    assert trials_for(0.0) is None


def test_review_is_of_the_largest_region_where_one_may_pass() -> None:
    # Columns: 0.5, 0.7, 0.3. The largest region of both reaches the limits and is allowed: REVIEW never looks lower.
    second = np.array([(0, 0, 9), (2, 0, 40)])
    largest = np.array([(0, 0, 9), (50, 40, 60)])
    chosen = Choice(0.5, 10, 0, 1)
    assert choose_review(second, [False, True], THRESHOLDS, chosen) == (0.3, 0, 1)
    assert choose_review(second, [False, True], THRESHOLDS, chosen, largest) == (0.3, 0, 0)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=4, max_size=24))
def test_alike_images_are_left_out_as_each_by_itself(images: list[tuple[int, bool]]) -> None:
    areas = np.array([(9 * area, 8 * area, 10 * area) for area, _ in images])
    bad = [defective for _, defective in images]
    if min(sum(bad), len(bad) - sum(bad)) < 2:
        assert leave_one_out(areas, bad, THRESHOLDS) is None
        return
    calls = escapes = 0
    for index, defective in enumerate(bad):
        rest = [place for place in range(len(bad)) if place != index]
        choice = choose_limits(areas[rest], [bad[place] for place in rest], THRESHOLDS)
        rejected = areas[index, THRESHOLDS.index(choice.threshold)] >= choice.min_area_px
        calls += bool(rejected and not defective)
        escapes += bool(defective and not rejected)
    assert leave_one_out(areas, bad, THRESHOLDS) == (calls, escapes)
