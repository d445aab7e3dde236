"""Good parts that vary are good parts still, and known where they lie."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from leaded_board import SIDE

from inspector_app.changenet.good_parts import dull_feet, lean, put_back
from inspector_app.changenet.scene import Scene
from inspector_app.changenet.staged_leads import damage_leads


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_part_that_was_put_back_is_a_good_one_and_known_where_it_lies(scene: Scene, seed: int) -> None:
    again = put_back(scene, np.random.default_rng(seed))
    both = (scene.part & again.part).sum() / (scene.part | again.part).sum()
    assert both > 0.75
    dark = again.image.max(axis=2) < 60
    inner = cv2.erode(again.body.mask(SIDE).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert dark[inner].mean() > 0.95
    for lead in again.leads:
        middle = lead.path[len(lead.path) // 2]
        assert again.image[round(middle[1]), round(middle[0])].max() > 120
    far = (
        cv2.dilate((scene.outline | scene.part | again.part).astype(np.uint8), np.ones((31, 31), np.uint8))
        == 0
    )
    assert (again.image[far] == scene.background[far]).all()
    _, mask = damage_leads(again, np.random.default_rng(seed))
    assert mask.any()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_part_that_leans_stands_in_its_holes_and_is_known_where_it_lies(scene: Scene, seed: int) -> None:
    leaning = lean(scene, np.random.default_rng(seed))
    assert abs(leaning.body.centre[0] - scene.body.centre[0]) <= 0.066 * SIDE
    inner = cv2.erode(leaning.body.mask(SIDE).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert (leaning.image.max(axis=2) < 60)[inner].mean() > 0.95
    for before, lead in zip(scene.leads, leaning.leads, strict=True):
        np.testing.assert_allclose(lead.path[-1], before.path[-1], atol=1e-9)
        assert lead.hole == before.hole
        middle = lead.path[len(lead.path) // 2]
        assert leaning.image[round(middle[1]), round(middle[0])].max() > 120
        assert leaning.part[round(middle[1]), round(middle[0])]
    _, mask = damage_leads(leaning, np.random.default_rng(seed))
    assert mask.any()


def test_bodies_lean_as_far_as_to_where_parts_slip_aside(scene: Scene) -> None:
    moved = [
        (lean(scene, np.random.default_rng(seed)).body.centre[0] - scene.body.centre[0]) / SIDE
        for seed in range(40)
    ]
    assert min(moved) < -0.04
    assert max(moved) > 0.04


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_dark_feet_darken_leads_alone(scene: Scene, seed: int) -> None:
    dulled = dull_feet(scene, np.random.default_rng(seed))
    leads = np.logical_or.reduce([lead.mask(SIDE, grow=10) for lead in scene.leads])
    change = dulled.image.astype(int) - scene.image
    assert (change[~leads] == 0).all()
    assert change[scene.body.mask(SIDE)].max() <= 2
    assert dulled.leads == scene.leads


def test_most_pictures_get_a_dark_foot(scene: Scene) -> None:
    darker = [
        (dull_feet(scene, np.random.default_rng(seed)).image.astype(int) - scene.image).min() < -40
        for seed in range(20)
    ]
    assert sum(darker) >= 14


def test_half_of_what_is_put_back_was_cut_out_along_its_edge(scene: Scene) -> None:
    """As displaced parts are: else its edge would tell a part that lies wrong."""
    bare = 0
    for seed in range(30):
        again = put_back(scene, np.random.default_rng(seed))
        beside = cv2.dilate(again.part.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        beside &= cv2.dilate(again.part.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0
        # Board that came along has its own noise; the filled one is left as it was, or darker all over.
        bare += bool((again.image[beside] <= scene.background[beside]).mean() > 0.95)
    assert 5 <= bare <= 25
