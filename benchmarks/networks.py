"""The networks that are measured: installed models, and the published one with random weights."""

from __future__ import annotations

import os
from pathlib import Path

from inspector_app.bootstrap import model_folders
from inspector_app.engines.models import Model, find_model
from inspector_app.settings.data_dir import data_dir

COMPACT = "mvtec-transistor"
"""A ``changenet-lite`` at 256 x 256; ``generic`` is the same network at 288 x 288."""
PUBLISHED = "fan_small_12_p4_hybrid"


def installed(name: str) -> Model:
    """A model by name or path, as the program finds it.

    Raises:
        KeeperError: there is none.
    """
    return find_model(name, model_folders(data_dir(None, os.environ)))


def export_published(file: Path, batch: int | None = None) -> Path:
    """Write the published network (FAN small) with random weights, which take as long as trained ones.

    Args:
        file: where; left as it is when it is there.
        batch: fixed number of pairs, None for a dynamic batch.

    Raises:
        ImportError: PyTorch is not installed.
    """
    if file.is_file():
        return file
    import torch

    from inspector_app.changenet.tao.export import export_tao_onnx
    from inspector_app.changenet.tao.network import VisualChangeNet
    from inspector_app.changenet.tao.sizes import fan_size

    torch.manual_seed(0)
    print(f"exporting {PUBLISHED} with random weights to {file}; this takes a minute or more")
    export_tao_onnx(VisualChangeNet(fan_size(PUBLISHED)).eval(), file, batch)
    return file
