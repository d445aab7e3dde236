"""The ChangeNet decoder: differences of two images' feature maps, from coarse to fine, to change logits.

The design is ChangeFormer's (arXiv 2201.01293) with a map at strides 4, 8, 16 and 16.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector_app.changenet.tao.fan_blocks import to_map, to_tokens

_LEVELS = (4, 3, 2, 1)
_RESIDUAL_SCALE = 0.1


class MapProjection(nn.Module):
    """A linear layer on the channels of each position."""

    def __init__(self, channels_in: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels_in, width)

    def forward(self, maps: Tensor) -> Tensor:
        """``N x width x H x W`` from ``N x C x H x W``."""
        return to_map(self.proj(to_tokens(maps)), (maps.shape[2], maps.shape[3]))


class NamedConv(nn.Module):
    """A convolution one name deeper, where TAO's checkpoints keep it."""

    def __init__(self, convolution: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.conv2d = convolution

    def forward(self, maps: Tensor) -> Tensor:
        """Whatever the convolution gives."""
        result: Tensor = self.conv2d(maps)
        return result


class ResidualBlock(nn.Module):
    """``x + 0.1 * conv(relu(conv(x)))``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = NamedConv(nn.Conv2d(width, width, 3, padding=1))
        self.conv2 = NamedConv(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, maps: Tensor) -> Tensor:
        """Same shape as ``maps``."""
        residual: Tensor = self.conv2(functional.relu(self.conv1(maps)))
        return maps + _RESIDUAL_SCALE * residual


def _doubling(width: int) -> NamedConv:
    return NamedConv(nn.ConvTranspose2d(width, width, 4, stride=2, padding=1))


def _two_convolutions(channels_in: int, channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels, 3, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(channels),
        nn.Conv2d(channels, channels, 3, padding=1),
    ]


class ChangeDecoder(nn.Module):
    """Five predictions from two times four feature maps; the state dict has TAO's names and order."""

    def __init__(self, feature_widths: Sequence[int], width: int, classes: int) -> None:
        super().__init__()
        for level in _LEVELS:
            self.add_module(f"linear_c{level}", MapProjection(feature_widths[level - 1], width))
        for level in _LEVELS:
            self.add_module(f"diff_c{level}", nn.Sequential(*_two_convolutions(2 * width, width), nn.ReLU()))
        for level in _LEVELS:
            self.add_module(f"make_pred_c{level}", nn.Sequential(*_two_convolutions(width, classes)))
        self.linear_fuse = nn.Sequential(nn.Conv2d(len(_LEVELS) * width, width, 1), nn.BatchNorm2d(width))
        self.convd2x = _doubling(width)
        self.dense_2x = nn.Sequential(ResidualBlock(width))
        self.convd1x = _doubling(width)
        self.dense_1x = nn.Sequential(ResidualBlock(width))
        self.change_probability = NamedConv(nn.Conv2d(width, classes, 3, padding=1))

    def forward(self, test: Sequence[Tensor], golden: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Give the logits at the four maps' sizes, coarsest first, then those at the image's size."""
        c4 = self._difference(4, test, golden)
        c3 = self._difference(3, test, golden) + _resized(c4, test[2])
        c2 = self._difference(2, test, golden) + _resized(c3, test[1])
        enlarged = [_resized(maps, test[0]) for maps in (c4, c3, c2)]
        c1 = self._difference(1, test, golden) + enlarged[-1]
        predictions = [
            self.get_submodule(f"make_pred_c{level}")(maps)
            for level, maps in zip(_LEVELS, (c4, c3, c2, c1), strict=True)
        ]
        fused = self.linear_fuse(torch.cat([*enlarged, c1], dim=1))
        half = self.dense_2x(self.convd2x(fused))
        full = self.dense_1x(self.convd1x(half))
        return (*predictions, self.change_probability(full))

    def _difference(self, level: int, test: Sequence[Tensor], golden: Sequence[Tensor]) -> Tensor:
        project = self.get_submodule(f"linear_c{level}")
        pair = torch.cat([project(maps[level - 1]) for maps in (test, golden)], dim=1)
        result: Tensor = self.get_submodule(f"diff_c{level}")(pair)
        return result


def _resized(maps: Tensor, like: Tensor) -> Tensor:
    """Bring ``maps`` to the height and width of ``like``, bilinearly."""
    if maps.shape[2:] == like.shape[2:]:
        return maps
    return functional.interpolate(maps, size=like.shape[2:], mode="bilinear", align_corners=False)
