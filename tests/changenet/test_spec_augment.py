"""TAO's augmentation block: framing moves images and label alike, colours leave the label alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector_app.changenet.tao.augment import LabelledPair, augment, recoloured
from inspector_app.core.tao_spec.data_keys import Augmentation, RandomColor

SIDE = 32
OFF: dict[str, object] = {
    "random_flip": {"enable": False},
    "random_rotate": {"enable": False},
    "random_color": {"enable": False},
    "with_scale_random_crop": {"enable": False},
    "with_random_blur": False,
    "with_random_crop": False,
}


def settings(**changes: object) -> Augmentation:
    return Augmentation.model_validate(OFF | changes)


def pair() -> LabelledPair:
    """A block of 8 x 4 pixels, bright in both images and marked in the label; the ground is not black."""
    image, label = np.full((SIDE, SIDE, 3), 60, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    image[4:12, 20:24], label[4:12, 20:24] = 220, 1
    return LabelledPair(image, image.copy(), label)


def varied(seed: int = 0, **changes: object) -> LabelledPair:
    return augment(pair(), settings(**changes), np.random.default_rng(seed))


def test_nothing_is_changed_when_all_is_off() -> None:
    same = varied()
    np.testing.assert_array_equal(same.test, pair().test)
    np.testing.assert_array_equal(same.label, pair().label)


@given(st.integers(0, 10_000))
def test_image_and_label_stay_together_and_keep_their_size(seed: int) -> None:
    done = augment(pair(), Augmentation(random_color=RandomColor(enable=False)), np.random.default_rng(seed))
    assert done.test.shape == done.golden.shape == (SIDE, SIDE, 3)
    assert done.label.shape == (SIDE, SIDE)
    assert set(np.unique(done.label)) <= {0, 1}
    np.testing.assert_array_equal(done.test, done.golden)
    # The brightest pixels lie within the label, but for interpolation at its edge.
    inside = done.test[:, :, 0] > 180
    assert (inside & (done.label == 0)).sum() <= 0.4 * max(1, inside.sum())


def test_flips_have_their_own_chances() -> None:
    mirrored = varied(random_flip={"hflip_probability": 1, "vflip_probability": 0})
    np.testing.assert_array_equal(mirrored.label, pair().label[:, ::-1])
    turned = varied(random_flip={"hflip_probability": 0, "vflip_probability": 1})
    np.testing.assert_array_equal(turned.test, pair().test[::-1])


def test_quarter_turns_are_exact_and_counter_clockwise() -> None:
    done = varied(random_rotate={"rotate_probability": 1, "angle_list": [90]})
    np.testing.assert_array_equal(done.label, np.rot90(pair().label))
    done = varied(random_rotate={"rotate_probability": 1, "angle_list": [-90]})
    np.testing.assert_array_equal(done.test, np.rot90(pair().test, -1))


def test_other_angles_ignore_what_they_uncover() -> None:
    done = varied(random_rotate={"rotate_probability": 1, "angle_list": [30]})
    assert set(np.unique(done.label)) == {0, 1, 255}
    assert (done.test[done.label == 255] <= 60).all()
    assert 24 <= (done.label == 1).sum() <= 40


def test_a_crop_enlarges_by_at_most_a_quarter() -> None:
    marked = [int((varied(seed, with_random_crop=True).label == 1).sum()) for seed in range(30)]
    whole = [count for count in marked if count >= 32]
    assert max(whole) > 32
    assert max(whole) <= 32 / 0.8 * 1.4


@pytest.mark.parametrize(("scale", "ignored"), [(0.5, True), (1.0, False), (2.0, False)])
def test_a_scaled_crop_ignores_what_it_does_not_cover(scale: float, ignored: bool) -> None:
    done = varied(with_scale_random_crop={"scale_range": [scale, scale]})
    assert ((done.label == 255).sum() == SIDE * SIDE * 3 // 4) == ignored
    assert (done.label == 255).any() == ignored
    if scale <= 1:
        assert (done.label == 1).sum() == 32 * scale * scale


def test_blur_softens_both_images_alike() -> None:
    done = varied(0, with_random_blur=True)
    assert (done.test != pair().test).any()
    np.testing.assert_array_equal(done.test, done.golden)
    np.testing.assert_array_equal(done.label, pair().label)


def test_colours_differ_between_golden_and_test_and_have_a_chance() -> None:
    done = varied(random_color={"color_probability": 1})
    assert (done.test != done.golden).any()
    np.testing.assert_array_equal(done.label, pair().label)
    same = varied(random_color={"color_probability": 0})
    np.testing.assert_array_equal(same.test, pair().test)


def test_no_change_of_colour_is_none() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    still = RandomColor(brightness=0, contrast=0, saturation=0, hue=0)
    np.testing.assert_array_equal(recoloured(image, still, np.random.default_rng(1)), image)


def test_brightness_stays_within_its_bounds() -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    only = RandomColor(brightness=0.3, contrast=0, saturation=0, hue=0)
    means = [recoloured(grey, only, np.random.default_rng(seed)).mean() for seed in range(60)]
    assert 70 <= min(means) < 80
    assert 120 < max(means) <= 130
