"""Change-segmentation networks: their definition, training and export, in PyTorch.

Needs the extra ``train``.  The running application never imports this package: it runs the exported
ONNX file through :mod:`inspector_app.engines`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspector_app.changenet.tao.network import VisualChangeNet


def visual_changenet(backbone: str, classes: int = 2, drop_path: float = 0.0) -> VisualChangeNet:
    """Build the published Visual ChangeNet-Segmentation with random weights.

    Its state dict has the names of a TAO checkpoint, without their prefix ``model.``, in TAO's order;
    ``forward(test, golden)`` takes ``N x 3 x H x W`` tensors and gives TAO's five outputs in TAO's order.

    Args:
        backbone: ``fan_tiny_8_p4_hybrid``, ``fan_small_12_p4_hybrid``, ``fan_base_16_p4_hybrid`` or
            ``fan_large_16_p4_hybrid``.
        classes: output classes, 0 being "no change".
        drop_path: probability of leaving out a transformer block's residual in training; 0.3 in TAO 6.

    Raises:
        ValueError: there is no such backbone.
        ModuleNotFoundError: PyTorch is not installed.
    """
    # The package is importable without PyTorch: the command line lists its commands without the extra.
    from inspector_app.changenet.tao.network import VisualChangeNet
    from inspector_app.changenet.tao.sizes import fan_size

    return VisualChangeNet(fan_size(backbone), classes, drop_path=drop_path)
