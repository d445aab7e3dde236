"""What a network costs: parameters and multiply-adds, what depends on the golden alone apart from the rest.

Multiply-adds are those of convolutions and matrix products (Conv, ConvTranspose, MatMul, Gemm), one for each
product of a weight or of two activations; additions of biases, activations, resizing and normalising are left
out, as is usual.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inspector_app.engines.golden_split import GraphParts, split_graph
from inspector_app.engines.models import Model

if TYPE_CHECKING:
    import onnx

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Cost:
    """Of one pair at the manifest's input size.

    Attributes:
        parameters: weights and biases, whatever their precision.
        golden_macs: multiply-adds that depend on the golden alone; a kept golden saves them.
        test_macs: all others; without a kept golden both are spent.
        uncounted: nodes whose shapes could not be inferred, so that they are missing from the counts.
        golden_kept: False where the graph cannot be split; then ``golden_macs`` is 0.
    """

    parameters: int
    golden_macs: int
    test_macs: int
    uncounted: int
    golden_kept: bool

    @property
    def macs(self) -> int:
        """Of a pair whose golden is new."""
        return self.golden_macs + self.test_macs


def count_cost(model: Model) -> Cost:
    """Count ``model``'s graph, shapes inferred from the manifest's input size; outputs that nobody reads are free.

    A graph with a fixed batch is counted as a whole and divided by it.
    """
    import onnx
    from onnx import inliner

    manifest = model.manifest
    batch = manifest.batch or 1
    whole = inliner.inline_local_functions(onnx.load(model.path))
    size = (batch, 3, manifest.input.height, manifest.input.width)
    shapes = infer_shapes(whole, dict.fromkeys((manifest.test_input, manifest.golden_input), size))
    parts = split_graph(model.path, manifest)
    if not isinstance(parts, GraphParts):
        macs, uncounted = _sum(_needed_nodes(whole, manifest.output), shapes)
        return Cost(count_parameters(whole), 0, macs // batch, uncounted, golden_kept=False)
    golden, missed = _sum_part(parts.golden, {manifest.golden_input: size}, shapes)
    # What the golden's part gives, the other one takes.
    shapes = {**shapes, **infer_shapes(onnx.load_from_string(parts.golden), {manifest.golden_input: size})}
    taken = {name: shapes[name] for name in parts.cut if name in shapes}
    given = {manifest.test_input: size, manifest.golden_input: size, **taken}
    rest, missed_too = _sum_part(parts.rest, given, shapes)
    return Cost(
        count_parameters(whole), golden // batch, rest // batch, missed + missed_too, golden_kept=True
    )


def _sum_part(part: bytes, inputs: Mapping[str, Sequence[int]], whole: Shapes) -> tuple[int, int]:
    """Of a part of a split graph. Its own shapes come first: a pass over both images at once has been made two in it.
    Those of the whole graph serve where a part does not know what it is fed, as with sizes of the golden."""
    import onnx

    graph = onnx.load_from_string(part)
    return _sum(graph.graph.node, {**whole, **infer_shapes(graph, inputs)})


def count_parameters(model: onnx.ModelProto) -> int:
    """Elements of all constants but whole-number shapes (int64) and the scales of quantised tensors."""
    import onnx

    scales = {
        name
        for node in model.graph.node
        if node.op_type in ("QuantizeLinear", "DequantizeLinear")
        for name in node.input[1:]
    }
    return sum(
        math.prod(tensor.dims)
        for tensor in model.graph.initializer
        if tensor.name not in scales
        and tensor.data_type not in (onnx.TensorProto.INT64, onnx.TensorProto.BOOL)
    )


def infer_shapes(model: onnx.ModelProto, inputs: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor whose shape follows from those of ``inputs``; the model itself stays as it is."""
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for entry in fixed.graph.input:
        if entry.name in inputs:
            del entry.type.tensor_type.shape.dim[:]
            for length in inputs[entry.name]:
                entry.type.tensor_type.shape.dim.add().dim_value = length
    for output in fixed.graph.output:
        # Axes without a size would be taken for the truth.
        output.type.tensor_type.ClearField("shape")
    del fixed.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in inferred.initializer}
    for entry in (*inferred.input, *inferred.output, *inferred.value_info):
        axes = entry.type.tensor_type.shape.dim
        if entry.type.tensor_type.HasField("shape") and all(axis.HasField("dim_value") for axis in axes):
            shapes[entry.name] = tuple(axis.dim_value for axis in axes)
    return shapes


def _needed_nodes(model: onnx.ModelProto, output: str) -> Iterator[onnx.NodeProto]:
    """The nodes that ``output`` needs, last first. Those within loops and branches are not looked into."""
    wanted = {output}
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            wanted.update(node.input)
            yield node


def _sum(nodes: Iterable[onnx.NodeProto], shapes: Shapes) -> tuple[int, int]:
    """Multiply-adds, and how many nodes could not be counted."""
    total = missed = 0
    for node in nodes:
        if node.op_type in _COUNTERS:
            known = all(name in shapes for name in (*node.input[:2], node.output[0]))
            total += _COUNTERS[node.op_type](node, shapes) if known else 0
            missed += not known
    return total, missed


def _conv(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each output element sums over its kernel and its group's inputs: weights are ``M x C/group x kH x kW``."""
    return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])


def _conv_transpose(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each input element is spread by its kernel: weights are ``C x M/group x kH x kW``."""
    return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])


def _matmul(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each output element is a dot product along the first operand's last axis."""
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]


def _gemm(node: onnx.NodeProto, shapes: Shapes) -> int:
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else 1]


_COUNTERS = {"Conv": _conv, "ConvTranspose": _conv_transpose, "MatMul": _matmul, "Gemm": _gemm}
