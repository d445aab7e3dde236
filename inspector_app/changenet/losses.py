"""The training loss: cross-entropy at every output, and soft dice of the change class at the final one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

# The final output, then strides 4, 8, 16, 32: coarse maps guide, they do not decide.
_WEIGHTS: tuple[float, ...] = (1.0, 0.4, 0.3, 0.2, 0.2)


def change_loss(outputs: Sequence[Tensor], truth: Tensor, dice_weight: float) -> Tensor:
    """Return the scalar loss of logits (N x 2 x h x w each, finest first) against truth N x H x W (0/1)."""
    soft_truth = truth.float().unsqueeze(1)
    total = dice_weight * dice_loss(outputs[0], soft_truth)
    for weight, logits in zip(_WEIGHTS, outputs, strict=True):
        target = soft_truth
        if logits.shape[-2:] != truth.shape[-2:]:
            target = functional.adaptive_avg_pool2d(soft_truth, (logits.shape[-2], logits.shape[-1]))
        total = total + weight * _cross_entropy(logits, target)
    return total


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Two-class cross-entropy with soft targets, which coarse maps need: a cell may be half changed."""
    margin = logits[:, 1:].float() - logits[:, :1].float()
    return functional.binary_cross_entropy_with_logits(margin, target)


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return 1 - dice, taken over the batch so that pictures without a change do not dominate."""
    change = torch.sigmoid(logits[:, 1:].float() - logits[:, :1].float())
    overlap = (change * truth).sum()
    return 1.0 - (2.0 * overlap + 1.0) / (change.sum() + truth.sum() + 1.0)
