"""TAO's loss: cross-entropy of each pixel at the five outputs, or at the final one alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from inspector_app.vision.segment_pairs import IGNORED


def spec_loss(outputs: Sequence[Tensor], label: Tensor, weights: Sequence[float] | None) -> Tensor:
    """The scalar loss.

    Args:
        outputs: logits ``N x classes x h x w``, coarsest first, the final one last.
        label: classes ``N x H x W``, int64; 255 is ignored. Coarse outputs see it by nearest neighbour.
        weights: one for each output; None: the final output alone.
    """
    if weights is None:
        return _cross_entropy(outputs[-1], label)
    parts = [weight * _cross_entropy(output, label) for weight, output in zip(weights, outputs, strict=True)]
    return torch.stack(parts).sum()


def _cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    if logits.shape[2:] != label.shape[1:]:
        small = functional.interpolate(label[:, None].float(), size=logits.shape[2:], mode="nearest")
        label = small[:, 0].long()
    return functional.cross_entropy(logits.float(), label, ignore_index=IGNORED)
