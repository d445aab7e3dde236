"""A float16 copy of a graph, float32 at its borders.

TensorRT 11 takes a network's precision from the file: a float16 engine needs a float16 graph.
"""

from __future__ import annotations

import warnings
from pathlib import Path


def convert_to_half(file: Path, out: Path) -> None:
    """Write the graph ``file`` with float16 weights and arithmetic to ``out``; inputs and outputs stay float32.

    ``out`` is written as it comes: put it beside its place, and move it there when it has been checked.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with warnings.catch_warnings():
        # It warns of each weight below float16's least number; what that costs is measured.
        warnings.simplefilter("ignore")
        half = convert_float_to_float16(onnx.load(str(file)), keep_io_types=True)
    onnx.save_model(half, str(out))
