"""The network that a training starts from: random, a pretrained backbone, or a whole checkpoint; and freezing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inspector_app.changenet.checkpoint_file import CheckpointError
from inspector_app.changenet.tao.checkpoint import load_weights, read_weights
from inspector_app.changenet.tao.network import VisualChangeNet
from inspector_app.changenet.tao.sizes import fan_size
from inspector_app.core.errors import KeeperError
from inspector_app.core.tao_spec.experiment import Experiment

_BACKBONE = "backbone."


@dataclass(frozen=True)
class Start:
    """The network, and a sentence on each file that its weights came from."""

    network: VisualChangeNet
    told: tuple[str, ...]


def start_network(experiment: Experiment) -> Start:
    """Build the spec's network with the weights that it starts from.

    Raises:
        CheckpointError: a file cannot be read, or does not hold this network or backbone.
        KeeperError: ``spec_invalid`` when a backbone without pretrained weights is to be frozen.
    """
    backbone, train = experiment.model.backbone, experiment.train
    if backbone.freeze_backbone and not (
        backbone.pretrained_backbone_path
        or train.pretrained_model_path
        or train.resume_training_checkpoint_path
    ):
        raise KeeperError(
            "spec_invalid",
            "model.backbone.freeze_backbone would freeze random weights.",
            "Give model.backbone.pretrained_backbone_path or train.pretrained_model_path.",
        )
    network = VisualChangeNet(
        fan_size(backbone.type),
        experiment.dataset.segment.num_classes,
        experiment.model.decode_head.decoder_params.embed_dim,
    )
    told = []
    if backbone.pretrained_backbone_path:
        told.append(load_backbone(network, Path(backbone.pretrained_backbone_path)))
    if train.pretrained_model_path:
        load_weights(network, Path(train.pretrained_model_path))
        told.append(f"the network starts from {train.pretrained_model_path}")
    if backbone.freeze_backbone:
        network.backbone.requires_grad_(False)
    return Start(network, tuple(told))


def load_backbone(network: VisualChangeNet, path: Path) -> str:
    """Take the backbone's weights from a checkpoint of a backbone, a classifier with it, or a whole network.

    Entries of other parts (a classifier's head, a decoder) are left; returns a sentence on what was taken.

    Raises:
        CheckpointError: it cannot be read, or lacks parts of this backbone or holds them in other shapes.
    """
    found = {name.removeprefix(_BACKBONE): value for name, value in read_weights(path).items()}
    wanted = network.backbone.state_dict()
    # The class token and its attention do not reach the feature maps: a file may lack them.
    needed = [name for name in wanted if not name.startswith(("cls_token", "cls_attn_blocks"))]
    missing = [name for name in needed if name not in found]
    unlike = [name for name in wanted if name in found and found[name].shape != wanted[name].shape]
    if missing or unlike:
        raise CheckpointError(
            "checkpoint_mismatch",
            f"{path.name} does not hold this backbone: {len(missing)} of its {len(wanted)} entries are missing, "
            f"{len(unlike)} are of another shape ({(missing or unlike)[0]}).",
            "Does model.backbone.type fit it?",
        )
    taken = {name: found[name] for name in wanted if name in found}
    network.backbone.load_state_dict(taken, strict=False)
    left = len(found) - len(taken)
    return f"the backbone starts from {path}: {len(taken)} entries taken" + (
        f", {left} others left" if left else ""
    )
