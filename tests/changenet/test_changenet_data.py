"""Reader, augmentation and sources: invariants of the pairs that a network is trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from changenet_pictures import SIDE, board, good_picture, part_mask, write_png
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector_app.changenet.arrays import Pair
from inspector_app.changenet.augment import (
    AugmentStrength,
    augment_pair,
    framing,
    misalignment,
    photometry,
    stretched,
)
from inspector_app.changenet.defects import paste_defect, random_defect, soil
from inspector_app.changenet.pair_folder import PairFolder, PairFolderError, read_mask
from inspector_app.changenet.sources import ObjectMix, ObjectSource, RenderedSource, StoredSource
from inspector_app.core.errors import KeeperError
from inspector_app.vision.annotations import truth_at

STILL = AugmentStrength(turn=0, zoom=0, shift=0, misalign=0, tilt=0, far=0, jitter=0, degrade=0)


def marked_pair() -> Pair:
    """A pair whose test image is white exactly where its mask is set."""
    test = np.zeros((SIDE, SIDE, 3), np.uint8)
    mask = np.zeros((SIDE, SIDE), bool)
    test[20:50, 30:44], mask[20:50, 30:44] = 255, True
    return Pair(np.zeros_like(test), test, mask)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([64, 96, 128]))
def test_the_mask_follows_the_test_image(seed: int, size: int) -> None:
    strength = AugmentStrength(turn=0.8, jitter=0, degrade=0)
    out = augment_pair(marked_pair(), size, strength, np.random.default_rng(seed))
    assert out.test.shape == out.golden.shape == (size, size, 3)
    assert out.mask.shape == (size, size)
    differs = (out.test[..., 0] > 127) != out.mask
    assert differs.sum() <= 4 * 2 * size * 0.02 + 8  # only seam pixels may round apart


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_part_of_one_object_is_never_seen_upside_down(seed: int) -> None:
    down = framing(320, 256, AugmentStrength(), np.random.default_rng(seed)) @ np.array([0.0, 1.0, 0.0])
    assert down[1] > 0
    assert down[0] == pytest.approx(0.0)


def test_some_goldens_lie_far_from_their_test() -> None:
    """A tenth and more are turned by degrees, none by more than five; most lie where they are to a hundredth."""
    angles, moves = [], []
    for seed in range(400):
        motion = misalignment(320, AugmentStrength(), np.random.default_rng(seed))
        angles.append(abs(np.degrees(np.arctan2(motion[1, 0], motion[0, 0]))))
        centre = motion @ np.array([159.5, 159.5, 1.0])
        moves.append(np.abs(centre[:2] - 159.5).max() / 320)
    far = np.array(angles) > 0.71
    assert 0.08 < far.mean() < 0.2
    assert max(angles) <= 4.91
    assert max(moves) <= 0.0701
    assert np.median(moves) < 0.01
    never = AugmentStrength(far=0.0)
    for seed in range(100):
        motion = misalignment(320, never, np.random.default_rng(seed))
        assert abs(np.degrees(np.arctan2(motion[1, 0], motion[0, 0]))) <= 0.701


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_mask_of_what_is_drawn_out_of_shape_follows_it(seed: int) -> None:
    pair = marked_pair()
    picture, mask = stretched(pair.test, pair.mask, np.random.default_rng(seed))
    assert picture.dtype == np.uint8
    differs = (picture[..., 0] > 127) != mask
    assert differs.sum() <= 4  # both are interpolated and cut at one half
    # A hundredth of the side, or a few of it: the shape stays where it was, about as large.
    assert mask.sum() == pytest.approx(pair.mask.sum(), rel=0.35)
    rows, columns = np.nonzero(mask)
    assert abs(rows.mean() - 34.5) < 0.06 * SIDE
    assert abs(columns.mean() - 36.5) < 0.06 * SIDE


def test_only_small_real_defects_are_drawn_out_of_shape() -> None:
    small, large = marked_pair(), marked_pair()
    large.mask[:60, :60] = True
    always = ObjectMix(good=0, real=1, pasted=0, displaced=0, lead=0, broken=0, soiled=0, stretched=1)
    for pair, kept in ((small, False), (large, True)):
        source = ObjectSource(
            [pair, Pair(pair.golden, pair.golden, np.zeros_like(pair.mask))], 0, STILL, always
        )
        areas = {int(source.pair(index, SIDE).mask.sum()) for index in range(6)}
        assert (areas == {int(pair.mask.sum())}) == kept


def test_a_swap_exchanges_the_roles_and_keeps_the_mask() -> None:
    pair = marked_pair()
    swapped = AugmentStrength(**{**STILL.__dict__, "swap": 1.0})
    out = augment_pair(pair, SIDE, swapped, np.random.default_rng(1))
    assert out.golden.max() == 255
    assert out.test.max() == 0
    assert out.mask.sum() == pair.mask.sum()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_photometry_keeps_size_and_type_and_its_input(seed: int) -> None:
    image = good_picture()
    before = image.copy()
    out = photometry(image, AugmentStrength(degrade=1.0), np.random.default_rng(seed))
    assert out.dtype == np.uint8
    assert out.shape == image.shape
    assert np.array_equal(image, before)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_defect_is_marked_where_the_picture_changed(seed: int) -> None:
    image = good_picture()
    changed, mask = random_defect(image, board(), part_mask(), np.random.default_rng(seed))
    difference = np.abs(changed.astype(int) - image).max(axis=2)
    assert changed.shape == image.shape
    assert not (difference[~mask] > 60).any()
    assert mask.mean() < 0.3


def test_a_pasted_defect_shows_the_defect_on_the_good_picture() -> None:
    defective, mask = good_picture(1), np.zeros((SIDE, SIDE), bool)
    defective[40:50, 40:50], mask[40:50, 40:50] = (255, 0, 0), True
    out, truth = paste_defect(good_picture(2), defective, mask, np.random.default_rng(0))
    assert truth.sum() == pytest.approx(100, abs=25)
    assert (out[truth][:, 0] > 150).mean() > 0.8


def test_the_reader_takes_masks_of_one_and_of_255_and_names_with_spaces(pair_folder: Path) -> None:
    folder = PairFolder(pair_folder)
    names = folder.names("train")
    assert len(names) == 8
    assert folder.names("val") == names[3:6]
    assert folder.read(names[4]).mask.sum() == 80
    pair = folder.read(names[6], 64)
    assert pair.test.shape == (64, 64, 3)
    assert pair.mask.mean() > 0.3


def test_the_reader_names_what_is_missing(pair_folder: Path) -> None:
    (pair_folder / "label" / "pair 1.png").unlink()
    folder = PairFolder(pair_folder)
    with pytest.raises(PairFolderError, match=r"There is no .*pair 1\.png"):
        folder.read("pair 1.png")
    with pytest.raises(KeeperError, match=r"There is no list .*test\.txt.*: train, val\."):
        folder.names("test")
    with pytest.raises(KeeperError, match=r"There is no data set .*gone\."):
        PairFolder(pair_folder / "gone").names("train")


def test_an_object_source_gives_the_same_pair_for_the_same_index(pair_folder: Path) -> None:
    folder = PairFolder(pair_folder)
    pairs = [folder.read(name) for name in folder.names("train")]
    first, second = (ObjectSource(pairs, 3, AugmentStrength(), ObjectMix()) for _ in range(2))
    shares = []
    for index in range(60):
        a, b = first.pair(index, 64), second.pair(index, 64)
        assert np.array_equal(a.test, b.test)
        assert np.array_equal(a.mask, b.mask)
        shares.append(bool(a.mask.any()))
    assert 0.1 < 1 - np.mean(shares) < 0.6


def test_pairs_in_a_row_share_a_golden_but_not_a_test(pair_folder: Path) -> None:
    folder = PairFolder(pair_folder)
    pairs = [folder.read(name) for name in folder.names("train")]
    source = ObjectSource(pairs, 3, AugmentStrength(), ObjectMix(), view=SIDE, golden_share=4)
    alone = ObjectSource(pairs, 3, AugmentStrength(), ObjectMix(), view=SIDE, golden_share=4)
    made = [source.pair(index, 64) for index in range(8)]
    goldens, tests = (
        {one.tobytes() for one in kind} for kind in zip(*((p.golden, p.test) for p in made), strict=True)
    )
    assert len(goldens) == 2
    assert len({p.golden.tobytes() for p in made[:4]}) == 1
    assert len(tests) == 8
    assert np.array_equal(alone.pair(6, 64).golden, made[6].golden)
    assert np.array_equal(alone.pair(6, 64).test, made[6].test)


def test_mask_and_test_stay_together_where_a_golden_is_shared() -> None:
    pair = marked_pair()
    still = AugmentStrength(jitter=0, degrade=0)
    source = ObjectSource(
        [pair], 0, still, ObjectMix(good=0, real=1, stretched=0, soiled=0), view=SIDE, golden_share=4
    )
    for index in range(24):
        out = source.pair(index, 64)
        assert ((out.test[..., 0] > 127) != out.mask).sum() <= 4 * 2 * 64 * 0.02 + 8


def test_a_stored_source_visits_every_pair_once_a_round(pair_folder: Path) -> None:
    folder = PairFolder(pair_folder)
    pairs = [folder.read(name) for name in folder.names("train")]
    source = StoredSource(pairs, 0, STILL)
    found = [float(source.pair(index, SIDE).mask.mean()) for index in range(len(pairs))]
    assert sorted(np.round(found, 2)) == sorted(np.round([p.mask.mean() for p in pairs], 2))
    with pytest.raises(PairFolderError, match="no training pairs"):
        StoredSource([], 0, STILL)


def test_a_rendered_source_renders_anew_for_each_index() -> None:
    def render(rng: np.random.Generator) -> Pair:
        test = np.full((64, 64, 3), int(rng.integers(256)), np.uint8)
        return Pair(test, test, np.zeros((64, 64), bool))

    source = RenderedSource(render, 0, STILL)
    assert len({int(source.pair(i, 64).test[0, 0, 0]) for i in range(20)}) > 10
    assert np.array_equal(source.pair(5, 64).test, source.pair(5, 64).test)


def test_soil_lies_beside_what_is_kept() -> None:
    image, keep = good_picture(), np.zeros((SIDE, SIDE), bool)
    keep[10:90, 10:90] = True
    changed = np.zeros((SIDE, SIDE), bool)
    for seed in range(8):
        changed |= (soil(image, keep, np.random.default_rng(seed)) != image).any(axis=2)
    assert changed[~keep].any()
    assert not changed[20:80, 20:80].any()


def test_a_defect_too_small_for_the_grid_still_makes_its_picture_a_bad_one(tmp_path: Path) -> None:
    mask = np.zeros((400, 400), np.uint8)
    mask[201:203, 202:204] = 255
    write_png(tmp_path / "mask.png", mask)
    assert not truth_at(mask > 0, (64, 64)).any()
    assert 1 <= read_mask(tmp_path / "mask.png", 64).sum() <= 4
    write_png(tmp_path / "none.png", np.zeros_like(mask))
    assert not read_mask(tmp_path / "none.png", 64).any()


def test_ready_made_pairs_are_squares() -> None:
    wide = np.zeros((40, 100, 3), np.uint8)
    with pytest.raises(PairFolderError, match="100 x 40"):
        StoredSource([Pair(wide, wide, wide[..., 0] > 0)], 0, STILL)
