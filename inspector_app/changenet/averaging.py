"""The mean of two networks' weights, where one was trained on from the other."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from inspector_app.changenet.export import write_onnx
from inspector_app.changenet.from_onnx import load_onnx
from inspector_app.changenet.lite import ChangeNetLite


@torch.no_grad()
def halfway(trained: ChangeNetLite, origin: Path) -> ChangeNetLite:
    """Return the network whose weights lie halfway between ``trained`` and the exported model that it began from.

    It often keeps what the origin knew and most of what was learnt since (Wortsman et al., Robust fine-tuning of
    zero-shot models, arXiv 2109.01903). BatchNorm is folded into the convolutions on both sides first.
    Raises NotOurNetworkError when ``origin`` holds another network.
    """
    before = load_onnx(origin).state_dict()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trained.onnx"
        write_onnx(trained, file)
        network = load_onnx(file)
    for name, weight in network.state_dict().items():
        if weight.is_floating_point():
            weight.lerp_(before[name], 0.5)
    return network.eval()
