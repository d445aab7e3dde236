"""Depthwise filters: what they and their gradients are, by PyTorch's own convolution."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch.nn import functional  # noqa: E402

from inspector_app.changenet.depthwise import depthwise, same_margins  # noqa: E402


@given(
    kernel=st.sampled_from([3, 5]),
    stride=st.sampled_from([1, 2]),
    count=st.integers(1, 3),
    channels=st.integers(2, 20),
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    biased=st.booleans(),
    seed=st.integers(0, 999),
)
@settings(max_examples=40, deadline=None)
def test_filters_and_gradients_are_those_of_a_padded_convolution(
    kernel: int, stride: int, count: int, channels: int, rows: int, columns: int, biased: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(count, channels, rows * stride, columns * stride, requires_grad=True)
    weight = torch.randn(channels, 1, kernel, kernel, requires_grad=True)
    bias = torch.randn(channels, requires_grad=True) if biased else None
    inputs = [x, weight] if bias is None else [x, weight, bias]

    near, far = same_margins(kernel, stride)
    padded = functional.pad(x.double(), (near, far, near, far))
    shift = None if bias is None else bias.double()
    wanted = torch.conv2d(padded, weight.double(), shift, stride, groups=channels)
    got = depthwise(x, weight, bias, stride)
    assert got.shape == (count, channels, rows, columns)
    torch.testing.assert_close(got.double(), wanted, rtol=1e-4, atol=1e-4)

    above = torch.randn_like(got)
    theirs = torch.autograd.grad(wanted, inputs, above.double())
    ours = torch.autograd.grad(got, inputs, above)
    for mine, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, their, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 1), (3, 2), (5, 2)])
def test_autocast_computes_in_its_type_and_gives_gradients_in_that_of_the_weights(
    kernel: int, stride: int
) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 16, 12, 12), torch.randn(16, 1, kernel, kernel, requires_grad=True)
    exact = torch.autograd.grad(depthwise(x, weight, None, stride).square().sum(), weight)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = depthwise(x, weight, None, stride)
    assert y.dtype == torch.bfloat16
    rough = torch.autograd.grad(y.float().square().sum(), weight)[0]
    assert rough.dtype == torch.float32
    assert float((rough - exact).norm() / exact.norm()) < 0.02


def test_what_needs_no_gradient_gets_none() -> None:
    x, weight = torch.randn(1, 4, 6, 6), torch.randn(4, 1, 5, 5, requires_grad=True)
    depthwise(x, weight, None, 1).sum().backward()
    assert x.grad is None
    assert weight.grad is not None
