from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inspector_app.core.manifest import InputSpec
from inspector_app.vision.tensors import bicubic_antialias, to_tensor


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_tensor_is_rgb_nchw_normalised() -> None:
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    pixels[..., 0], pixels[..., 1] = 255, 128
    tensor = to_tensor(pixels, InputSpec(height=32, width=32))
    assert tensor.shape == (1, 3, 32, 32)
    assert tensor.dtype == np.float32
    np.testing.assert_allclose(tensor[0, :, 0, 0], [1.0, 128 / 127.5 - 1, -1.0], atol=1e-6)


def test_mean_and_deviation_are_per_channel() -> None:
    spec = InputSpec(height=32, width=32, mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))
    tensor = to_tensor(np.full((32, 32, 3), 51, dtype=np.uint8), spec)
    np.testing.assert_allclose(tensor[0, :, 5, 7], [0.2, 0.0, -0.05], atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 80), st.integers(1, 80), st.integers(0, 9))
def test_antialiased_bicubic_is_pillows(height: int, width: int, to_h: int, to_w: int, seed: int) -> None:
    pixels = picture(height, width, seed)
    # Newer Pillows choose which axis goes first; the older ones that TAO trains with begin with the rows.
    rows = Image.fromarray(pixels).resize((to_w, height), Image.Resampling.BICUBIC)
    wanted = np.asarray(rows.resize((to_w, to_h), Image.Resampling.BICUBIC))
    got = bicubic_antialias(pixels, to_h, to_w)
    assert got.shape == wanted.shape
    assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1


def test_a_thin_line_survives_antialiased_shrinking() -> None:
    pixels = np.zeros((900, 900, 3), dtype=np.uint8)
    pixels[450:452] = 255
    assert bicubic_antialias(pixels, 256, 256).max() > 60


@pytest.mark.parametrize("resize", ["area", "bicubic_antialias"])
def test_an_image_of_the_right_size_is_not_touched(resize: str) -> None:
    pixels = picture(32, 48)
    spec = InputSpec.model_validate({"height": 32, "width": 48, "resize": resize})
    np.testing.assert_allclose(to_tensor(pixels, spec)[0].transpose(1, 2, 0), pixels / 127.5 - 1.0, atol=1e-6)
