"""Nuisances: light, exposure, position; none of them may say anything about defects."""

import numpy as np

from inspector_app.synthesis import nuisances
from inspector_app.synthesis.canvas import blank, text


def _picture() -> np.ndarray:
    image = blank((80, 96), (120, 90, 60))
    text(image, "AB12", (10, 50), 20, (240, 240, 240), 2)
    return image


def test_no_strength_means_the_same_light() -> None:
    image = _picture()
    same = nuisances.relit(np.random.default_rng(0), image, 0.0)
    assert np.abs(same.astype(int) - image).max() <= 1


def test_other_light_keeps_the_drawing() -> None:
    image = _picture()
    for seed in range(10):
        lit = nuisances.relit(np.random.default_rng(seed), image, 1.0)
        assert np.corrcoef(lit.ravel(), image.ravel())[0, 1] > 0.6


def test_resting_view_is_a_crop() -> None:
    matrix = nuisances.view_matrix(nuisances.View(), (7, 9), 64)
    assert np.allclose(matrix, [[1, 0, -7], [0, 1, -9]])


def test_views_stay_within_their_margin() -> None:
    rng = np.random.default_rng(1)
    views = [nuisances.draw_view(rng, 200, loose=loose) for loose in (False, True) for _ in range(200)]
    assert max(max(abs(v.dx), abs(v.dy)) for v in views) <= 0.08 * 200
    assert max(abs(v.turn) for v in views) <= 3.0


def test_exposure_keeps_shape_and_type() -> None:
    rng = np.random.default_rng(2)
    for _ in range(12):
        out = nuisances.expose(rng, _picture(), nuisances.draw_camera(rng))
        assert out.shape == (80, 96, 3)
        assert out.dtype == np.uint8


def test_bitmap_holds_black_and_white_only() -> None:
    out = nuisances.binarised(np.random.default_rng(3), _picture(), 0.5, 3)
    assert set(np.unique(out)) <= {0, 255}
