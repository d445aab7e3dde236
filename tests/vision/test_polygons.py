"""The one rule by which polygons become pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inspector_app.vision.polygons import Point, fill, holds

COORDINATES = st.floats(-6, 18, allow_nan=False, width=32)
POLYGONS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=8)


@given(POLYGONS)
@example([(4.834670543670654, 4.834670543670654), (0.0, 0.0), (0.024235721677541733, 0.024235721677541733)])
def test_a_pixel_belongs_when_its_centre_lies_inside(polygon: list[Point]) -> None:
    mask = fill([polygon], (12, 10))
    expected = [[holds(polygon, x + 0.5, y + 0.5) for x in range(12)] for y in range(10)]
    assert (mask == np.array(expected)).all()


def test_a_box_covers_whole_pixels() -> None:
    mask = fill([[(2, 1), (5, 1), (5, 4), (2, 4)]], (8, 6))
    assert mask.sum() == 9
    assert mask[1:4, 2:5].all()


def test_neighbours_share_no_pixel_and_leave_none() -> None:
    left = [(0.0, 0.0), (6.3, 0.0), (3.7, 10.0), (0.0, 10.0)]
    right = [(6.3, 0.0), (12.0, 0.0), (12.0, 10.0), (3.7, 10.0)]
    a, b = fill([left], (12, 10)), fill([right], (12, 10))
    assert not (a & b).any()
    assert (a | b).all()


def test_several_are_joined() -> None:
    box = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
    assert fill([box, box], (8, 8)).sum() == 16


@pytest.mark.parametrize(
    "polygon",
    [[], [(1, 1), (2, 2)], [(float("nan"), 0), (1, 1), (2, 0)], [(-9, -9), (-5, -9), (-5, -5)]],
)
def test_nothing_to_fill(polygon: list[Point]) -> None:
    assert not fill([polygon], (8, 8)).any()


def test_far_corners() -> None:
    assert fill([[(-1e300, -1e300), (1e300, -1e300), (1e300, 1e300), (-1e300, 1e300)]], (8, 8)).all()
