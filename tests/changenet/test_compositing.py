"""Pictures laid over one another."""

from __future__ import annotations

import numpy as np

from inspector_app.changenet.compositing import as_light_as


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
