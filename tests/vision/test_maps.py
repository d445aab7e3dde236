from __future__ import annotations

import numpy as np
import pytest

from inspector_app.core.change_map import Affine, ChangeMap, Registration, level_of, quantise
from inspector_app.vision.maps import levels_at, native_levels


def dot(size: int, x: int, y: int, radius: int = 3) -> np.ndarray:
    levels = np.zeros((size, size), dtype=np.uint8)
    levels[y - radius : y + radius + 1, x - radius : x + radius + 1] = 255
    return levels


def centre(levels: np.ndarray) -> tuple[float, float]:
    ys, xs = np.nonzero(levels > 127)
    return float(xs.mean()), float(ys.mean())


def test_on_its_own_grid_the_map_is_taken_as_it_is() -> None:
    change = ChangeMap(dot(64, 20, 30), (512, 512), (512, 512))
    assert levels_at(change, (64, 64)) is change.levels


@pytest.mark.parametrize(("width", "height"), [(128, 128), (512, 256), (100, 37)])
def test_without_alignment_it_is_stretched_over_the_test_image(width: int, height: int) -> None:
    change = ChangeMap(dot(64, 20, 30), (width, height), (width, height))
    native = native_levels(change)
    assert native.shape == (height, width)
    x, y = centre(native)
    assert x == pytest.approx((20.5) * width / 64 - 0.5, abs=1.0)
    assert y == pytest.approx((30.5) * height / 64 - 0.5, abs=1.0)


def test_with_alignment_it_lies_where_the_defect_lies_on_the_test_image() -> None:
    # The part lies 8 pixels to the right on the test image: test x = golden x + 8.
    moved = Registration(Affine(tx=-8.0, ty=4.0), 0.0, 1.0)
    change = ChangeMap(dot(128, 50, 60), (128, 128), (128, 128), moved)
    assert centre(native_levels(change)) == pytest.approx((58.0, 56.0), abs=0.5)


def test_the_test_image_may_have_another_size_than_the_golden() -> None:
    change = ChangeMap(dot(64, 20, 20), (200, 160), (128, 128), Registration(Affine(), 0.0, 1.0))
    native = native_levels(change)
    assert native.shape == (160, 200)
    assert centre(native) == pytest.approx((40.5, 40.5), abs=1.0)
    assert native[:, 130:].max() == 0


@pytest.mark.parametrize("threshold", [0.01, 0.25, 0.5, 0.75, 1.0])
def test_levels_and_thresholds_agree_with_probabilities(threshold: float) -> None:
    levels = np.arange(256)
    np.testing.assert_array_equal(levels >= level_of(threshold), levels / 255 >= threshold)


def test_half_is_change_as_argmax_has_it() -> None:
    probability = np.array([[0.49, 0.5, 0.51]], dtype=np.float32)
    assert (quantise(probability) >= level_of(0.5)).tolist() == [[False, True, True]]


def test_levels_are_read_only_and_checked() -> None:
    change = ChangeMap(dot(64, 20, 20), (64, 64), (64, 64))
    with pytest.raises(ValueError, match="read-only"):
        change.levels[0, 0] = 1
    with pytest.raises(ValueError, match="uint8"):
        ChangeMap(np.zeros((4, 4), dtype=np.float32), (4, 4), (4, 4))  # type: ignore[arg-type]
