"""Where a training's weights begin: ImageNet's encoder, a checkpoint, or an exported model."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from inspector_app.changenet.config import TrainConfig
from inspector_app.changenet.feed import item_of
from inspector_app.changenet.from_onnx import load_onnx, settle_batch_norm
from inspector_app.changenet.lite import ChangeNetLite, build_network
from inspector_app.changenet.module import load_checkpoint, normalised
from inspector_app.changenet.sources import PairSource
from inspector_app.core.errors import KeeperError

_SETTLING_BATCHES = 4


class StartMissingError(KeeperError):
    """``start_from`` names nothing that a training can start from."""


def first_network(config: TrainConfig, source: PairSource) -> ChangeNetLite:
    """Return the network to train; ``source`` shows an exported one what its activations are like.

    Raises StartMissingError, NotOurNetworkError, PretrainedWeightsMissingError.
    """
    if config.resume or config.start_from is None:
        return build_network(config.pretrained and not config.resume)
    path = weights_of(config.start_from)
    if path.suffix != ".onnx":
        return load_checkpoint(path)
    network = load_onnx(path)
    settle_batch_norm(network, [_batch(config, source, k) for k in range(_SETTLING_BATCHES)])
    return network


def weights_of(start: Path) -> Path:
    """Return the file to read: ``start`` itself, or the one ONNX file of a model's folder.

    Raises StartMissingError.
    """
    if start.is_file():
        return start
    graphs = sorted(start.glob("*.onnx")) if start.is_dir() else []
    if len(graphs) != 1:
        raise StartMissingError(
            "start_missing",
            f"{start} is neither a checkpoint nor a model to start from.",
            "Name a checkpoint, an ONNX file or a model's folder.",
        )
    return graphs[0]


def _batch(config: TrainConfig, source: PairSource, number: int) -> tuple[Tensor, Tensor]:
    items = [item_of(source.pair(number * config.batch + k, config.warm_size)) for k in range(config.batch)]
    return (
        normalised(torch.stack([test for test, _, _ in items])),
        normalised(torch.stack([golden for _, golden, _ in items])),
    )
