"""Depthwise convolution whose gradients take the quick ways that oneDNN has for them on CPUs.

oneDNN 3.12, as PyTorch 2.13 brings it, filters each channel quickly, but not in every gradient: that of the weights only where
the kernel is at most three columns wide, in float32 and in bfloat16; that of the input at stride 2 only in float32. The other
ways take several times as long: a step of training took a third longer by them (``benchmarks.training_step``).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

_QUICK_COLUMNS = 3


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """Filter each channel of ``x`` (N x C x H x W) by its own kernel of ``weight`` (C x 1 x k x k, k 3 or 5).

    "SAME" padding; ``stride`` 1 or 2 must divide H and W. Computes in autocast's type where that is on, like a convolution.
    """
    computed = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    shift = None if bias is None else bias.to(computed)
    filtered: Tensor = _Depthwise.apply(x.to(computed), weight.to(computed), shift, stride)  # type: ignore[no-untyped-call]
    return filtered


class _Depthwise(torch.autograd.Function):
    """Filter each channel of x (N x C x H x W) by its kernel of weight (C x 1 x k x k), both of one type."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.biased = stride, bias is not None
        return same_convolution(x, weight, bias, stride, x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x = _input_gradient(gradient, x, weight, ctx.stride) if ctx.needs_input_grad[0] else None
        of_weight, of_bias = _weight_gradient(gradient, x, weight, ctx.stride)
        return of_x, of_weight, of_bias if ctx.biased else None, None


def same_margins(kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's "SAME" padding before and after, for sides that ``stride`` (1 or 2) divides."""
    return (kernel - stride) // 2, (kernel - stride + 1) // 2


def same_convolution(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, groups: int) -> Tensor:
    """Convolve N x C x H x W with those margins; PyTorch's own convolution knows only one for both ends."""
    near, far = same_margins(weight.shape[-1], stride)
    if near != far:
        x, near = functional.pad(x, (near, far, near, far)), 0
    return torch.conv2d(x, weight, bias, stride, near, 1, groups)


def _input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    near, far = same_margins(weight.shape[-1], stride)
    count, channels, height, width = x.shape
    if near == far:
        return _backward(gradient, x, weight, stride, (near, near), (True, False, False))[0]
    sides = (height + near + far, width + near + far)
    # Only its shape, type and layout are looked at.
    padded = torch.empty((count, channels, *sides), dtype=torch.float32, memory_format=torch.channels_last)
    whole = _backward(gradient.float(), padded, weight.float(), stride, (0, 0), (True, False, False))[0]
    within = whole[:, :, near : near + height, near : near + width]
    return within.to(x.dtype).contiguous(memory_format=torch.channels_last)


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Return the gradients of weight and bias, the former a few columns of the kernel at a time."""
    kernel = weight.shape[-1]
    near, far = same_margins(kernel, stride)
    # Margins that are alike above and below the convolution adds by itself.
    margin, rows = (near, (0, 0)) if near == far else (0, (near, far))
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for first in range(0, kernel, _QUICK_COLUMNS):
        columns = weight[..., first : first + _QUICK_COLUMNS]
        # What these columns see of the image: a negative margin cuts off.
        across = (near - first, far - kernel + first + columns.shape[-1])
        seen = functional.pad(x, (*across, *rows))
        parts.append(_backward(gradient, seen, columns, stride, (margin, 0), (False, True, not parts)))
    return torch.cat([of_columns for _, of_columns, _ in parts], dim=-1), parts[0][2]


def _backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: int,
    margin: tuple[int, int],
    wanted: tuple[bool, bool, bool],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of input, weight and bias that are ``wanted`` of a depthwise convolution."""
    channels = weight.shape[0]
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, x, weight, [channels], [stride, stride], margin, [1, 1], False, [0, 0], channels, wanted
    )
    return found
