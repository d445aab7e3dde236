"""Perturbations: none at strength 0, the truth goes where its pixels go, light and focus leave it alone."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector_app.core.change_map import Mask
from inspector_app.core.frame import RgbArray
from inspector_app.vision.perturb import Nuisance, Perturbation, motion, perturb

NUISANCES, SEEDS, STRENGTHS = st.sampled_from(Nuisance), st.integers(0, 2**31), st.floats(0.05, 1.0)
SIDE = 96
MOVING = (Nuisance.SHIFT, Nuisance.TURN, Nuisance.SCALE)


def picture() -> tuple[RgbArray, Mask]:
    """Grey, with a bright disc that is the truth."""
    pixels = np.full((SIDE, SIDE, 3), 90, np.uint8)
    cv2.circle(pixels, (60, 40), 15, (200, 200, 200), -1)
    return pixels, pixels[:, :, 0] > 150


@given(NUISANCES, SEEDS)
def test_nothing_happens_at_strength_zero(nuisance: Nuisance, seed: int) -> None:
    pixels, truth = picture()
    same, mask = perturb(pixels, truth, Perturbation(nuisance, 0.0), np.random.default_rng(seed))
    assert same is pixels
    assert mask is truth


@settings(deadline=None)
@given(NUISANCES, SEEDS, STRENGTHS)
def test_the_truth_stays_right(nuisance: Nuisance, seed: int, strength: float) -> None:
    pixels, truth = picture()
    changed, mask = perturb(pixels, truth, Perturbation(nuisance, strength), np.random.default_rng(seed))
    assert changed.shape == pixels.shape
    assert not changed.flags.writeable
    assert mask is not None
    grey = changed[:, :, 0].astype(float)
    # Bright inside the truth and dark outside, but for the rim.
    inside = cv2.erode(mask.astype(np.uint8), np.ones((5, 5))) > 0
    outside = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) == 0
    assert inside.any()
    assert grey[inside].min() > grey[outside].max()
    if nuisance not in MOVING:
        assert mask is truth


@given(SEEDS, STRENGTHS)
def test_a_shift_is_as_far_as_it_says(seed: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    matrix = motion(Perturbation(Nuisance.SHIFT, strength), rng.uniform(0, 2 * math.pi), (200, 100))
    assert matrix is not None
    assert math.hypot(matrix[0, 2], matrix[1, 2]) == pytest.approx(strength * 0.05 * 200)


@given(SEEDS)
def test_turns_and_scales_leave_the_middle_and_are_as_large_as_they_say(seed: int) -> None:
    direction = np.random.default_rng(seed).uniform(0, 2 * math.pi)
    for nuisance in (Nuisance.TURN, Nuisance.SCALE):
        matrix = motion(Perturbation(nuisance, 1.0), direction, (101, 51))
        assert matrix is not None
        assert matrix @ (50, 25, 1) == pytest.approx((50, 25))
        scale = math.hypot(matrix[0, 0], matrix[1, 0])
        turn = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
        assert (abs(turn), abs(scale - 1)) == pytest.approx(
            (5.0, 0.0) if nuisance is Nuisance.TURN else (0.0, 0.04), abs=1e-9
        )


def test_the_same_seed_gives_the_same_image_and_another_one_another() -> None:
    pixels, truth = picture()
    first, again, other = (
        perturb(pixels, truth, Perturbation(Nuisance.SHIFT, 1.0), np.random.default_rng(seed))[0]
        for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_light_multiplies_and_is_clipped() -> None:
    pixels = np.full((8, 8, 3), 100, np.uint8)
    rng = np.random.default_rng(0)
    assert (perturb(pixels, None, Perturbation(Nuisance.BRIGHTER, 1.0), rng)[0] == 130).all()
    assert (perturb(pixels, None, Perturbation(Nuisance.DARKER, 0.5), rng)[0] == 85).all()
    white = np.full((8, 8, 3), 250, np.uint8)
    assert (perturb(white, None, Perturbation(Nuisance.BRIGHTER, 1.0), rng)[0] == 255).all()
    lit, _ = perturb(pixels, None, Perturbation(Nuisance.GRADIENT, 1.0), rng)
    assert (int(lit.min()), int(lit.max())) == (70, 130)


def test_out_of_focus_keeps_the_light_and_takes_the_detail() -> None:
    pixels, _ = picture()
    large = cv2.resize(pixels, (512, 512), interpolation=cv2.INTER_NEAREST)
    blurred, _ = perturb(large, None, Perturbation(Nuisance.BLUR, 1.0), np.random.default_rng(0))
    assert blurred.mean() == pytest.approx(large.mean(), abs=0.5)
    assert (
        np.abs(np.diff(blurred[:, :, 0].astype(int))).max()
        < np.abs(np.diff(large[:, :, 0].astype(int))).max()
    )


def test_strengths_are_told_in_their_own_units() -> None:
    told = {nuisance: Perturbation(nuisance, 1.0).text for nuisance in Nuisance}
    assert told[Nuisance.SHIFT] == "5.0 %"
    assert told[Nuisance.TURN] == "5.0 degrees"
    assert told[Nuisance.SCALE] == "4.0 %"
    assert told[Nuisance.BRIGHTER] == told[Nuisance.DARKER] == "30 %"
    assert told[Nuisance.JPEG] == "quality 60"
