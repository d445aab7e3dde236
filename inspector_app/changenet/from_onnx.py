"""A trainable network from an exported one: what BatchNorm folded into the convolutions is taken apart again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inspector_app.changenet.lite import ChangeNetLite, build_network
from inspector_app.core.errors import KeeperError


class NotOurNetworkError(KeeperError):
    """The ONNX file holds another network than ``changenet-lite``."""


def load_onnx(path: Path) -> ChangeNetLite:
    """Return the network of an ONNX file that ``export-model`` wrote, in evaluation mode.

    It computes what the file computes. The auxiliary heads are not in the file and start anew. Before the
    decoder is trained its BatchNorm needs :func:`settle_batch_norm`.
    Raises NotOurNetworkError when weights are missing or have another shape.
    """
    import onnx
    from onnx import numpy_helper

    stored = {
        entry.name: torch.from_numpy(_plain(numpy_helper.to_array(entry)))
        for entry in onnx.load(path).graph.initializer
    }
    network = build_network(pretrained=False).eval()
    for name, layer, norm in _folded_pairs(network):
        layer.weight.data.copy_(_taken(stored, f"{name}.weight", layer.weight, path))
        _pass_through(norm, _taken(stored, f"{name}.bias", norm.bias, path))
    head = network.head
    assert head.bias is not None
    head.weight.data.copy_(_taken(stored, "head.weight", head.weight, path))
    head.bias.data.copy_(_taken(stored, "head.bias", head.bias, path))
    return network


def _plain(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """A copy in a type that PyTorch takes: bfloat16 is none of NumPy's own."""
    return array.astype(np.float32) if array.dtype.kind in "fV" else array.copy()


@torch.no_grad()
def settle_batch_norm(network: ChangeNetLite, batches: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Give the decoder's BatchNorm the statistics of real activations, without changing what is computed.

    ``batches`` are normalised test and golden tensors, N x 3 x H x W.  An exported network has no statistics
    left; trained without them, its first steps would throw away what it knows.
    """
    seen: dict[nn.BatchNorm2d, list[Tensor]] = {}

    def watch(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        seen.setdefault(module, []).append(given[0].transpose(0, 1).flatten(1))

    hooks = [norm.register_forward_pre_hook(watch) for norm in decoder_norms(network)]
    network.eval()
    for test, golden in batches:
        network(test, golden)
    for hook in hooks:
        hook.remove()
    for norm, values in seen.items():
        mean_before, variance_before = norm.running_mean, norm.running_var
        assert mean_before is not None
        assert variance_before is not None
        joined = torch.cat(values, dim=1)
        mean, variance = joined.mean(dim=1), joined.var(dim=1)
        gain = norm.weight / torch.sqrt(variance_before + norm.eps)
        norm.bias.add_((mean - mean_before) * gain)
        norm.weight.copy_(gain * torch.sqrt(variance + norm.eps))
        mean_before.copy_(mean)
        variance_before.copy_(variance)


def decoder_norms(network: ChangeNetLite) -> list[nn.BatchNorm2d]:
    """Return every BatchNorm after the encoder: those whose statistics training changes."""
    return [norm for name, _, norm in _folded_pairs(network) if not name.startswith("encoder.")]


def _folded_pairs(network: ChangeNetLite) -> Iterator[tuple[str, nn.Conv2d, nn.BatchNorm2d]]:
    """Every convolution that is followed by BatchNorm, with its name in the exported graph."""
    for name, parent in network.named_modules():
        if isinstance(parent, nn.Sequential):
            for index in range(len(parent) - 1):
                layer, norm = parent[index], parent[index + 1]
                if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    yield f"{name}.{index}", layer, norm


def _pass_through(norm: nn.BatchNorm2d, bias: Tensor) -> None:
    """Make BatchNorm in evaluation mode add ``bias`` and do nothing else."""
    norm.reset_running_stats()
    norm.weight.data.fill_((1.0 + norm.eps) ** 0.5)
    norm.bias.data.copy_(bias)


def _taken(stored: dict[str, Tensor], name: str, like: Tensor, path: Path) -> Tensor:
    found = stored.get(name)
    if found is None or found.shape != like.shape:
        raise NotOurNetworkError(
            "model_foreign",
            f"{path.name} holds no changenet-lite network: {name} is missing or has another shape.",
            "Start from a model that `export-model` wrote.",
        )
    return found
