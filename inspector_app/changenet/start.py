"""Where a training's weights begin, and what several end in: ImageNet's encoder, a checkpoint, an exported model, a mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from inspector_app.changenet.averaging import mean_of_runs
from inspector_app.changenet.config import TrainConfig
from inspector_app.changenet.feed import item_of
from inspector_app.changenet.from_onnx import load_onnx, settle_batch_norm
from inspector_app.changenet.lite import ChangeNetLite, build_network
from inspector_app.changenet.module import load_checkpoint, normalised, training_config
from inspector_app.changenet.sources import PairSource, build_source
from inspector_app.core.errors import KeeperError

_SETTLING_BATCHES = 4
# So many that whoever takes the statistics from others gets much the same network.
_MEAN_BATCHES = 24


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
    settle_batch_norm(network, list(_batches(config, source, _SETTLING_BATCHES, config.warm_size)))
    return network


def mean_network(checkpoints: Sequence[Path], data: Path | None, train_list: str) -> ChangeNetLite:
    """Return the mean of the averaged networks of trainings, each of which went on from the one before or from a mean of those before.

    BatchNorm is taken anew over pairs as the first one's training shows them; where ``data`` is given, out of its ``train_list``.
    Raises ForeignCheckpointError, PairFolderError, KeeperError (the list is not there).
    """
    config = training_config(checkpoints[0])
    if data is not None:
        config = config.model_copy(update={"data": data, "train_list": train_list})
    networks = [load_checkpoint(checkpoint) for checkpoint in checkpoints]
    return mean_of_runs(networks, _batches(config, build_source(config), _MEAN_BATCHES, config.size))


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


def _batches(
    config: TrainConfig, source: PairSource, count: int, size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """The first batches of test and golden that a training would see at this size."""
    for number in range(count):
        items = [item_of(source.pair(number * config.batch + k, size)) for k in range(config.batch)]
        yield (
            normalised(torch.stack([test for test, _, _ in items])),
            normalised(torch.stack([golden for _, golden, _ in items])),
        )
