from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inspector_app.core.manifest import InputSpec, ModelManifest
from inspector_app.engines.cost import count_cost, count_parameters, infer_shapes
from inspector_app.engines.models import Model, sha256_of

SIDE = 32
Axes = tuple[str | int, int, str | int, str | int]


def written(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    weights: dict[str, tuple[int, ...]],
    batch: int | None = None,
) -> Model:
    """Two images in, ``output_final`` out; the sizes are free unless the batch is fixed."""
    axes: Axes = (batch, 3, SIDE, SIDE) if batch else ("batch", 3, "height", "width")
    images = [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name in ("input0", "input1")]
    gives = [helper.make_tensor_value_info("output_final", TensorProto.FLOAT, [axes[0], 2, None, None])]
    constants = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1, -1], np.int64), "shape"))
    graph = helper.make_graph(list(nodes), "cost", images, gives, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    spec = InputSpec(height=SIDE, width=SIDE, dynamic=batch is None)
    return Model(
        ModelManifest(name="c", file=path.name, sha256=sha256_of(path), input=spec, batch=batch), path
    )


def conv(source: str, weights: str, out: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node("Conv", [source, weights], [out], **attributes)


ENCODER = [
    conv("input0", "stem", "t0", strides=[2, 2], pads=[1, 1, 1, 1]),
    conv("t0", "depth", "t1", group=8, pads=[1, 1, 1, 1]),
    conv("input1", "stem", "g0", strides=[2, 2], pads=[1, 1, 1, 1]),
    conv("g0", "depth", "g1", group=8, pads=[1, 1, 1, 1]),
    helper.make_node("Sub", ["t1", "g1"], ["d"]),
]
WEIGHTS: dict[str, tuple[int, ...]] = {"stem": (8, 3, 3, 3), "depth": (8, 1, 3, 3), "head": (2, 8, 1, 1)}
HALF = 16 * 16
"""Pixels after the stem's stride of 2."""
ENCODED = HALF * 8 * 3 * 9 + HALF * 8 * 1 * 9


@pytest.mark.parametrize("batch", [None, 4])
def test_convolutions_are_counted_by_hand_and_the_goldens_share_apart(
    tmp_path: Path, batch: int | None
) -> None:
    model = written(tmp_path / "c.onnx", [*ENCODER, conv("d", "head", "output_final")], WEIGHTS, batch)
    cost = count_cost(model)
    assert cost.golden_macs == ENCODED
    assert cost.test_macs == ENCODED + HALF * 2 * 8
    assert cost.macs == cost.golden_macs + cost.test_macs
    assert (cost.uncounted, cost.golden_kept) == (0, True)
    assert cost.parameters == 8 * 27 + 8 * 9 + 16


def test_an_output_that_nobody_reads_costs_nothing(tmp_path: Path) -> None:
    spare = conv("d", "head", "spare")
    model = written(tmp_path / "c.onnx", [*ENCODER, spare, conv("d", "head", "output_final")], WEIGHTS)
    assert count_cost(model).test_macs == ENCODED + HALF * 2 * 8


def test_a_transposed_convolution_spreads_each_input_element(tmp_path: Path) -> None:
    head = helper.make_node("ConvTranspose", ["d", "up"], ["output_final"], strides=[2, 2])
    model = written(tmp_path / "c.onnx", [*ENCODER, head], {**WEIGHTS, "up": (8, 2, 2, 2)})
    assert count_cost(model).test_macs == ENCODED + HALF * 8 * 2 * 4


def test_products_are_counted_along_the_shared_axis(tmp_path: Path) -> None:
    nodes = [
        *ENCODER,
        helper.make_node("MatMul", ["d", "right"], ["m"]),  # 1 x 8 x 16 x 16 by 16 x 5
        helper.make_node("Reshape", ["d", "shape"], ["row"]),  # 1 x 2048
        helper.make_node("Gemm", ["right", "left"], ["g"], transA=1),  # 5 x 16 by 16 x 7
        helper.make_node("ReduceMean", ["m"], ["m_mean"], keepdims=0),
        helper.make_node("ReduceMean", ["g"], ["g_mean"], keepdims=0),
        helper.make_node("Add", ["m_mean", "g_mean"], ["both"]),
        conv("d", "head", "logits"),
        helper.make_node("Add", ["logits", "both"], ["output_final"]),
    ]
    model = written(tmp_path / "c.onnx", nodes, {**WEIGHTS, "right": (16, 5), "left": (16, 7)})
    matmul, gemm = 8 * 16 * 5 * 16, 5 * 7 * 16
    assert count_cost(model).test_macs == ENCODED + HALF * 2 * 8 + matmul + gemm


def test_a_graph_that_cannot_be_split_is_counted_whole(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Sub", ["input0", "input1"], ["d"]),
        conv("d", "head", "output_final"),
    ]
    cost = count_cost(written(tmp_path / "c.onnx", nodes, {"head": (2, 3, 1, 1)}))
    assert (cost.golden_macs, cost.test_macs, cost.golden_kept) == (0, SIDE * SIDE * 2 * 3, False)


def test_scales_of_quantised_tensors_and_shapes_are_no_parameters() -> None:
    constants = [
        numpy_helper.from_array(np.ones((2, 3, 1, 1), np.int8), "w"),
        numpy_helper.from_array(np.ones(2, np.float32), "scale"),
        numpy_helper.from_array(np.zeros(2, np.int8), "zero"),
        numpy_helper.from_array(np.array([1, 2], np.int64), "shape"),
    ]
    node = helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["y"], axis=0)
    gives = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3, 1, 1])]
    assert count_parameters(helper.make_model(helper.make_graph([node], "q", [], gives, constants))) == 6


def test_shapes_follow_from_the_inputs_and_leave_the_model_as_it_was(tmp_path: Path) -> None:
    model = written(tmp_path / "c.onnx", [*ENCODER, conv("d", "head", "output_final")], WEIGHTS)
    graph = onnx.load(model.path)
    before = graph.SerializeToString()
    shapes = infer_shapes(graph, dict.fromkeys(("input0", "input1"), (2, 3, 64, 48)))
    assert shapes["output_final"] == (2, 2, 32, 24)
    assert graph.SerializeToString() == before
