"""Folding of BatchNorm into convolutions, for use after training: the same results from fewer passes."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inspector_app.changenet.lite import ChangeNetLite


def fold_batch_norm(network: ChangeNetLite) -> ChangeNetLite:
    """Return a copy in evaluation mode whose BatchNorm layers are folded into their convolutions."""
    folded = copy.deepcopy(network).eval()
    for parent in folded.modules():
        if not isinstance(parent, nn.Sequential):
            continue
        for index in range(len(parent) - 1):
            layer, norm = parent[index], parent[index + 1]
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                parent[index] = fuse_conv_bn_eval(layer, norm)
                parent[index + 1] = nn.Identity()
    return folded
