"""The FAN-hybrid backbone (arXiv 2204.12451): ConvNeXt stages at strides 4 and 8, FAN blocks at stride 16."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inspector_app.changenet.tao.convnext import ConvNeXtStem
from inspector_app.changenet.tao.fan_blocks import FanBlock, Grid, LocalMixing, to_map, to_tokens
from inspector_app.changenet.tao.sizes import STEM_WIDTHS, FanSize
from inspector_app.changenet.tao.xcit import ClassAttentionBlock, FourierPosition

_CLASS_BLOCKS = 2


class HybridEmbedding(nn.Module):
    """The convolutional stem and the 2 x 2 patches of its last map that become tokens."""

    def __init__(self, size: FanSize) -> None:
        super().__init__()
        self.backbone = ConvNeXtStem(STEM_WIDTHS, size.stem_depths)
        self.proj = nn.Conv2d(STEM_WIDTHS[-1], size.width, 2, stride=2)

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Give the stem's maps and the tokens as a map, ``N x C x H/16 x W/16``."""
        maps = self.backbone(images)
        return maps, self.proj(maps[-1])


class FanBackbone(nn.Module):
    """Four feature maps of an image; the state dict has TAO's names and order.

    The class token and its attention belong to the published network and its checkpoints, but change none of
    the feature maps: they are neither evaluated nor trained.
    """

    def __init__(self, size: FanSize, drop_path: float = 0.0) -> None:
        super().__init__()
        self.tapped_block = size.tapped_block
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.width))
        self.patch_embed = HybridEmbedding(size)
        self.pos_embed = FourierPosition(size.width)
        self.blocks = nn.ModuleList(FanBlock(size.width, size.heads, drop_path) for _ in range(size.depth))
        self.cls_attn_blocks = nn.ModuleList(
            ClassAttentionBlock(size.width, size.heads) for _ in range(_CLASS_BLOCKS)
        )
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        self.apply(_initialise)
        # Parameters that never get a gradient stop training on several GPUs, unless they ask for none.
        self.cls_token.requires_grad_(False)
        for block in self._class_blocks():
            block.freeze_class_part()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Give the maps at strides 4, 8, 16 and 16 of ``images``, ``N x 3 x H x W``, sides multiples of 16."""
        maps, embedded = self.patch_embed(images)
        grid: Grid = (embedded.shape[2], embedded.shape[3])
        tokens = to_tokens(embedded + self.pos_embed(*grid))
        for index, block in enumerate(self.blocks):
            tokens = block(tokens, grid)
            if index == self.tapped_block:
                maps.append(to_map(tokens, grid))
        for block in self._class_blocks():
            tokens = block.pass_on(tokens)
        return [*maps, to_map(tokens, grid)]

    def _class_blocks(self) -> list[ClassAttentionBlock]:
        return [block for block in self.cls_attn_blocks if isinstance(block, ClassAttentionBlock)]


def _initialise(module: nn.Module) -> None:
    """Linear layers from a truncated normal of deviation 0.02; the depthwise ones by their fan-out."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, LocalMixing):
        for convolution in (module.conv1, module.conv2):
            # The usual fan-out initialiser ignores groups; a depthwise filter feeds one channel only.
            nn.init.normal_(convolution.weight, std=(2.0 / convolution.weight[0].numel()) ** 0.5)
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)
