"""Broken bodies: the mask is what an annotator would draw."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from leaded_board import SIDE

from inspector_app.changenet.scene import Scene
from inspector_app.changenet.staged_bodies import _fractured, break_body


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_broken_body_is_marked_on_the_body_and_its_burr_only(scene: Scene, seed: int) -> None:
    image, mask = break_body(scene, np.random.default_rng(seed))
    reach = np.ones((7, 7), np.uint8)
    assert not (mask & ~(cv2.dilate(scene.body.mask(SIDE).astype(np.uint8), reach) > 0)).any()
    near = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert (np.abs(image.astype(int) - scene.image).max(axis=2) > 20)[~near].sum() == 0


def test_a_top_that_snapped_off_shows_the_board_and_is_marked_up_to_where_it_was(scene: Scene) -> None:
    body = scene.body.mask(SIDE)
    snapped = 0
    for seed in range(40):
        image, mask = break_body(scene, np.random.default_rng(seed))
        bare = body & (image.max(axis=2) > 100) & (scene.image.max(axis=2) < 60)
        if bare.sum() < 0.04 * body.sum():
            continue
        snapped += 1
        assert (bare & ~mask).sum() <= 0.05 * bare.sum()
        top = int(np.flatnonzero(body.any(axis=1))[0])
        assert mask[top + 1].any(), "where its edge was is marked as well"
    assert snapped >= 3


def test_a_break_shows_somewhere_and_is_marked_where_its_facets_are_as_smooth_and_dark_as_the_body(
    scene: Scene,
) -> None:
    hidden = 0
    for seed in range(60):
        image, mask = break_body(scene, np.random.default_rng(seed))
        changed = np.abs(image.astype(int) - scene.image).max(axis=2)[mask]
        assert changed.max() > 12
        hidden += bool((changed < 8).mean() > 0.3)
    assert 6 <= hidden <= 45


def test_a_break_is_rough_somewhere_and_often_lets_a_facet_through_as_it_was() -> None:
    pattern = np.random.default_rng(0).integers(0, 60, (160, 160, 1))
    image = np.repeat(pattern, 3, axis=2).astype(np.uint8)
    broken = np.zeros((160, 160), bool)
    broken[16:144, 16:144] = True
    let_through = 0
    for seed in range(40):
        fractured = _fractured(image, broken, np.random.default_rng(seed))
        assert (fractured == image)[:8].all(), "beside the break nothing changes"
        cells = [np.s_[y : y + 16, x : x + 16, 0] for y in range(16, 144, 16) for x in range(16, 144, 16)]
        alike = np.array([np.corrcoef(image[c].ravel(), fractured[c].ravel())[0, 1] for c in cells])
        assert (alike < 0.5).any()
        let_through += bool((alike > 0.85).mean() > 0.1)
    assert 8 <= let_through <= 36
