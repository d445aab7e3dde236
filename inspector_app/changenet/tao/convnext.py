"""The convolutional stem of FAN-hybrid: the first two stages of ConvNeXt (arXiv 2201.03545)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_EPSILON = 1e-6
_FIRST_LAYER_SCALE = 1e-6


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of an ``N x C x H x W`` map, each position by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=_EPSILON)

    def forward(self, maps: Tensor) -> Tensor:
        """Same shape as ``maps``."""
        return super().forward(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SampleChannelNorm(ChannelNorm):
    """The same with the sample variance, divided by ``C - 1``.

    TAO's network does this everywhere behind its first norm, and its weights are trained with it.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Same shape as ``maps``."""
        # Dividing by C - 1 instead of C equals a plain LayerNorm with a smaller epsilon and weight.
        channels = maps.shape[1]
        shrink = ((channels - 1) / channels) ** 0.5
        normed = functional.layer_norm(
            maps.permute(0, 2, 3, 1),
            self.normalized_shape,
            self.weight * shrink,
            self.bias,
            self.eps * shrink**2,
        )
        return normed.permute(0, 3, 1, 2)


class PointwiseMlp(nn.Module):
    """Two 1 x 1 convolutions with a GELU between them, four times as wide inside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, 4 * channels, 1)
        self.fc2 = nn.Conv2d(4 * channels, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Same shape as ``maps``, ``N x C x H x W``."""
        result: Tensor = self.fc2(functional.gelu(self.fc1(maps)))
        return result


class ConvNeXtBlock(nn.Module):
    """``x + gamma * mlp(norm(depthwise7x7(x)))``, section 2 of the paper."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), _FIRST_LAYER_SCALE))
        self.conv_dw = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = SampleChannelNorm(channels)
        self.mlp = PointwiseMlp(channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Same shape as ``maps``, ``N x C x H x W``."""
        residual: Tensor = self.mlp(self.norm(self.conv_dw(maps)))
        return maps + self.gamma.view(-1, 1, 1) * residual


class ConvNeXtStage(nn.Module):
    """Blocks of one resolution, with a 2 x 2 convolution of stride 2 in front when the width changes."""

    def __init__(self, channels_in: int, channels: int, depth: int) -> None:
        super().__init__()
        self.downsample: nn.Module = nn.Identity()
        if channels_in != channels:
            self.downsample = nn.Sequential(
                SampleChannelNorm(channels_in), nn.Conv2d(channels_in, channels, 2, stride=2)
            )
        self.blocks = nn.Sequential(*(ConvNeXtBlock(channels) for _ in range(depth)))

    def forward(self, maps: Tensor) -> Tensor:
        """``N x C x H x W`` with this stage's channels, H and W halved when it downsamples."""
        result: Tensor = self.blocks(self.downsample(maps))
        return result


class ConvNeXtStem(nn.Module):
    """A 4 x 4 patch embedding followed by one stage for each of ``widths``."""

    def __init__(self, widths: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), ChannelNorm(widths[0]))
        inputs = (widths[0], *widths[:-1])
        self.stages = nn.Sequential(
            *(ConvNeXtStage(*sizes) for sizes in zip(inputs, widths, depths, strict=True))
        )
        self.apply(_initialise)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Give the map after each stage, at strides 4, 8, ... of ``images``, ``N x 3 x H x W``."""
        maps = [self.stem(images)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]


def _initialise(module: nn.Module) -> None:
    """Draw convolutions from a truncated normal of deviation 0.02, as the paper's appendix does."""
    if isinstance(module, nn.Conv2d):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
