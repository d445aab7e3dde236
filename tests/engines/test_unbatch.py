"""A siamese encoder exported as one pass over both images is taken apart where that is safe, and said where not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from inspector_app.engines.golden_split import GraphParts, Unsplit, split_graph
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine, OrtSession
from inspector_app.engines.programs import WholeProgram

SIDE = 32
WIDTH = 4


def node(kind: str, reads: str, makes: str, **attributes: object) -> NodeProto:
    return helper.make_node(kind, reads.split(), makes.split(), **attributes)


CONV = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
ENCODE = [node("Conv", "both weight bias", "f", **CONV)]

SPLITS: dict[str, list[NodeProto]] = {
    "split": [node("Split", "f", "first second", axis=0, num_outputs=2)],
    "slices": [
        node("Shape", "input0", "shape"),
        node("Gather", "shape zero", "count"),
        node("Slice", "f zero count zero", "first"),
        node("Slice", "f count far zero", "second"),
    ],
    "negative slices": [
        node("Shape", "input1", "shape"),
        node("Gather", "shape zero", "count"),
        node("Mul", "count minus", "negative"),
        node("Slice", "f zero count", "first"),
        node("Slice", "f negative far", "second"),
    ],
}
FIXED: dict[str, list[NodeProto]] = {
    "slices": [node("Slice", "f zero two zero", "first"), node("Slice", "f two four zero one", "second")],
    "gather": [node("Gather", "f low", "first"), node("Gather", "f high", "second")],
    "split by sizes": [node("Split", "f halves", "first second", axis=0)],
}
STEPS: dict[str, list[NodeProto]] = {
    "block": [
        node("Conv", "both weight bias", "c", **CONV),
        node("BatchNormalization", "c one4 bias bias one4", "n"),
        node("Clip", "n floor ceiling", "k"),
        node("Add", "k c", "s"),
        node("Mul", "s channel", "m"),
        node("MaxPool", "m", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", "p  twice".replace("  ", " "), "f"),
    ],
    "gate": [
        node("Conv", "both weight bias", "c", **CONV),
        node("ReduceMean", "c spatial", "g", keepdims=1),
        node("Sigmoid", "g", "h"),
        node("Mul", "c h", "f"),
    ],
    "shapes": [
        node("Conv", "both weight bias", "c", **CONV),
        node("Shape", "c", "cs"),
        node("Gather", "cs two", "height"),
        node("Slice", "cs zero two", "front"),
        node("Concat", "front height minus", "target", axis=0),
        node("Reshape", "c target", "again"),
        node("Relu", "again", "f"),
    ],
    "attention": [
        node("Conv", "both weight bias", "c", **CONV),
        node("Shape", "c", "cs"),
        node("Reshape", "c tokens", "t"),
        node("Transpose", "t", "u", perm=[0, 2, 1]),
        node("MatMul", "u square", "q"),
        node("LayerNormalization", "q one4 bias", "l"),
        node("MatMul", "t l", "a"),
        node("Softmax", "a", "w", axis=-1),
        node("MatMul", "w t", "o"),
        node("Reshape", "o cs", "f"),
    ],
}
MIXING: dict[str, list[NodeProto]] = {
    "ReduceMean": [
        node("Conv", "both weight bias", "c", **CONV),
        node("ReduceMean", "c zero", "mean", keepdims=1),
        node("Sub", "c mean", "f"),
    ],
    "Softmax": [node("Conv", "both weight bias", "c", **CONV), node("Softmax", "c", "f", axis=0)],
    "Transpose": [
        node("Conv", "both weight bias", "c", **CONV),
        node("Transpose", "c", "turned", perm=[1, 0, 2, 3]),
        node("Transpose", "turned", "f", perm=[1, 0, 2, 3]),
    ],
    "CumSum": [node("Conv", "both weight bias", "c", **CONV), node("CumSum", "c zero0", "f")],
}


def batched(
    path: Path,
    encode: Sequence[NodeProto] = ENCODE,
    parting: Sequence[NodeProto] = SPLITS["split"],
    swapped: bool = False,
    batch: int | None = None,
) -> Model:
    rng = np.random.default_rng(3)

    def floats(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)

    def given(name: str, value: object, kind: type = np.int64) -> TensorProto:
        return numpy_helper.from_array(np.array(value, dtype=kind), name)

    nodes = [
        node("Concat", "input1 input0" if swapped else "input0 input1", "both", axis=0),
        *encode,
        *parting,
        # Not symmetric: exchanged halves would be seen.
        node("Sub", "second first" if swapped else "first second", "d"),
        node("Relu", "d", "r"),
        node("Conv", "r head", "output_final"),
    ]
    axes = [batch or "batch", 3, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        "batched",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name in ("input0", "input1")],
        [helper.make_tensor_value_info("output_final", TensorProto.FLOAT, [axes[0], 2, SIDE, SIDE])],
        [
            floats("weight", WIDTH, 3, 3, 3),
            floats("bias", WIDTH),
            floats("head", 2, WIDTH, 1, 1),
            floats("channel", WIDTH, 1, 1),
            floats("square", WIDTH, WIDTH),
            given("one4", [1] * WIDTH, np.float32),
            given("floor", -1, np.float32),
            given("ceiling", 1, np.float32),
            given("twice", [1, 1, 2, 2], np.float32),
            given("zero", [0]),
            given("zero0", 0),
            given("one", [1]),
            given("two", [2]),
            given("four", [4]),
            given("minus", [-1]),
            given("far", [2**62]),
            given("low", [0, 1]),
            given("high", [2, -1]),
            given("halves", [2, 2]),
            given("spatial", [2, 3]),
            given("tokens", [0, WIDTH, -1]),
        ],
    )
    for each in graph.node:
        if each.op_type == "Resize":
            each.input.insert(1, "")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return load_model(path)


def assert_split_and_right(model: Model) -> None:
    assert isinstance(split_graph(model.path, model.manifest), GraphParts)
    engine = OnnxRuntimeEngine(model, threads=1)
    assert engine.info.golden_note == ""
    rng = np.random.default_rng(1)
    count = model.manifest.batch or 3
    tests = rng.uniform(-1, 1, (count, 3, SIDE, SIDE)).astype(np.float32)
    golden = rng.uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
    whole = WholeProgram(OrtSession(model.path, "CPU", 1), model.manifest, "")
    expected = whole.run([], np.repeat(golden, count, axis=0), tests)
    features = engine.encode_golden(golden)
    np.testing.assert_allclose(engine.compare(features, tests), expected, atol=1e-6)
    assert np.ptp(expected) > 0.01
    assert engine.kept_bytes(features) > golden.nbytes


@pytest.mark.parametrize("form", SPLITS)
@pytest.mark.parametrize("swapped", [False, True])
def test_ways_to_part_the_images_again(tmp_path: Path, form: str, swapped: bool) -> None:
    assert_split_and_right(batched(tmp_path / "net.onnx", parting=SPLITS[form], swapped=swapped))


@pytest.mark.parametrize("form", FIXED)
@pytest.mark.parametrize("swapped", [False, True])
def test_ways_to_part_a_fixed_batch(tmp_path: Path, form: str, swapped: bool) -> None:
    assert_split_and_right(batched(tmp_path / "net.onnx", parting=FIXED[form], swapped=swapped, batch=2))


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("batch", [None, 2])
def test_steps_that_treat_each_image_by_itself(tmp_path: Path, steps: str, batch: int | None) -> None:
    assert_split_and_right(batched(tmp_path / "net.onnx", STEPS[steps], batch=batch))


@pytest.mark.parametrize("kind", MIXING)
def test_a_step_that_mixes_images_leaves_the_graph_whole_and_is_named(tmp_path: Path, kind: str) -> None:
    model = batched(tmp_path / "net.onnx", MIXING[kind])
    unsplit = split_graph(model.path, model.manifest)
    assert isinstance(unsplit, Unsplit)
    assert "one batched pass" in unsplit.reason
    assert kind in unsplit.reason
    engine = OnnxRuntimeEngine(model, threads=1)
    assert engine.info.golden_note == unsplit.reason


@pytest.mark.parametrize(
    ("parting", "told"),
    [
        ([node("Slice", "f zero one zero", "first"), node("Slice", "f one far zero", "second")], "one half"),
        (
            [node("Slice", "f zero far zero two", "first"), node("Slice", "f one far zero two", "second")],
            "steps",
        ),
    ],
)
def test_other_parts_than_halves_are_left_alone(tmp_path: Path, parting: list[NodeProto], told: str) -> None:
    model = batched(tmp_path / "net.onnx", parting=parting)
    unsplit = split_graph(model.path, model.manifest)
    assert isinstance(unsplit, Unsplit)
    assert told in unsplit.reason


def test_indices_that_mix_the_images_are_left_alone(tmp_path: Path) -> None:
    parting = [node("Gather", "f mixed", "first"), node("Gather", "f low", "second")]
    parting.insert(0, node("Constant", "", "mixed", value_ints=[0, 2]))
    model = batched(tmp_path / "net.onnx", parting=parting, batch=2)
    assert isinstance(split_graph(model.path, model.manifest), Unsplit)
