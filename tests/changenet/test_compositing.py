"""Pictures laid over one another."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector_app.changenet.compositing import around, as_light_as, blend

SIDE = 48


@given(
    left=st.integers(0, SIDE),
    top=st.integers(0, SIDE),
    width=st.integers(0, 30),
    height=st.integers(0, 30),
    softness=st.floats(0.3, 6.0),
)
def test_laying_over_where_it_is_seen_is_laying_over_everywhere(
    left: int, top: int, width: int, height: int, softness: float
) -> None:
    rng = np.random.default_rng(7)
    base, over = rng.integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + height, left : left + width] = True
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), softness)[:, :, None]
    near = np.zeros_like(mask)
    near[around(mask, softness)] = True
    assert near[alpha[:, :, 0] > 0].all()
    everywhere = (base * (1.0 - alpha) + over * alpha + 0.5).astype(np.uint8)
    blended = blend(base, over, mask, softness)
    # What lies on a half may round either way.
    assert cv2.absdiff(blended, everywhere).max() <= 1
    assert (blended[~near] == base[~near]).all()


def test_laying_over_leaves_both_pictures_as_they_were() -> None:
    base, over = np.full((SIDE, SIDE, 3), 10, np.uint8), np.full((SIDE, SIDE, 3), 200, np.uint8)
    blend(base, over, np.ones((SIDE, SIDE), bool))
    assert (base == 10).all()
    assert (over == 200).all()


def test_what_is_laid_over_takes_the_light_beside_it() -> None:
    base = np.full((64, 64, 3), 100, np.uint8)
    base[:, 40:] = 60
    over = np.full((64, 64, 3), 130, np.uint8)
    mask, seen = np.zeros((64, 64), bool), np.ones((64, 64), bool)
    mask[20:44, 50:60] = True
    # A part that is not board tells nothing of the light.
    base[20:44, 44:48], seen[20:44, 44:48] = 255, False
    laid = as_light_as(base, over, mask, seen, 3.0)
    assert np.abs(laid[mask].astype(int) - 60).max() <= 12


def test_nothing_seen_beside_it_leaves_it_as_it_is() -> None:
    over = np.full((32, 32, 3), 130, np.uint8)
    nothing = np.zeros((32, 32), bool)
    assert (as_light_as(np.zeros_like(over), over, ~nothing, nothing, 3.0) == over).all()
