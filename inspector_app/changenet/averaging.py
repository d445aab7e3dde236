"""The mean of two networks' weights, where one was trained on from the other."""

from __future__ import annotations

from pathlib import Path

import torch

from inspector_app.changenet.fold import fold_batch_norm
from inspector_app.changenet.from_onnx import load_onnx
from inspector_app.changenet.lite import ChangeNetLite


@torch.no_grad()
def halfway(trained: ChangeNetLite, origin: Path) -> ChangeNetLite:
    """Return the network whose weights lie halfway between ``trained`` and the exported model that it began from.

    It often keeps what the origin knew and most of what was learnt since (Wortsman et al., Robust fine-tuning of
    zero-shot models, arXiv 2109.01903). BatchNorm is folded into the convolutions on both sides first.
    Raises NotOurNetworkError when ``origin`` holds another network.
    """
    before = fold_batch_norm(load_onnx(origin)).state_dict()
    network = fold_batch_norm(trained)
    for name, weight in network.state_dict().items():
        weight.lerp_(before[name], 0.5)
    return network
