"""A comparison by a 1 x 1 convolution is rewritten, gives the same, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inspector_app.engines import onnx_runtime, programs
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine, OrtSession
from inspector_app.engines.programs import WholeProgram
from inspector_app.engines.rewrites import MARGIN, Rewrite

SIDE = 32
WIDTH = 8
EVERYTHING = Rewrite.SHARE | Rewrite.MERGE | Rewrite.MARGIN | Rewrite.BLOCKED


def mixing(
    path: Path,
    order: str = "tga",
    swapped: bool = False,
    kernel: int = 1,
    batch: int | None = None,
    resized: bool = True,
    bias: bool = True,
) -> Model:
    """A shared encoder, then ``W * concat(...)``; ``order`` names test, golden and absolute difference."""
    rng = np.random.default_rng(6)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)

    def conv(reads: list[str], makes: str, size: int = 1) -> onnx.NodeProto:
        return helper.make_node("Conv", reads, [makes], kernel_shape=[size, size], pads=[size // 2] * 4)

    names = {"t": "t", "g": "g", "a": "a"}
    nodes = [
        conv(["input0", "encoder"], "wide0", 3),
        conv(["wide0", "project"], "t"),
        conv(["input1", "encoder"], "wide1", 3),
        conv(["wide1", "project"], "g"),
        helper.make_node("Sub", ["g", "t"] if swapped else ["t", "g"], ["d"]),
        helper.make_node("Abs", ["d"], ["a"]),
        helper.make_node("Concat", [names[each] for each in order], ["joined"], axis=1),
        conv(["joined", "mix", *(["mix_bias"] if bias else [])], "mixed", kernel),
        helper.make_node("Relu", ["mixed"], ["relu"]),
        conv(["relu", "head", "head_bias"], "logits" if resized else "output_final", 3),
    ]
    if resized:
        nodes.append(helper.make_node("Resize", ["logits", "", "twice"], ["output_final"], mode="linear"))
    axes: list[Any] = [batch or "batch", 3, SIDE, SIDE]
    out = 2 * SIDE if resized else SIDE
    graph = helper.make_graph(
        nodes,
        "mixing",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name in ("input0", "input1")],
        [helper.make_tensor_value_info("output_final", TensorProto.FLOAT, [axes[0], 2, out, out])],
        [
            weights("encoder", 64, 3, 3, 3),
            weights("project", WIDTH, 64, 1, 1),
            weights("mix", WIDTH, 3 * WIDTH, kernel, kernel),
            weights("mix_bias", WIDTH),
            weights("head", 2, WIDTH, 3, 3),
            weights("head_bias", 2),
            numpy_helper.from_array(np.array([1, 1, 2, 2], dtype=np.float32), "twice"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return load_model(path)


def whole(model: Model, tests: np.ndarray, golden: np.ndarray) -> np.ndarray:
    program = WholeProgram(OrtSession(model.path, "CPU", 1), model.manifest, "")
    return program.run([], np.repeat(golden, len(tests), axis=0), tests)


def pair(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    tests = rng.uniform(-1, 1, (count, 3, SIDE, SIDE)).astype(np.float32)
    return tests, rng.uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32)


class Loaded:
    """The graphs that an engine loads."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.graphs: list[onnx.GraphProto] = []

        def keep(graph: Path | bytes, *rest: Any, **options: Any) -> Any:
            if isinstance(graph, bytes):
                self.graphs.append(onnx.load_from_string(graph).graph)
            return create(graph, *rest, **options)

        create = onnx_runtime.create_session
        patch.setattr(onnx_runtime, "create_session", keep)

    @property
    def rest(self) -> onnx.GraphProto:
        return self.graphs[-1]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    return Loaded(monkeypatch)


@pytest.mark.parametrize("order", ["tga", "gta", "agt", "atg"])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_goldens_share_is_computed_with_the_golden(
    tmp_path: Path, loaded: Loaded, order: str, swapped: bool
) -> None:
    model = mixing(tmp_path / "net.onnx", order, swapped)
    engine = OnnxRuntimeEngine(model, threads=1)
    kinds = [node.op_type for node in loaded.rest.node]
    assert "Concat" not in kinds
    assert "Sub" not in kinds
    assert {entry.name for entry in loaded.rest.input} == {"input0", "g/negated", "mixed/golden"}
    tests, golden = pair(3)
    got = engine.compare(engine.encode_golden(golden), tests)
    np.testing.assert_allclose(got, whole(model, tests, golden), atol=1e-5)
    assert engine.info.golden_note == ""


