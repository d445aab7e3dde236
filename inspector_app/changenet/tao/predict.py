"""Class maps by a checkpoint, on the GPU when there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from inspector_app.changenet.arrays import Image
from inspector_app.changenet.checkpoint_file import CheckpointError
from inspector_app.changenet.tao.checkpoint import load_tao_checkpoint
from inspector_app.changenet.tao.module import class_maps
from inspector_app.changenet.tao.network import VisualChangeNet
from inspector_app.changenet.tao.sizes import FAN_SIZES
from inspector_app.core.tao_spec.experiment import Experiment
from inspector_app.vision.segment_pairs import ClassMap
from inspector_app.vision.tensors import to_tensor


def spec_checkpoint(path: Path, experiment: Experiment) -> VisualChangeNet:
    """Load a checkpoint and hold it against what the spec says of the network.

    Raises:
        CheckpointError: it cannot be read, or holds another backbone or number of classes than the spec gives.
    """
    network = load_tao_checkpoint(path)
    held = (network.backbone.cls_token.shape[-1], len(network.backbone.blocks))
    name = next(name for name, size in FAN_SIZES.items() if (size.width, size.depth) == held)
    wanted, model = experiment.dataset.segment, experiment.model
    classes = network.decoder.change_probability.conv2d.out_channels
    if "type" in model.backbone.model_fields_set and model.backbone.type != name:
        raise CheckpointError(
            "checkpoint_mismatch",
            f"{path.name} holds the backbone {name}; model.backbone.type says {model.backbone.type}.",
        )
    if classes != wanted.num_classes:
        raise CheckpointError(
            "checkpoint_mismatch",
            f"{path.name} tells {classes} classes apart; dataset.segment.num_classes says {wanted.num_classes}.",
        )
    return network


def checkpoint_predict(
    network: VisualChangeNet, experiment: Experiment
) -> Callable[[Sequence[tuple[Image, Image]]], list[ClassMap]]:
    """A function from pairs of test image and golden to their class maps on the spec's grid."""
    spec, many = experiment.input_spec, experiment.dataset.segment.multi_scale_infer
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device)

    def predict(images: Sequence[tuple[Image, Image]]) -> list[ClassMap]:
        tests, goldens = (
            torch.from_numpy(np.concatenate([to_tensor(pair[role], spec) for pair in images])).to(device)
            for role in (0, 1)
        )
        with torch.inference_mode():
            found = class_maps(network(tests, goldens), many)
        return list(found.to(torch.uint8).cpu().numpy())

    return predict
