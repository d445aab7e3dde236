"""Rendered pairs: deterministic, well-formed, and with masks that say what changed."""

import numpy as np
import pytest

from inspector_app.synthesis import DEMO_FAMILIES, TRAINING_FAMILIES, SyntheticPair, render_pair
from inspector_app.synthesis.families import TRAINING_MIX
from inspector_app.synthesis.pairs import GOOD, VISIBLE_LEVELS, make_flawed
from inspector_app.synthesis.scene import render

ALL_FAMILIES = sorted([*TRAINING_FAMILIES, *DEMO_FAMILIES])


def _pair(seed: int, family: str, size: int = 96) -> SyntheticPair:
    return render_pair(np.random.default_rng(seed), [family], size)


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("size", [64, 101, 160])
def test_every_family_renders_at_any_size(family: str, size: int) -> None:
    pair = _pair(size, family, size)
    for image in (pair.golden, pair.test):
        assert image.shape == (size, size, 3)
        assert image.dtype == np.uint8
        assert image.std() > 0
    assert pair.mask.shape == (size, size)
    assert pair.mask.dtype == np.bool_
    assert pair.family == family


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_same_seed_gives_the_same_pair_and_another_seed_another(family: str) -> None:
    first, again, other = _pair(3, family), _pair(3, family), _pair(4, family)
    assert np.array_equal(first.golden, again.golden)
    assert np.array_equal(first.test, again.test)
    assert np.array_equal(first.mask, again.mask)
    assert first.kind == again.kind
    assert not np.array_equal(first.golden, other.golden)


def test_good_pairs_have_empty_masks_and_defective_ones_do_not() -> None:
    pairs = [render_pair(np.random.default_rng((5, seed)), size=96) for seed in range(60)]
    for pair in pairs:
        assert pair.mask.any() == (pair.kind != GOOD)
    share = sum(p.kind == GOOD for p in pairs) / len(pairs)
    assert 0.2 < share < 0.6


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_mask_is_where_the_unit_differs_before_nuisances(family: str) -> None:
    rng = np.random.default_rng(11)
    unit = (TRAINING_FAMILIES | DEMO_FAMILIES)[family](rng, (160, 160))
    reference = render(unit)
    checked = 0
    for _ in range(6):
        flawed = make_flawed(rng, unit, 8)
        if flawed.kind == GOOD:
            continue
        checked += 1
        differs = np.abs(reference.astype(int) - flawed.image).max(axis=2) >= VISIBLE_LEVELS
        # What the mask leaves out are specks; what it adds are closed gaps and the places of moved parts.
        assert (differs & ~flawed.mask).sum() <= 0.2 * differs.sum() + 12
        assert (differs & flawed.mask).sum() >= 0.3 * flawed.mask.sum()
    assert checked >= 3


def test_families_of_the_demo_are_not_trained_on() -> None:
    assert not set(DEMO_FAMILIES) & set(TRAINING_FAMILIES)
    assert set(TRAINING_MIX) == set(TRAINING_FAMILIES)


def test_families_can_be_chosen() -> None:
    seen = {render_pair(np.random.default_rng(seed), ["wood", "label"], 64).family for seed in range(12)}
    assert seen == {"wood", "label"}


def test_unknown_family_is_named() -> None:
    with pytest.raises(ValueError, match=r"'teapot'.*wood"):
        render_pair(np.random.default_rng(0), ["teapot"])


def test_too_small_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 64"):
        render_pair(np.random.default_rng(0), size=32)


def test_global_random_state_is_left_alone() -> None:
    before = np.random.get_state()[1]
    render_pair(np.random.default_rng(0), size=64)
    assert np.array_equal(before, np.random.get_state()[1])
