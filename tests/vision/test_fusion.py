from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from inspector_app.core.change_map import Affine, Registration
from inspector_app.vision.fusion import GoldenFusion, fuse_mirrored, fuse_views

SIZE = (40, 30)


def flat(value: float) -> NDArray[np.float32]:
    return np.full((30, 40), value, dtype=np.float32)


def shift(x: float) -> Registration:
    return Registration(Affine(tx=x), 0.0, 1.0)


def test_either_view_is_enough_for_a_change() -> None:
    whole, tiles = np.zeros((10, 10), np.float32), flat(0.0)
    whole[:, :5] = 0.9
    tiles[3, 35] = 0.8
    fused = fuse_views(whole, tiles)
    assert fused.shape == (30, 40)
    assert fused[15, 2] == pytest.approx(0.9)
    assert fused[3, 35] == pytest.approx(0.8)
    assert fused[15, 35] == 0.0


def test_goldens_that_agree_leave_the_probability_as_it_is() -> None:
    fusion = GoldenFusion(SIZE, SIZE, SIZE)
    for _ in range(3):
        fusion.add(flat(0.7), None)
    np.testing.assert_allclose(fusion.result(), 0.7, atol=1e-5)


def test_a_sure_golden_speaks_against_a_change_that_another_sees() -> None:
    fusion = GoldenFusion(SIZE, SIZE, SIZE)
    fusion.add(flat(0.8), None)
    fusion.add(flat(0.01), None)
    assert fusion.result().max() < 0.2


def test_one_certain_voice_does_not_decide_alone() -> None:
    fusion = GoldenFusion(SIZE, SIZE, SIZE)
    for value in (0.0, 1.0):
        fusion.add(flat(value), None)
    np.testing.assert_allclose(fusion.result(), 0.5, atol=0.01)


def test_maps_of_goldens_that_lie_differently_meet_in_the_test_images_frame() -> None:
    fusion = GoldenFusion(SIZE, SIZE, SIZE)
    for moved in (0, 3, 5):
        seen = flat(0.05)
        seen[10:16, 12 + moved : 20 + moved] = 0.95
        fusion.add(seen, shift(moved))
    fused = fusion.result() > 0.5
    expected = np.zeros_like(fused)
    expected[10:16, 12:20] = True
    np.testing.assert_array_equal(fused, expected)


def test_a_golden_has_no_say_on_what_it_does_not_cover() -> None:
    fusion = GoldenFusion(SIZE, SIZE, SIZE)
    fusion.add(flat(0.9), shift(10))
    fusion.add(flat(0.9), shift(6))
    fused = fusion.result()
    np.testing.assert_allclose(fused[:, :33], 0.9, atol=1e-4)
    assert (fused[:, 35:] == 0).all()


def test_a_coarse_grid_over_another_size_of_image_is_mapped_rightly() -> None:
    # A test image of 80 x 60 on a golden of 40 x 30 that shows the same, half as large.
    fusion = GoldenFusion((80, 60), SIZE, (20, 15))
    seen = flat(0.05)
    seen[10:20, 20:30] = 0.95
    fusion.add(seen, Registration(Affine(xx=0.5, yy=0.5, tx=-0.25, ty=-0.25), 0.0, 1.0))
    wanted = cv2.resize(seen, (20, 15), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(fusion.result(), wanted, atol=0.02)


@given(
    arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32)),
    arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32)),
)
def test_a_map_and_its_mirror_image_are_fused_by_the_mean_of_their_log_odds(
    plain: NDArray[np.float32], mirrored: NDArray[np.float32]
) -> None:
    fused = fuse_mirrored(plain, mirrored)
    goldens = GoldenFusion((5, 3), (5, 3), (5, 3))
    goldens.add(plain, None)
    goldens.add(mirrored[:, ::-1], None)
    np.testing.assert_allclose(fused, goldens.result(), atol=1e-4)
    np.testing.assert_array_equal(fused[:, ::-1], fuse_mirrored(mirrored, plain))


def test_a_mirror_image_that_says_the_same_changes_nothing() -> None:
    seen = np.linspace(0, 1, 40, dtype=np.float32)[None].repeat(30, axis=0)
    np.testing.assert_allclose(fuse_mirrored(seen, seen[:, ::-1]), seen, atol=1e-5)
