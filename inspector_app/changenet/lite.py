"""ChangeNetLite: a compact siamese network that segments what changed between a golden and a test image."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector_app.changenet.effnet_lite import CHANNELS, EfficientNetLite0, SameConv2d

# Channels of the difference features at strides 2, 4, 8, 16, 32: cheap where maps are large.
_WIDTHS: tuple[int, ...] = (16, 32, 48, 64, 96)
CLASSES = 2

Features = tuple[Tensor, ...]


def _conv_norm(inputs: int, outputs: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        SameConv2d(inputs, outputs, kernel, groups=groups),
        nn.BatchNorm2d(outputs),
    )


class Refine(nn.Module):
    """Residual depthwise-separable filter."""

    def __init__(self, channels: int, kernel: int) -> None:
        """Build the filter; it keeps the number of channels."""
        super().__init__()
        self.body = nn.Sequential(
            _conv_norm(channels, channels, kernel, groups=channels),
            nn.ReLU(inplace=True),
            _conv_norm(channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map N x C x H x W to the same shape."""
        return functional.relu(x + self.body(x))


class Difference(nn.Module):
    """What differs between two projected feature maps, given both and their absolute difference."""

    def __init__(self, channels: int) -> None:
        """Build the layer for maps of ``channels`` channels."""
        super().__init__()
        self.mix = nn.Sequential(_conv_norm(3 * channels, channels), nn.ReLU(inplace=True))

    def forward(self, golden: Tensor, test: Tensor) -> Tensor:
        """Map two N x C x H x W tensors to one of the same shape."""
        mixed: Tensor = self.mix(torch.cat((test, golden, (test - golden).abs()), dim=1))
        return mixed


class ChangeNetLite(nn.Module):
    """EfficientNet-Lite0 encoder shared by both images, differences at five scales, top-down decoder.

    Inputs are N x 3 x H x W, normalised to -1..1, H and W multiples of 32; the output is N x 2 x H x W
    logits (0 no change, 1 change).
    """

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.project = nn.ModuleList(_conv_norm(c, w) for c, w in zip(CHANNELS, _WIDTHS, strict=True))
        self.difference = nn.ModuleList(Difference(w) for w in _WIDTHS)
        # Large kernels on the coarse maps: a misplaced part is judged by where the part ought to be.
        self.context = nn.Sequential(Refine(_WIDTHS[-1], 5), Refine(_WIDTHS[-1], 5))
        self.lateral = nn.ModuleList(_conv_norm(coarse, fine) for fine, coarse in pairwise(_WIDTHS))
        self.refine = nn.ModuleList(
            nn.Sequential(Refine(w, 3 if i == 0 else 5), Refine(w, 3)) for i, w in enumerate(_WIDTHS[:-1])
        )
        self.head = nn.Conv2d(_WIDTHS[0], CLASSES, 3, padding=1)
        self.auxiliary = nn.ModuleList(nn.Conv2d(w, CLASSES, 1) for w in _WIDTHS[1:])

    def encode(self, image: Tensor) -> Features:
        """Return the projected features of one image, finest first; a golden's can be kept and reused."""
        return tuple(project(f) for project, f in zip(self.project, self.encoder(image), strict=True))

    def compare(self, golden: Features, test: Features) -> Tensor:
        """Return the logits of two sets of features."""
        return self._full_size(self.head(self._decode(golden, test)[0]))

    def forward(self, test: Tensor, golden: Tensor) -> Tensor:
        """Return N x 2 x H x W logits.

        The encoder runs once for each image, not on a joined batch, so that in the exported graph the
        golden's part depends on the golden alone.
        """
        return self.compare(self.encode(golden), self.encode(test))

    def forward_train(self, test: Tensor, golden: Tensor) -> list[Tensor]:
        """Return the full-size logits, then the auxiliary logits at strides 4, 8, 16, 32.

        ``golden`` may hold fewer images than ``test``: each then serves as many tests in a row.
        """
        both = self.encode(torch.cat((golden, test)))
        count = golden.shape[0]
        share = test.shape[0] // count
        apart = [f.split_with_sizes((count, len(test))) for f in both]
        goldens = tuple(_each_for(golden, share) for golden, _ in apart)
        maps = self._decode(goldens, tuple(test for _, test in apart))
        coarse = [head(m) for head, m in zip(self.auxiliary, maps[1:], strict=True)]
        return [self._full_size(self.head(maps[0])), *coarse]

    def _decode(self, golden: Features, test: Features) -> list[Tensor]:
        """Return the decoded maps, finest first."""
        maps = [d(g, t) for d, g, t in zip(self.difference, golden, test, strict=True)]
        maps[-1] = self.context(maps[-1])
        for level in range(len(maps) - 2, -1, -1):
            above = self.lateral[level](maps[level + 1])
            maps[level] = self.refine[level](maps[level] + _double(above))
        return maps

    @staticmethod
    def _full_size(logits: Tensor) -> Tensor:
        return functional.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False)


def _each_for(x: Tensor, share: int) -> Tensor:
    """Repeat each image ``share`` times in a row, channels last as everything else: other layouts cost copies."""
    rows = x.permute(0, 2, 3, 1)[:, None].expand(-1, share, -1, -1, -1)
    return rows.flatten(0, 1).permute(0, 3, 1, 2)


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def build_network(pretrained: bool = True) -> ChangeNetLite:
    """Return a network, with the ImageNet encoder unless ``pretrained`` is False."""
    network = ChangeNetLite()
    if pretrained:
        network.encoder.load_imagenet()
    return network
