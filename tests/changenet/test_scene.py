"""Good pictures taken apart, and where a part belongs."""

from __future__ import annotations

import numpy as np
import pytest
from leaded_board import HOLES, PITCH, SHIFT, SIDE, board, displaced_masks, good_picture

from inspector_app.changenet.board import find_holes
from inspector_app.changenet.scene import Body, Scene, take_all_apart, take_apart, vote_outline


def test_a_plain_table_is_no_perforated_board() -> None:
    plain = np.random.default_rng(0).integers(90, 110, (SIDE, SIDE, 3)).astype(np.uint8)
    masks, _ = displaced_masks()
    assert vote_outline(masks, [plain] * 3) is None


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


def test_masks_that_agree_on_nothing_give_no_outline() -> None:
    left, right = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    left[20:150, 4:80] = right[20:150, 110:188] = True
    assert vote_outline([left, right], [board(), board()]) is None


def test_a_scene_knows_body_leads_and_holes(scene: Scene) -> None:
    body = scene.body.mask(SIDE)
    expected = np.zeros((SIDE, SIDE), bool)
    expected[28:99, 58:129] = True
    assert (body & expected).sum() / (body | expected).sum() > 0.85
    assert [lead.hole for lead in scene.leads] == [pytest.approx(hole, abs=1.6) for hole in HOLES]
    for lead, start in zip(scene.leads, (72, 93, 114), strict=True):
        assert lead.path[len(lead.path) // 2][0] == pytest.approx((start + lead.hole[0]) / 2, abs=7)
    assert np.abs(scene.background.astype(int) - board()).mean() < 6


def test_a_picture_without_a_board_is_left_out(scene: Scene) -> None:
    outline = vote_outline(*displaced_masks())
    assert outline is not None
    plain = np.full((SIDE, SIDE, 3), 120, np.uint8)
    assert take_apart(plain, outline) is None
    assert len(take_all_apart([plain, good_picture()], outline)) == 1


def test_scenes_come_in_order_however_many_threads_take_them_apart() -> None:
    outline = vote_outline(*displaced_masks())
    assert outline is not None
    pictures = [good_picture(seed) for seed in range(5)]
    alone, together = (take_all_apart(pictures, outline, threads) for threads in (1, 3))
    for one, other, picture in zip(alone, together, pictures, strict=True):
        assert np.array_equal(one.image, picture)
        assert np.array_equal(other.image, picture)
        assert np.array_equal(one.background, other.background)
        assert np.array_equal(one.part, other.part)


def test_a_body_that_reaches_the_edge_of_the_picture_leaves_short_leads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outline = vote_outline(*displaced_masks())
    assert outline is not None
    # What is found in a picture that shows something else.
    low = Body((93.0, 150.0), (71.0, 90.0), 0.0)
    monkeypatch.setattr("inspector_app.changenet.scene._measure_body", lambda *_: low)
    taken = take_apart(good_picture(), outline)
    assert taken is not None
    assert len(taken.leads) == 3
