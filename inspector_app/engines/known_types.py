"""Types and shapes of a graph's tensors, inferred without carrying its weights about."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_SMALL = 64
"""Values that a tensor may have to be looked into: sizes, axes and factors decide shapes, weights do not."""


def known_types(model: onnx.ModelProto) -> dict[str, onnx.TypeProto]:
    """Type of every tensor whose element type is known, with as much of its shape as is known.

    Constants are left out. The model stays as it is.
    """
    import onnx

    graph = onnx.shape_inference.infer_shapes(_without_weights(model)).graph
    constants = {entry.name for entry in model.graph.initializer}
    return {
        entry.name: entry.type
        for entry in (*graph.value_info, *graph.input, *graph.output)
        if entry.name not in constants
        and entry.type.HasField("tensor_type")
        and entry.type.tensor_type.elem_type
    }


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose large constants are inputs of the same type: inference writes out and reads in all it is given."""
    import onnx

    light = onnx.ModelProto(ir_version=model.ir_version)
    light.opset_import.extend(model.opset_import)
    light.functions.extend(model.functions)
    graph = light.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.value_info.extend(model.graph.value_info)
    graph.sparse_initializer.extend(model.graph.sparse_initializer)
    named = {entry.name for entry in graph.input}
    for constant in model.graph.initializer:
        if math.prod(constant.dims) <= _SMALL:
            graph.initializer.append(constant)
        elif constant.name not in named:
            graph.input.append(
                onnx.helper.make_tensor_value_info(constant.name, constant.data_type, constant.dims)
            )
    return light