@pytest.mark.parametrize("resized", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_one_channel_is_computed_where_only_the_difference_of_two_counts(
    tmp_path: Path, loaded: Loaded, resized: bool, bias: bool
) -> None:
    model = mixing(tmp_path / "net.onnx", resized=resized, bias=bias)
    engine = OnnxRuntimeEngine(model, threads=1)
    assert [entry.name for entry in loaded.rest.output] == ["output_final" + MARGIN]
    tests, golden = pair(2)
    got = engine.compare(engine.encode_golden(golden), tests)
    np.testing.assert_allclose(got, whole(model, tests, golden), atol=1e-5)


def test_two_convolutions_in_a_row_become_one_where_that_is_less_work(tmp_path: Path, loaded: Loaded) -> None:
    OnnxRuntimeEngine(mixing(tmp_path / "net.onnx"), threads=1)
    made = {name for node in loaded.rest.node for name in node.output}
    # A 3 x 3 convolution before the projection stays as it is.
    assert {"wide0", "t"} <= made


def test_merging(tmp_path: Path) -> None:
    """64 channels are not computed where 8 come in and 8 go out."""
    path = tmp_path / "net.onnx"
    graph = onnx.load(mixing(path).path)
    for image, place in (("input0", 0), ("input1", 3)):
        graph.graph.node.insert(
            place, helper.make_node("Conv", [image, "first"], [f"{image}/first"], kernel_shape=[1, 1])
        )
    for node in graph.graph.node:
        if node.output[0] in ("wide0", "wide1"):
            node.input[0] += "/first"
            node.input[1] = "wider"
            del node.attribute[:]
    rng = np.random.default_rng(2)
    for name, shape in (("first", (4, 3, 1, 1)), ("wider", (64, 4, 1, 1))):
        graph.graph.initializer.append(
            numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)
        )
    onnx.save(graph, path)
    model = load_model(path)
    with pytest.MonkeyPatch.context() as patch:
        loaded = Loaded(patch)
        engine = OnnxRuntimeEngine(model, threads=1)
    assert "wide0" not in {name for node in loaded.rest.node for name in node.output}
    tests, golden = pair(2)
    got = engine.compare(engine.encode_golden(golden), tests)
    np.testing.assert_allclose(got, whole(model, tests, golden), atol=1e-5)


@pytest.mark.parametrize("batch", [None, 2])
def test_a_graph_without_such_a_comparison_keeps_every_bit(
    tmp_path: Path, loaded: Loaded, batch: int | None
) -> None:
    model = mixing(tmp_path / "net.onnx", kernel=3, batch=batch)
    engine = OnnxRuntimeEngine(model, threads=1)
    assert [entry.name for entry in loaded.rest.output] == ["output_final"]
    tests, golden = pair(2)
    got = engine.compare(engine.encode_golden(golden), tests)
    np.testing.assert_array_equal(got, whole(model, tests, golden))


def test_a_rewrite_that_does_not_hold_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = mixing(tmp_path / "net.onnx")
    right = programs.rewrite
    asked = []

    def wrong_at_first(parts: Any, wanted: Rewrite) -> Any:
        form = right(parts, wanted)
        asked.append(wanted)
        if form is not None and Rewrite.MARGIN in wanted:
            entry = next(entry for entry in form.rest.graph.initializer if entry.name.endswith("/bias"))
            entry.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(entry) + 1, entry.name))
        return form

    monkeypatch.setattr(programs, "rewrite", wrong_at_first)
    engine = OnnxRuntimeEngine(model, threads=1)
    assert asked == list(onnx_runtime.CPU_REWRITES)
    tests, golden = pair(2)
    got = engine.compare(engine.encode_golden(golden), tests)
    np.testing.assert_allclose(got, whole(model, tests, golden), atol=1e-5)
    assert engine.info.golden_note == ""


def test_a_rewrite_that_a_runtime_cannot_load_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = mixing(tmp_path / "net.onnx")
    right = programs.rewrite

    def broken(parts: Any, wanted: Rewrite) -> Any:
        form = right(parts, wanted)
        if form is not None:
            form.rest.graph.node[0].op_type = "NoSuchThing"
        return form

    monkeypatch.setattr(programs, "rewrite", broken)
    engine = OnnxRuntimeEngine(model, threads=1)
    tests, golden = pair(1)
    got = engine.compare(engine.encode_golden(golden), tests)
    np.testing.assert_array_equal(got, whole(model, tests, golden))
