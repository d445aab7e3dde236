"""Scenes taken apart and the defects staged in them: the mask is what an annotator would draw."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inspector_app.changenet.board import fill_periodic, find_holes, pitch_of
from inspector_app.changenet.scene import Scene, take_all_apart, take_apart, vote_outline
from inspector_app.changenet.staged_defects import break_body, damage_leads
from inspector_app.changenet.staged_places import displace, put_back

SIDE, PITCH, SHIFT = 192, 42, (9, 15)
HOLES = ((51, 141), (93, 141), (135, 141))

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def board(shift: tuple[int, int] = SHIFT) -> Image:
    """Copper with dark holes of a fifth of the pitch."""
    image = np.full((SIDE, SIDE, 3), (150, 95, 75), np.uint8)
    for y in range(shift[1] - PITCH, SIDE + PITCH, PITCH):
        for x in range(shift[0] - PITCH, SIDE + PITCH, PITCH):
            cv2.circle(image, (x, y), 8, (25, 22, 20), -1)
    return image


def good_picture(seed: int = 0) -> Image:
    """A dark body with three bright leads that end in holes."""
    image = board()
    cv2.rectangle(image, (58, 28), (128, 98), (22, 22, 24), -1)
    for start, (x, y) in zip((72, 93, 114), HOLES, strict=True):
        cv2.line(image, (start, 99), (x, y), (190, 190, 188), 6)
    noise = np.random.default_rng(seed).integers(-2, 3, image.shape)
    return np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def displaced_masks() -> tuple[list[Mask], list[Image]]:
    """Two annotations of displaced parts: both cover where the part belongs, one a place beside it as well."""
    belongs = np.zeros((SIDE, SIDE), np.uint8)
    cv2.rectangle(belongs, (44, 20), (142, 104), 1, -1)
    for x, y in HOLES:
        cv2.rectangle(belongs, (x - 8, 100), (x + 8, y), 1, -1)
        cv2.circle(belongs, (x, y), 8, 1, -1)
    aside = belongs.copy()
    cv2.rectangle(aside, (140, 20), (170, 90), 1, -1)
    masks = [belongs > 0, belongs > 0, aside > 0]
    return masks, [board(), board(), board()]


@pytest.fixture(scope="module")
def scene() -> Scene:
    outline = vote_outline(*displaced_masks())
    assert outline is not None
    return take_all_apart([good_picture(seed) for seed in range(3)], outline)[0]


def test_the_holes_are_found_where_the_board_is_visible() -> None:
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[20:150, 40:150] = True
    image = good_picture()
    pitch = pitch_of(image, hidden)
    assert pitch == pytest.approx((PITCH, PITCH), abs=0.5)
    grid = find_holes(image, hidden, pitch)
    assert grid is not None
    for hole in HOLES:
        assert grid.nearest(*hole) == pytest.approx(hole, abs=1.6)


def test_a_plain_table_is_no_perforated_board() -> None:
    plain = np.random.default_rng(0).integers(90, 110, (SIDE, SIDE, 3)).astype(np.uint8)
    masks, _ = displaced_masks()
    assert vote_outline(masks, [plain] * 3) is None


def test_a_periodic_background_is_restored_behind_the_part() -> None:
    image = board()
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[60:140, 60:132] = True
    covered = image.copy()
    covered[hidden] = 0
    assert np.abs(fill_periodic(covered, hidden, (PITCH, PITCH)).astype(int) - image).mean() < 4


def test_the_outline_is_what_large_masks_agree_on_and_moves_with_the_board() -> None:
    masks, images = displaced_masks()
    small = np.zeros((SIDE, SIDE), bool)
    assert vote_outline([small, masks[0]], images[:2]) is None
    outline = vote_outline(masks, images)
    assert outline is not None
    assert outline.mask[60, 90]
    assert not outline.mask[60, 160]
    moved = find_holes(board((SHIFT[0] + 6, SHIFT[1] + 4)), small, (PITCH, PITCH))
    assert moved is not None
    before, after = np.argwhere(outline.mask).mean(axis=0), np.argwhere(outline.on(moved)).mean(axis=0)
    assert after - before == pytest.approx((4, 6), abs=1.5)


def test_where_a_displaced_part_lies_its_mask_tells_nothing_of_the_outline() -> None:
    masks, images = displaced_masks()
    between_leads = (slice(110, 130), slice(70, 76))
    covered = masks[0].copy()
    covered[104:140, 60:84] = True
    lying = board()
    lying[104:140, 60:84] = (190, 190, 188)
    # Three of five masks cover the gap, for a part lies in it.
    outline = vote_outline([*masks[:2], *[covered] * 3], [*images[:2], *[lying] * 3])
    assert outline is not None
    assert not outline.mask[between_leads].any()
    assert outline.mask[60, 90]


def test_a_scene_knows_body_leads_and_holes(scene: Scene) -> None:
    body = scene.body.mask(SIDE)
    expected = np.zeros((SIDE, SIDE), bool)
    expected[28:99, 58:129] = True
    assert (body & expected).sum() / (body | expected).sum() > 0.85
    assert [lead.hole for lead in scene.leads] == [pytest.approx(hole, abs=1.6) for hole in HOLES]
    for lead, start in zip(scene.leads, (72, 93, 114), strict=True):
        assert lead.path[len(lead.path) // 2][0] == pytest.approx((start + lead.hole[0]) / 2, abs=7)
    assert np.abs(scene.background.astype(int) - board()).mean() < 6


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


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_displaced_part_covers_its_place_and_where_it_lies(scene: Scene, seed: int) -> None:
    image, mask = displace(scene, scene, np.random.default_rng(seed))
    assert image.shape == scene.image.shape
    assert not (scene.outline & ~mask).any()


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


def test_a_picture_without_a_board_is_left_out(scene: Scene) -> None:
    outline = vote_outline(*displaced_masks())
    assert outline is not None
    plain = np.full((SIDE, SIDE, 3), 120, np.uint8)
    assert take_apart(plain, outline) is None
    assert len(take_all_apart([plain, good_picture()], outline)) == 1


def test_masks_that_agree_on_nothing_give_no_outline() -> None:
    left, right = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    left[20:150, 4:80] = right[20:150, 110:188] = True
    assert vote_outline([left, right], [board(), board()]) is None
