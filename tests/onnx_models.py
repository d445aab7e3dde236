"""Small ONNX files made on the spot: logits are ``(0, gain * |test - golden| summed over channels - bias)``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TAO_OUTPUTS = ("output0", "output1", "output2", "output3", "output_final")


def difference_model(
    path: Path,
    *,
    inputs: tuple[str, str] = ("input0", "input1"),
    outputs: tuple[str, ...] = TAO_OUTPUTS,
    batch: int | None = None,
    side: int | None = 256,
    signed: bool = False,
) -> Path:
    """Write a graph with TAO's names. ``signed``: only where the test is brighter counts, to tell inputs apart."""
    axes = ["batch_size" if batch is None else batch, 3, side or "height", side or "width"]
    feeds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name in inputs]
    gives = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [axes[0], 2, axes[2], axes[3]])
        for name in outputs
    ]
    weights = np.zeros((2, 3, 1, 1), dtype=np.float32)
    weights[1] = 4.0
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([0.0, -3.0], dtype=np.float32), "bias"),
    ]
    nodes = [
        helper.make_node("Sub", list(inputs), ["difference"]),
        helper.make_node("Relu" if signed else "Abs", ["difference"], ["size"]),
        helper.make_node("Conv", ["size", "weights", "bias"], ["logits"]),
        *(helper.make_node("Identity", ["logits"], [name]) for name in outputs),
    ]
    graph = helper.make_graph(nodes, "difference", feeds, gives, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
