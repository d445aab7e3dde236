"""Visual ChangeNet-Segmentation: a FAN-hybrid backbone shared by both images, and the ChangeNet decoder."""

from __future__ import annotations

from torch import Tensor, nn

from inspector_app.changenet.tao.decoder import ChangeDecoder
from inspector_app.changenet.tao.fan_backbone import FanBackbone
from inspector_app.changenet.tao.sizes import STRIDES, FanSize

DECODER_WIDTH = 256


class VisualChangeNet(nn.Module):
    """The published network, parameter for parameter; names and order of its state dict are TAO's."""

    def __init__(
        self, size: FanSize, classes: int = 2, decoder_width: int = DECODER_WIDTH, drop_path: float = 0.0
    ) -> None:
        """Build it with random weights.

        Args:
            size: the backbone's; the published ones are in ``FAN_SIZES``.
            classes: output classes, 0 being "no change".
            decoder_width: channels inside the decoder; the published networks have 256.
            drop_path: probability of leaving out a FAN block's residual in training (stochastic depth).
        """
        super().__init__()
        self.backbone = FanBackbone(size, drop_path)
        self.decoder = ChangeDecoder(size.feature_widths, decoder_width, classes)

    def forward(self, test: Tensor, golden: Tensor) -> tuple[Tensor, ...]:
        """Give five logits, each ``N x classes x h x w``.

        In TAO's order: ``output0`` to ``output3`` at strides 16, 16, 8 and 4, then ``output_final`` at the
        images' own size, which is the one to use.

        Args:
            test: RGB, ``N x 3 x H x W``, ``(x - 0.5) / 0.5`` of values in 0..1; sides multiples of 16.
            golden: the same for the reference image.

        Raises:
            ValueError: the shapes differ or do not suit the network.
        """
        if test.shape != golden.shape:
            raise ValueError(f"test {tuple(test.shape)} and golden {tuple(golden.shape)} differ in shape")
        if test.ndim != 4 or test.shape[1] != 3 or any(side % STRIDES[-1] for side in test.shape[2:]):
            raise ValueError(f"images are N x 3 x H x W, sides multiples of 16, not {tuple(test.shape)}")
        result: tuple[Tensor, ...] = self.decoder(self.backbone(test), self.backbone(golden))
        return result
