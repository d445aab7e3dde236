"""Defects of leads: the mask is what an annotator would draw."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaded_board import SIDE

from inspector_app.changenet.scene import Lead, Scene
from inspector_app.changenet.staged_leads import (
    _empty_place,
    _leaning,
    _lower_knee,
    _straightened,
    damage_leads,
)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_damaged_lead_is_marked_and_changes_little_beside_its_mask(scene: Scene, seed: int) -> None:
    image, mask = damage_leads(scene, np.random.default_rng(seed))
    assert 0 < mask.mean() < 0.25
    beside = ~cv2.dilate(mask.astype(np.uint8), np.ones((13, 13), np.uint8)).astype(bool)
    changed = np.abs(image.astype(int) - scene.image).max(axis=2) > 60
    # A shadow may lie beside a bent lead, but what is plainly new or gone is marked.
    assert changed[beside].mean() < 0.01


def test_a_lead_that_leaves_its_hole_empty_marks_the_hole(scene: Scene) -> None:
    found = 0
    for seed in range(30):
        _, mask = damage_leads(scene, np.random.default_rng(seed))
        found += any(mask[round(lead.hole[1]), round(lead.hole[0])] for lead in scene.leads)
    assert found >= 15


def test_where_a_bowed_lead_is_gone_is_marked_straight_across_or_along_its_way(scene: Scene) -> None:
    lead = scene.leads[-1]
    bow = 16.0 * np.sin(np.linspace(0.0, np.pi, len(lead.path)))
    bowed = replace(lead, path=lead.path + np.column_stack((bow, np.zeros_like(bow))))
    x, y = np.round(bowed.path[len(bow) // 2]).astype(int)
    along = 0
    for seed in range(40):
        mask = _empty_place(scene, bowed, 2, np.random.default_rng(seed))
        assert mask[round(lead.hole[1]), round(lead.hole[0])]
        assert mask[round(bowed.path[3][1]), round(bowed.path[3][0])]
        along += bool(mask[y, x])
    assert 0 < along < 14  # the chance is 15%


def _kneed(scene: Scene) -> tuple[Scene, Lead]:
    """The scene with its right lead running outwards first, then straight down into its hole."""
    old = scene.leads[-1]
    (x, y), (hole_x, hole_y) = old.path[0], old.hole
    rows = np.arange(y, hole_y + 1)
    knee = y + 0.6 * (hole_y - y)
    path = np.column_stack((np.interp(rows, [y, knee], [x, hole_x]), rows))
    lead = replace(old, path=path)
    leads = (*scene.leads[:-1], lead)
    body = scene.body.mask(SIDE)
    part = np.logical_or.reduce([body, *(one.mask(SIDE) for one in leads)])
    image = np.where(part[:, :, None], np.where(body[:, :, None], 22, 190), scene.background).astype(np.uint8)
    return replace(scene, image=image, leads=leads, part=part), lead


def test_the_lower_knee_is_where_a_lead_turns_most(scene: Scene) -> None:
    _, lead = _kneed(scene)
    row, turns = _lower_knee(lead)
    assert abs(row / (len(lead.path) - 1) - 0.6) < 0.1
    assert turns > 15
    straight = replace(lead, path=np.column_stack((np.full(40, 80.0), np.arange(40.0))))
    assert abs(_lower_knee(straight)[1]) < 1
    assert _lower_knee(replace(lead, path=lead.path[:4]))[1] == 0, "too short to have one"


def test_the_shortest_leads_with_a_knee_are_straightened_too(scene: Scene) -> None:
    lead = scene.leads[-1]
    x, y = lead.path[0]
    path = np.array([[x, y], [x + 4, y + 1], [x + 8, y + 2], [x + 8, y + 3], [x + 8, y + 4]])
    short = replace(lead, path=path, hole=(float(x) + 8, float(y) + 4))
    row, turns = _lower_knee(short)
    assert turns > 15
    for seed in range(10):
        _, mask = _straightened(scene.image, scene, short, row, np.random.default_rng(seed))
        assert mask.any()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_lead_without_its_lower_knee_is_marked_from_there_on(scene: Scene, seed: int) -> None:
    kneed, lead = _kneed(scene)
    row, _ = _lower_knee(lead)
    image, mask = _straightened(kneed.image, kneed, lead, row, np.random.default_rng(seed))
    assert mask[round(lead.hole[1]), round(lead.hole[0])]
    above = lead.mask(SIDE) & ~lead.mask(SIDE, row // 3)
    assert (mask & above).sum() < 0.25 * above.sum(), "what lies where it ought to is not marked"
    beyond = mask & (np.arange(SIDE)[None, :] > lead.hole[0] + scene.holes.radius + 3)
    if beyond.sum() > 20:
        assert np.abs(image[beyond].astype(int) - scene.background[beyond]).max() > 30, "a lead lies there"


def test_a_lead_without_its_lower_knee_runs_on_past_its_hole(scene: Scene) -> None:
    kneed, lead = _kneed(scene)
    row, _ = _lower_knee(lead)
    past = 0
    for seed in range(20):
        _, mask = _straightened(kneed.image, kneed, lead, row, np.random.default_rng(seed))
        past += bool(mask[:, round(lead.hole[0] + scene.holes.radius) + 4 :].any())
    assert past >= 12


@pytest.mark.parametrize("seed", range(6))
def test_a_lead_that_leans_a_little_keeps_its_start_and_the_body_as_they_are(scene: Scene, seed: int) -> None:
    lead = scene.leads[seed % len(scene.leads)]
    image, seen, leaning = _leaning(
        scene.image, scene, lead, len(lead.path) // 2, np.random.default_rng(seed)
    )
    body = scene.body.mask(scene.image.shape[0])
    # A shadow may fall on the rim.
    inside = cv2.erode(body.astype(np.uint8), np.ones((31, 31), np.uint8)) > 0
    assert np.array_equal(image[inside], scene.image[inside])
    np.testing.assert_allclose(leaning.path[0], lead.path[0], atol=1e-6)
    length = np.hypot(*(lead.path[-1] - lead.path[0]))
    aside = np.hypot(*(leaning.path[-1] - lead.path[-1]))
    assert aside <= length * np.deg2rad(9.0) + 1e-6
    assert leaning.hole == lead.hole
    # What light the board has is taken from board alone.
    assert seen.part[leaning.mask(SIDE, 3) & ~body].mean() > 0.9
