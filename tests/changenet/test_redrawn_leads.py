"""A lead drawn anew starts where it was, looks as it did, and ends elsewhere."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector_app.changenet.redrawn_leads import redraw
from inspector_app.changenet.scene import Lead

SIDE = 160
HIDDEN = 9.0


def lead_down_the_middle() -> Lead:
    rows = np.arange(40, 121, dtype=np.float64)
    return Lead(np.column_stack((np.full(len(rows), 80.0), rows)), 9, (80.0, 120.0))


def striped(lead: Lead) -> np.ndarray:
    """Blue board; on it the lead, dark at its left edge and bright at its right."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:] = (0, 0, 200)
    for column in range(-8, 9):
        image[30:131, 80 + column] = (120 + 10 * column, 100, 0)
    return image


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), row=st.integers(0, 60))
def test_it_begins_where_it_was_and_shows_no_board(seed: int, row: int) -> None:
    lead = lead_down_the_middle()
    image = striped(lead)
    picture, lying = redraw(image, lead, row, HIDDEN, np.random.default_rng(seed))
    x, y = lead.path[row].astype(int)
    assert lying[y, x]
    assert np.array_equal(picture[~lying], image[~lying])
    assert picture[lying][:, 2].max() == 0
    assert lying.sum() >= 5 * lead.width
    beside = np.abs(np.argwhere(lying)[:, 1] - 80)
    assert beside.max() > 1.2 * HIDDEN, "it runs along its own way"


def test_what_lay_left_of_its_way_lies_left_of_the_new_one() -> None:
    lead = lead_down_the_middle()
    seen = set()
    for seed in range(12):
        picture, lying = redraw(striped(lead), lead, 5, HIDDEN, np.random.default_rng(seed))
        rows = np.nonzero(lying[60:75].any(axis=1))[0] + 60
        for row in rows:
            columns = np.nonzero(lying[row])[0]
            if columns.size > 4 and columns[-1] - columns[0] == columns.size - 1:
                assert picture[row, columns[0], 0] < picture[row, columns[-1], 0]
        ends = np.nonzero(lying)[1]
        seen.add("left" if 80 - ends.min() > ends.max() - 80 else "right")
    assert seen == {"left", "right"}


def test_a_short_rest_of_a_lead_is_enough() -> None:
    lead = lead_down_the_middle()
    last = len(lead.path) - 1
    picture, lying = redraw(striped(lead), lead, last, HIDDEN, np.random.default_rng(0))
    assert picture.shape == (SIDE, SIDE, 3)
    assert lying.any()
