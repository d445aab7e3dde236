"""The training loss: cross-entropy at every output, and two overlap losses of the change class at the final one.

Dice over the whole batch is what pooled IoU rewards, and large changes rule it.  The Tversky loss of each changed image
by itself (arXiv 1706.05721) counts a small defect as much as a displaced part, and a missed pixel as more than
a false one: without it small defects were outlined too narrowly.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

# The final output, then strides 4, 8, 16, 32: coarse maps guide, they do not decide.
_WEIGHTS: tuple[float, ...] = (1.0, 0.4, 0.3, 0.2, 0.2)
# Keeps the index of a change of few pixels from jumping.
_FEW_PIXELS = 10.0


def change_loss(
    outputs: Sequence[Tensor],
    truth: Tensor,
    *,
    dice_weight: float,
    tversky_weight: float,
    missed_weight: float,
) -> Tensor:
    """Return the scalar loss of logits (N x 2 x h x w each, finest first) against truth N x H x W (0/1)."""
    soft_truth = truth.float().unsqueeze(1)
    change = torch.sigmoid(_margin(outputs[0]))
    total = dice_weight * dice_loss(change, soft_truth)
    total = total + tversky_weight * tversky_loss(change, soft_truth, missed_weight)
    for weight, logits in zip(_WEIGHTS, outputs, strict=True):
        target = soft_truth
        if logits.shape[-2:] != truth.shape[-2:]:
            target = functional.adaptive_avg_pool2d(soft_truth, (logits.shape[-2], logits.shape[-1]))
        total = total + weight * _cross_entropy(logits, target)
    return total


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Two-class cross-entropy with soft targets, which coarse maps need: a cell may be half changed."""
    return functional.binary_cross_entropy_with_logits(_margin(logits), target)


def _margin(logits: Tensor) -> Tensor:
    """Return by how much change outweighs no change, N x 1 x h x w."""
    return logits[:, 1:].float() - logits[:, :1].float()


def dice_loss(change: Tensor, truth: Tensor) -> Tensor:
    """Return 1 - dice of probabilities and truth, both N x 1 x H x W.

    It is taken over the batch so that pictures without a change do not dominate.
    """
    overlap = (change * truth).sum()
    return 1.0 - (2.0 * overlap + 1.0) / (change.sum() + truth.sum() + 1.0)


def tversky_loss(change: Tensor, truth: Tensor, missed_weight: float) -> Tensor:
    """Return the mean over the changed images of 1 - Tversky index, 0 when none is changed; N x 1 x H x W each.

    A missed pixel counts ``missed_weight``, a false one the rest to 1; at 0.5 this is dice.
    """
    overlap, false, missed = (
        product.sum((1, 2, 3)) for product in (change * truth, change * (1.0 - truth), (1.0 - change) * truth)
    )
    wrong = (1.0 - missed_weight) * false + missed_weight * missed
    loss = 1.0 - (overlap + _FEW_PIXELS) / (overlap + wrong + _FEW_PIXELS)
    changed = (truth.sum((1, 2, 3)) > 0).float()
    return (loss * changed).sum() / changed.sum().clamp(min=1.0)
