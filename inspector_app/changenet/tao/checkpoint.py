"""Read TAO's Visual ChangeNet-Segmentation checkpoints; no pickled code is ever run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from inspector_app.changenet.checkpoint_file import CheckpointError, read_checkpoint
from inspector_app.changenet.tao.network import DECODER_WIDTH, VisualChangeNet
from inspector_app.changenet.tao.sizes import FAN_SIZES

_PREFIX = "model."
_NAMED = 6


def load_tao_checkpoint(path: Path) -> VisualChangeNet:
    """Build the network that a checkpoint holds, with its weights, in evaluation mode on the CPU.

    The file is a mapping with ``state_dict``, whose names stand under ``model.``, or a bare state dict.  The
    backbone's size, the decoder's width and the number of classes are read off the weights.

    Raises:
        CheckpointError: it cannot be read, or its entries are not those of a known network; the message names
            what is missing, too many or of another shape.
    """
    weights = read_weights(path)
    network = _network_of(weights, path)
    _check_entries(network.state_dict(), weights, path)
    network.load_state_dict(weights)
    return network.eval()


def load_weights(network: VisualChangeNet, path: Path) -> None:
    """Load a checkpoint into a network that is there already.

    Raises:
        CheckpointError: as ``load_tao_checkpoint``.
    """
    weights = read_weights(path)
    _check_entries(network.state_dict(), weights, path)
    network.load_state_dict(weights)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint's tensors by name, without the prefix ``model.``.

    Raises:
        CheckpointError: it cannot be read, or holds no tensors.
    """
    saved = read_checkpoint(path)
    state = saved.get("state_dict", saved) if isinstance(saved, Mapping) else None
    if not isinstance(state, Mapping):
        raise CheckpointError(
            "checkpoint_unknown",
            f"{path.name} holds no state dict.",
            "An encrypted checkpoint must be decrypted.",
        )
    weights = {
        str(name).removeprefix(_PREFIX): value for name, value in state.items() if isinstance(value, Tensor)
    }
    if not weights:
        raise CheckpointError("checkpoint_unknown", f"{path.name} holds no tensors.")
    return weights


def _network_of(weights: Mapping[str, Tensor], path: Path) -> VisualChangeNet:
    token, final = weights.get("backbone.cls_token"), weights.get("decoder.change_probability.conv2d.weight")
    blocks = {name.split(".")[2] for name in weights if name.startswith("backbone.blocks.")}
    width = token.shape[-1] if token is not None and token.ndim == 3 else None
    for size in FAN_SIZES.values():
        if (width, len(blocks)) == (size.width, size.depth):
            decoder_width = final.shape[1] if final is not None and final.ndim == 4 else DECODER_WIDTH
            classes = final.shape[0] if final is not None and final.ndim == 4 else 2
            return VisualChangeNet(size, classes, decoder_width)
    raise CheckpointError(
        "checkpoint_unknown",
        f"{path.name} holds no known backbone: class token of width {width}, {len(blocks)} blocks.",
        f"Known are {', '.join(FAN_SIZES)}.",
    )


def _check_entries(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path) -> None:
    problems = [
        _listed("missing", [name for name in wanted if name not in found]),
        _listed("unexpected", [name for name in found if name not in wanted]),
        _listed(
            "of another shape",
            [
                f"{name} ({_shape(found[name])} instead of {_shape(value)})"
                for name, value in wanted.items()
                if name in found and found[name].shape != value.shape
            ],
        ),
    ]
    told = "; ".join(problem for problem in problems if problem)
    if told:
        raise CheckpointError(
            "checkpoint_mismatch", f"{path.name} does not hold the network that it resembles: {told}."
        )


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} {what}: {', '.join(names[:_NAMED])}{more}"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
