"""Types without weights: the same as with them, and the model stays as it is."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inspector_app.engines.known_types import known_types


def _graph(weights_are_inputs: bool) -> onnx.ModelProto:
    """Convolve with 16 x 3 x 3 x 3 weights, then double the size by a small constant."""
    rng = np.random.default_rng(0)
    weights = numpy_helper.from_array(rng.normal(size=(16, 3, 3, 3)).astype(np.float32), "weights")
    factors = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "factors")
    nodes = [
        helper.make_node("Conv", ["image", "weights"], ["seen"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Resize", ["seen", "", "factors"], ["doubled"]),
        helper.make_node("Relu", ["doubled"], ["out"]),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 32, 48])]
    if weights_are_inputs:
        inputs.append(helper.make_tensor_value_info("weights", TensorProto.FLOAT, [16, 3, 3, 3]))
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [weights, factors])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _shape(kind: onnx.TypeProto) -> list[int | str]:
    return [axis.dim_value or axis.dim_param for axis in kind.tensor_type.shape.dim]


def test_shapes_are_found_as_if_the_weights_were_there() -> None:
    for weights_are_inputs in (False, True):
        model = _graph(weights_are_inputs)
        before = model.SerializeToString()
        known = known_types(model)
        assert _shape(known["seen"]) == ["n", 16, 16, 24]
        assert _shape(known["out"])[1:] == [16, 32, 48]
        assert "weights" not in known
        assert model.SerializeToString() == before
        full = onnx.shape_inference.infer_shapes(model).graph
        for entry in (*full.value_info, *full.output):
            assert _shape(known[entry.name]) == _shape(entry.type)
