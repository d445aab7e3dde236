"""The mean of several networks' weights, where each was trained on from the one before."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from inspector_app.changenet.fold import fold_batch_norm
from inspector_app.changenet.from_onnx import decoder_norms, load_onnx
from inspector_app.changenet.lite import ChangeNetLite
from inspector_app.changenet.module import update_average


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


@torch.no_grad()
def mean_of_runs(
    networks: Sequence[ChangeNetLite], batches: Iterable[tuple[Tensor, Tensor]]
) -> ChangeNetLite:
    """Return the network whose every weight is the mean of those of ``networks``, in evaluation mode.

    What one run marks too freely another does not; the mean lies where the loss is flat (Izmailov et al., Averaging
    Weights Leads to Wider Optima and Better Generalization, arXiv 1803.05407). As told there BatchNorm takes the
    statistics of the decoder's activations anew, from ``batches``: normalised test and golden tensors, N x 3 x H x W; of the
    goldens there may be fewer, each for as many tests in a row. The encoder keeps its own, which training never changes.
    """
    mean = copy.deepcopy(networks[0]).eval()
    for count, network in enumerate(networks[1:], 1):
        update_average(mean, network, count / (count + 1))
    for norm in decoder_norms(mean):
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    for test, golden in batches:
        mean.forward_train(test, golden)
    return mean.eval()
