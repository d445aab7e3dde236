from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import InputSpec, ModelManifest
from inspector_app.engines.half import convert_to_half
from inspector_app.engines.models import Model, sha256_of
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.quantise import Int8Setting, Pair, Quantiser

SIDE = 32


def network(path: Path, batch: int | None = None) -> Model:
    """A siamese encoder (3 x 3, depthwise, 1 x 1), then the size of the difference."""
    rng = np.random.default_rng(3)
    axes = [batch or "batch", 3, "height", "width"]
    weights = {
        "full": rng.normal(0, 0.3, (8, 3, 3, 3)),
        "depth": rng.normal(0, 0.5, (8, 1, 3, 3)),
        "point": rng.normal(0, 0.4, (8, 8, 1, 1)),
        "head": np.stack([np.zeros((8, 1, 1)), np.ones((8, 1, 1))]),
        "head_bias": np.array([0.0, -3.0]),
    }
    nodes = []
    for image in ("input0", "input1"):
        nodes += [
            helper.make_node("Conv", [image, "full"], [f"{image}_a"], f"{image}_full", pads=[1] * 4),
            helper.make_node("Relu", [f"{image}_a"], [f"{image}_b"], f"{image}_relu"),
            helper.make_node(
                "Conv", [f"{image}_b", "depth"], [f"{image}_c"], f"{image}_depth", pads=[1] * 4, group=8
            ),
            helper.make_node("Conv", [f"{image}_c", "point"], [f"{image}_d"], f"{image}_point"),
        ]
    nodes += [
        helper.make_node("Sub", ["input0_d", "input1_d"], ["difference"], "difference"),
        helper.make_node("Abs", ["difference"], ["size"], "size"),
        helper.make_node("Conv", ["size", "head", "head_bias"], ["output_final"], "head_conv"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name in ("input0", "input1")],
        [helper.make_tensor_value_info("output_final", TensorProto.FLOAT, [axes[0], 2, *axes[2:]])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    spec = InputSpec(height=SIDE, width=SIDE, dynamic=True)
    return Model(
        ModelManifest(name="s", file=path.name, sha256=sha256_of(path), input=spec, batch=batch), path
    )


def pairs(count: int = 5) -> tuple[Pair, ...]:
    rng = np.random.default_rng(8)
    made = []
    for _ in range(count):
        golden = rng.uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
        test = golden.copy()
        test[:, :, 8:20, 10:16] = 1.0
        made.append((test, golden))
    return tuple(made)


def maps(model: Model, precision: str, shown: Sequence[Pair]) -> np.ndarray:
    manifest = model.manifest.model_copy(update={"precision": precision})
    engine = OnnxRuntimeEngine(Model(manifest, model.path), threads=1)
    found = [engine.compare(engine.encode_golden(golden), test) for test, golden in shown]
    engine.close()
    return np.concatenate(found)


@pytest.mark.parametrize(
    "setting",
    [
        Int8Setting(),
        Int8Setting(ranges="percentile"),
        Int8Setting(activation="int8", reduce_range=False),
        Int8Setting(layers_only=True, in_float=frozenset({"head_conv"})),
    ],
    ids=Int8Setting.describe,
)
@pytest.mark.parametrize("batch", [None, 2])
def test_a_quantised_copy_says_nearly_the_same(
    tmp_path: Path, setting: Int8Setting, batch: int | None
) -> None:
    model = network(tmp_path / "net.onnx", batch)
    out = tmp_path / "int8.onnx"
    Quantiser(model, pairs(), tmp_path).write(setting, out)
    expected = maps(model, "float32", pairs(2))
    got = maps(Model(model.manifest, out), "int8", pairs(2))
    assert 0 < np.abs(got - expected).mean() < 0.05
    agreed = (got >= 0.5) == (expected >= 0.5)
    assert agreed.mean() > 0.97
    stored = {tensor.data_type for tensor in onnx.load(out).graph.initializer if len(tensor.dims) == 4}
    assert TensorProto.INT8 in stored
    assert (TensorProto.FLOAT in stored) is bool(setting.in_float)


def test_layers_are_named_in_order_of_computation(tmp_path: Path) -> None:
    quantiser = Quantiser(network(tmp_path / "net.onnx"), pairs(1), tmp_path)
    ours = [name for name in quantiser.layers if name.startswith("input1") or name == "head_conv"]
    assert ours == ["input1_full", "input1_depth", "input1_point", "head_conv"]
    assert len(quantiser.layers) == 7


def test_no_pairs_and_no_graph_are_told(tmp_path: Path) -> None:
    model = network(tmp_path / "net.onnx")
    with pytest.raises(ValueError, match="no pairs"):
        Quantiser(model, (), tmp_path)
    model.path.write_bytes(b"no graph")
    with pytest.raises(KeeperError) as caught:
        Quantiser(model, pairs(1), tmp_path)
    assert caught.value.code == "quantise_failed"


def test_the_tools_do_not_print(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    quantiser = Quantiser(network(tmp_path / "net.onnx"), pairs(2), tmp_path)
    quantiser.write(Int8Setting(ranges="percentile"), tmp_path / "int8.onnx")
    assert capfd.readouterr().out == ""


def test_a_float16_copy_keeps_float32_borders(tmp_path: Path) -> None:
    model = network(tmp_path / "net.onnx")
    out = tmp_path / "half.onnx"
    convert_to_half(model.path, out)
    graph = onnx.load(out).graph
    borders = {entry.type.tensor_type.elem_type for entry in (*graph.input, *graph.output)}
    assert borders == {TensorProto.FLOAT}
    assert {t.data_type for t in graph.initializer if len(t.dims) == 4} == {TensorProto.FLOAT16}
    got, expected = maps(Model(model.manifest, out), "float16", pairs(2)), maps(model, "float32", pairs(2))
    assert np.abs(got - expected).max() < 0.02
