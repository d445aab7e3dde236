"""A split graph made ready for the GPU: rows for each test's golden, all ranks told, no shapes cross."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inspector_app.engines import golden_split
from inspector_app.engines.golden_split import Unsplit
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OrtSession
from inspector_app.engines.tensorrt.parts import DeviceParts, device_parts
from tests.engines.tensorrt_stand_in import SIDE, pair, siamese_model
from tests.onnx_models import difference_model


def shapes(part: bytes, of_inputs: bool) -> dict[str, list[int | str]]:
    graph = onnx.load_from_string(part).graph
    return {
        entry.name: [axis.dim_param or axis.dim_value for axis in entry.type.tensor_type.shape.dim]
        for entry in (graph.input if of_inputs else graph.output)
    }


def split(path: Path, side: int = SIDE) -> DeviceParts:
    parts = device_parts(load_model(path), side, side)
    assert isinstance(parts, DeviceParts)
    return parts


@pytest.mark.parametrize("batch", [None, 2])
def test_only_features_cross_and_every_size_is_told(tmp_path: Path, batch: int | None) -> None:
    parts = split(siamese_model(tmp_path / "net.onnx", batch=batch))
    half = SIDE // 2
    features = [4, half, half]
    assert shapes(parts.golden, True) == {"input1": [batch or 1, 3, SIDE, SIDE]}
    assert shapes(parts.golden, False) == {"f1/kept": [batch or 1, *features]}
    assert shapes(parts.rest, True) == {
        "input0": [batch or "batch", 3, SIDE, SIDE],
        "f1/kept": [batch or "batch", *features],
    }
    assert parts.kept == {"f1/kept": (1, *features)}


def test_the_rest_takes_any_batch_of_any_goldens(tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    parts = split(path)
    tests, goldens = pair(7)[0], pair(7, seed=2)[0]
    first = OrtSession(parts.golden, "CPU", 1)
    kept = np.concatenate([first.run(["f1/kept"], {"input1": golden[None]})[0] for golden in goldens])
    rest, whole = OrtSession(parts.rest, "CPU", 1), OrtSession(path, "CPU", 1)
    for count in (1, 4, 7):
        got = rest.run(["output_final"], {"input0": tests[:count], "f1/kept": kept[:count]})[0]
        both = {"input0": tests[:count], "input1": goldens[:count]}
        np.testing.assert_allclose(got, whole.run(["output_final"], both)[0], atol=1e-5)


@pytest.mark.parametrize("batch", [None, 2])
def test_what_all_images_share_is_told(tmp_path: Path, batch: int | None) -> None:
    parts = split(siamese_model(tmp_path / "net.onnx", batch=batch, strongest="golden"))
    assert set(parts.kept) == {"f1/kept", "strongest/shared"}
    assert shapes(parts.rest, True)["strongest/shared"] == [1, 4, 1, 1]


@pytest.mark.parametrize("batch", [None, 2])
def test_a_rest_that_mixes_goldens_takes_one(tmp_path: Path, batch: int | None) -> None:
    parts = split(siamese_model(tmp_path / "net.onnx", batch=batch, strongest="rest"))
    assert set(parts.kept) == {"f1/alike"}
    assert shapes(parts.rest, True)["f1/alike"][0] == (batch or "batch")


def test_sizes_are_those_that_were_asked_for(tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx", side=None)
    for side in (32, 48):
        parts = split(path, side)
        assert shapes(parts.rest, True)["f1/kept"] == ["batch", 4, side // 2, side // 2]


def crossing(path: Path, nodes: list[onnx.NodeProto], kept: str) -> Model:
    """A graph whose rest reads ``kept``, which ``nodes`` make from the encoded golden ``f1``."""
    axes = ["batch_size", 3, SIDE, SIDE]
    weights = np.random.default_rng(2).normal(size=(2, 3, 1, 1)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Relu", ["input1"], ["f1"]),
            *nodes,
            helper.make_node("Shape", ["input0"], ["size"]),
            helper.make_node("Reshape", [kept, "size"], ["again"]),
            helper.make_node("Sub", ["input0", "again"], ["difference"]),
            helper.make_node("Conv", ["difference", "weights"], ["output_final"]),
        ],
        "crossing",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name in ("input0", "input1")],
        [helper.make_tensor_value_info("output_final", TensorProto.FLOAT, [axes[0], 2, SIDE, SIDE])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([-1, SIDE, SIDE], dtype=np.int64), "flat"),
            numpy_helper.from_array(np.array([0], dtype=np.int64), "axis"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return load_model(path)


def test_a_batch_folded_into_channels_has_rows_for_each_image(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["f1", "flat"], ["kept"])]
    parts = device_parts(crossing(tmp_path / "net.onnx", nodes, "kept"), SIDE, SIDE)
    assert isinstance(parts, DeviceParts)
    assert parts.kept == {"kept/kept": (3, SIDE, SIDE)}
    assert shapes(parts.rest, True)["kept/kept"] == ["kept/rows", SIDE, SIDE]


def test_channels_before_the_batch_are_not_repeated_wrongly(tmp_path: Path) -> None:
    nodes = [helper.make_node("Transpose", ["f1"], ["kept"], perm=[1, 0, 2, 3])]
    unsplit = device_parts(crossing(tmp_path / "net.onnx", nodes, "kept"), SIDE, SIDE)
    assert isinstance(unsplit, Unsplit)
    assert "does not repeat along the batch" in unsplit.reason


def test_a_graph_that_reads_the_golden_again_in_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    model = crossing(path, [helper.make_node("Neg", ["f1"], ["kept"])], "kept")
    graph = onnx.load(path)
    graph.graph.node[-2].input[0] = "sum"
    graph.graph.node.insert(3, helper.make_node("Add", ["input0", "input1"], ["sum"]))
    onnx.save(graph, path)
    parts = device_parts(load_model(path), SIDE, SIDE)
    assert model.path == path
    assert isinstance(parts, DeviceParts)
    assert set(parts.kept) == {"input1/kept", "kept/kept"}


def test_what_golden_split_refuses_stays_refused(tmp_path: Path) -> None:
    unsplit = device_parts(load_model(difference_model(tmp_path / "net.onnx", side=SIDE)), SIDE, SIDE)
    assert isinstance(unsplit, Unsplit)


def test_parts_that_differ_from_the_whole_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    model = load_model(path)
    parts = golden_split.split_graph(path, model.manifest)
    assert isinstance(parts, golden_split.GraphParts)
    rest = onnx.load_from_string(parts.rest)
    head = next(entry for entry in rest.graph.initializer if entry.name == "head")
    head.CopyFrom(numpy_helper.from_array(np.ones((2, 4, 1, 1), dtype=np.float32), "head"))
    wrong = golden_split.GraphParts(parts.golden, rest.SerializeToString(), parts.cut, 1, 1)
    monkeypatch.setattr("inspector_app.engines.tensorrt.parts.split_graph", lambda *_: wrong)
    unsplit = device_parts(model, SIDE, SIDE)
    assert isinstance(unsplit, Unsplit)
    assert "differ from the whole graph" in unsplit.reason
