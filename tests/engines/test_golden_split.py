from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import Tensor
from inspector_app.engines import onnx_runtime
from inspector_app.engines.golden_split import GraphParts, Unsplit, split_graph
from inspector_app.engines.models import Model, load_model, sha256_of
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.programs import Array, SplitProgram
from tests.onnx_models import difference_model

SIDE = 64


def siamese(path: Path, batch: int | None = None) -> Path:
    """A shared encoder, then the difference; with the golden's shape read along the way, as exporters do."""
    rng = np.random.default_rng(4)
    axes = [batch or "batch_size", 3, SIDE, SIDE]
    constants = [
        numpy_helper.from_array(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "encoder"),
        numpy_helper.from_array(rng.normal(size=(2, 4, 1, 1)).astype(np.float32), "head"),
        numpy_helper.from_array(np.array([0, 4, -1], dtype=np.int64), "flat"),
        numpy_helper.from_array(np.array([0], dtype=np.int64), "zero"),
    ]
    conv = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    encode = [
        helper.make_node("Conv", ["input0", "encoder"], ["f0"], **conv),
        helper.make_node("Conv", ["input1", "encoder"], ["f1"], **conv),
    ]
    nodes = [
        *encode,
        helper.make_node("Shape", ["f1"], ["shape"]),
        helper.make_node("Sub", ["f0", "f1"], ["d"]),
        helper.make_node("Reshape", ["d", "flat"], ["d_flat"]),
        helper.make_node("Reshape", ["d_flat", "shape"], ["d_again"]),
        helper.make_node("Abs", ["d_again"], ["size"]),
        helper.make_node("Conv", ["size", "head"], ["output_final"]),
        helper.make_node("Identity", ["size"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "siamese",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name in ("input0", "input1")],
        [
            helper.make_tensor_value_info("output_final", TensorProto.FLOAT, [axes[0], 2, SIDE, SIDE]),
            helper.make_tensor_value_info("output0", TensorProto.FLOAT, [axes[0], 4, SIDE, SIDE]),
        ],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def manifest_of(path: Path) -> ModelManifest:
    return ModelManifest(name="net", file=path.name, sha256=sha256_of(path))


def whole_graph(model: Model) -> OnnxRuntimeEngine:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inspector_app.engines.split_engine.split_graph", lambda *_: Unsplit("as asked"))
        return OnnxRuntimeEngine(model, threads=1)


@pytest.mark.parametrize("batch", [None, 1, 3])
def test_the_parts_give_what_the_whole_gives(tmp_path: Path, batch: int | None) -> None:
    model = load_model(siamese(tmp_path / "net.onnx", batch))
    split, whole = OnnxRuntimeEngine(model), whole_graph(model)
    assert (split.info.golden_note, whole.info.golden_note) == ("", "as asked")
    rng = np.random.default_rng(0)
    tests = rng.uniform(-1, 1, (4, 3, SIDE, SIDE)).astype(np.float32)
    for seed in range(2):
        golden = np.random.default_rng(seed).uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
        kept, again = split.encode_golden(golden), whole.encode_golden(golden)
        for count in (1, 2, 4, 1):
            np.testing.assert_allclose(
                split.compare(kept, tests[:count]), whole.compare(again, tests[:count]), atol=1e-6
            )


def test_outputs_that_nobody_reads_fall_away(tmp_path: Path) -> None:
    path = siamese(tmp_path / "net.onnx")
    parts = split_graph(path, manifest_of(path))
    assert isinstance(parts, GraphParts)
    assert parts.cut == ("f1", "shape")
    rest = onnx.load_from_string(parts.rest)
    assert [output.name for output in rest.graph.output] == ["output_final"]
    assert "Identity" not in {node.op_type for node in rest.graph.node}
    assert {entry.name for entry in rest.graph.input} == {"input0", "f1", "shape"}


def test_a_graph_without_a_part_of_the_goldens_runs_whole_and_says_so(tmp_path: Path) -> None:
    engine = OnnxRuntimeEngine(load_model(difference_model(tmp_path / "net.onnx", side=SIDE)))
    assert "golden alone" in engine.info.golden_note


def test_parts_that_differ_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(siamese(tmp_path / "net.onnx"))
    parts = split_graph(model.path, model.manifest)
    assert isinstance(parts, GraphParts)
    other = onnx.load_from_string(parts.rest)
    weights = next(entry for entry in other.graph.initializer if entry.name == "head")
    weights.CopyFrom(numpy_helper.from_array(np.zeros((2, 4, 1, 1), dtype=np.float32), "head"))
    wrong = GraphParts(parts.golden, other.SerializeToString(), parts.cut, 1, 1)
    monkeypatch.setattr("inspector_app.engines.split_engine.split_graph", lambda *_: wrong)
    assert "differ" in OnnxRuntimeEngine(model).info.golden_note


def test_nodes_may_stand_in_any_order(tmp_path: Path) -> None:
    path = siamese(tmp_path / "net.onnx")
    model = onnx.load(path)
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    path.write_bytes(model.SerializeToString())
    parts = split_graph(path, manifest_of(path))
    assert isinstance(parts, GraphParts)
    assert parts.cut == ("f1", "shape")


def test_one_goldens_features_are_kept_whatever_the_batches(tmp_path: Path) -> None:
    engine = OnnxRuntimeEngine(load_model(siamese(tmp_path / "net.onnx")))
    tests = np.zeros((5, 3, SIDE, SIDE), dtype=np.float32)
    golden = engine.encode_golden(tests[:1])
    for count in (1, 5, 3):
        engine.compare(golden, tests[:count])
        assert engine.kept_bytes(golden) == tests[:1].nbytes + 4 * SIDE * SIDE * 4 + 4 * 8
    assert engine.kept_bytes(object()) == 0


def test_a_device_that_takes_whole_batches_keeps_one_number_of_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(onnx_runtime.PROVIDERS, "CUDA", onnx_runtime.PROVIDERS["CPU"])
    engine = OnnxRuntimeEngine(load_model(siamese(tmp_path / "net.onnx")), "CUDA")
    tests = np.zeros((5, 3, SIDE, SIDE), dtype=np.float32)
    golden = engine.encode_golden(tests[:1])
    for count in (5, 2):
        engine.compare(golden, tests[:count])
        features = 5 * 4 * SIDE * SIDE * 4 + 4 * 8
        assert engine.kept_bytes(golden) == tests[:1].nbytes + features
    together = [engine.encode_golden(tests[:1] + shift) for shift in (0.1, 0.2)]
    engine.compare_each(together, tests[:2])
    assert [engine.kept_bytes(each) for each in together] == [tests[:1].nbytes + 4 * SIDE * SIDE * 4] * 2


def shared(path: Path) -> Path:
    """Keeps of the golden what cannot be told apart by image: its channels come before the batch."""
    graph = onnx.load(siamese(path)).graph
    nodes = {node.output[0]: node for node in graph.node}
    nodes["d"].input[1] = "back"
    graph.node.insert(2, helper.make_node("Transpose", ["f1"], ["turned"], perm=[1, 0, 2, 3]))
    rest = [
        helper.make_node("Identity", ["input0"], ["seen"]),
        helper.make_node("Sub", ["seen", "input0"], ["nothing"]),
        helper.make_node("ReduceSum", ["nothing"], ["zero_of_test"], keepdims=0),
        helper.make_node("Add", ["turned", "zero_of_test"], ["turned_again"]),
        helper.make_node("Transpose", ["turned_again"], ["back"], perm=[1, 0, 2, 3]),
    ]
    for place, node in enumerate(rest, start=3):
        graph.node.insert(place, node)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


def mixed_pairs(count: int) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Which of three goldens each test belongs to, the tests and the goldens."""
    rng = np.random.default_rng(5)
    tests = rng.uniform(-1, 1, (count, 3, SIDE, SIDE)).astype(np.float32)
    goldens = rng.uniform(-1, 1, (3, 3, SIDE, SIDE)).astype(np.float32)
    return [(0, 1, 1, 2, 0, 2, 2)[place % 7] for place in range(count)], tests, goldens


@pytest.mark.parametrize("provider", ["CPU", "CUDA"])
@pytest.mark.parametrize(
    ("make", "batch"),
    [(siamese, None), (siamese, 1), (siamese, 3), (difference_model, None), (shared, None)],
)
def test_each_test_against_a_golden_of_its_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[..., Path],
    batch: int | None,
    provider: str,
) -> None:
    monkeypatch.setitem(onnx_runtime.PROVIDERS, "CUDA", onnx_runtime.PROVIDERS["CPU"])
    path = tmp_path / "net.onnx"
    sizes = {"side": SIDE} if make is difference_model else {"batch": batch} if make is siamese else {}
    model = load_model(make(path, **sizes))
    engine, whole = OnnxRuntimeEngine(model, provider, threads=1), whole_graph(model)
    owners, tests, goldens = mixed_pairs(11)
    kept, again = ([each.encode_golden(golden[None]) for golden in goldens] for each in (engine, whole))
    # Goldens that were compared with in other numbers before.
    engine.compare(kept[1], tests[:4])
    expected = np.concatenate(
        [whole.compare(again[owner], tests[n : n + 1]) for n, owner in enumerate(owners)]
    )
    for count in (11, 4, 1):
        got = engine.compare_each([kept[owner] for owner in owners[:count]], tests[:count])
        np.testing.assert_allclose(got, expected[:count], atol=1e-6)


@pytest.mark.parametrize(("batch", "calls"), [(None, 7), (4, 2)])
def test_goldens_share_a_call_where_calls_hold_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int | None, calls: int
) -> None:
    engine = OnnxRuntimeEngine(load_model(siamese(tmp_path / "net.onnx", batch)), threads=1)
    assert engine.pairs_per_call == (batch or 1)
    owners, tests, goldens = mixed_pairs(7)
    kept = [engine.encode_golden(golden[None]) for golden in goldens]
    ran: list[int] = []
    encoded: list[int] = []
    run, encode = SplitProgram.run, SplitProgram.encode

    def counted(self: SplitProgram, kept: Sequence[Array], goldens: Tensor, tests: Tensor) -> np.ndarray:
        ran.append(len(tests))
        return run(self, kept, goldens, tests)

    def counted_too(self: SplitProgram, goldens: Tensor) -> list[Array]:
        encoded.append(len(goldens))
        return encode(self, goldens)

    monkeypatch.setattr(SplitProgram, "run", counted)
    monkeypatch.setattr(SplitProgram, "encode", counted_too)
    for _ in range(2):
        engine.compare_each([kept[owner] for owner in owners], tests)
    assert ran == [batch or 1] * calls * 2
    # All new goldens of a call at once; in graphs for single images when they come.
    assert encoded == ([4] if batch else [])


def test_goldens_that_cannot_be_told_apart_go_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(onnx_runtime.PROVIDERS, "CUDA", onnx_runtime.PROVIDERS["CPU"])
    engine = OnnxRuntimeEngine(load_model(shared(tmp_path / "net.onnx")), "CUDA")
    assert (engine.info.golden_note, engine.pairs_per_call) == ("", 1)
    stacking = OnnxRuntimeEngine(load_model(siamese(tmp_path / "other.onnx")), "CUDA")
    assert stacking.pairs_per_call == 8


def mixing(path: Path, *steps: onnx.NodeProto) -> Path:
    """The golden's features are changed by ``steps``, which make ``changed`` of ``f1`` and may look at all images."""
    graph = onnx.load(siamese(path, 3)).graph
    nodes = {node.output[0]: node for node in graph.node}
    nodes["d"].input[1] = "changed"
    for place, step in enumerate(steps, start=2):
        graph.node.insert(place, step)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    "steps",
    [
        (
            helper.make_node("DynamicQuantizeLinear", ["f1"], ["coarse", "scale", "offset"]),
            helper.make_node("DequantizeLinear", ["coarse", "scale", "offset"], ["changed"]),
        ),
        (
            helper.make_node("ReduceMean", ["f1"], ["mean"], keepdims=0),
            helper.make_node("Identity", ["input0"], ["seen"]),
            helper.make_node("ReduceSum", ["seen"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "mean"], ["by_both"]),
            helper.make_node("Add", ["f1", "by_both"], ["changed"]),
        ),
    ],
    ids=["one scale for all", "a number that crosses the cut"],
)
def test_a_graph_whose_images_hang_on_each_other_takes_one_golden_a_call(
    tmp_path: Path, steps: tuple[onnx.NodeProto, ...]
) -> None:
    engine = OnnxRuntimeEngine(load_model(mixing(tmp_path / "net.onnx", *steps)), threads=1)
    assert engine.pairs_per_call == 1
    owners, tests, goldens = mixed_pairs(7)
    goldens[1] *= 0.2
    kept = [engine.encode_golden(golden[None]) for golden in goldens]
    got = engine.compare_each([kept[owner] for owner in owners], tests)
    np.testing.assert_allclose(got[0], engine.compare(kept[0], tests[:1])[0], atol=1e-6)


def test_a_graph_that_runs_whole_shares_calls_only_where_its_images_are_apart(tmp_path: Path) -> None:
    apart = load_model(difference_model(tmp_path / "apart.onnx", side=SIDE, batch=3))
    assert OnnxRuntimeEngine(apart, threads=1).pairs_per_call == 3
    graph = onnx.load(apart.path)
    last = graph.graph.node[-1]
    last.output[0] = "before"
    graph.graph.node.append(helper.make_node("ReduceMean", ["before"], ["mean"], keepdims=1))
    graph.graph.node.append(helper.make_node("Mul", ["before", "mean"], ["output_final"]))
    onnx.save(graph, tmp_path / "mixed.onnx")
    mixed = OnnxRuntimeEngine(load_model(tmp_path / "mixed.onnx"), threads=1)
    assert (mixed.pairs_per_call, "golden alone" in mixed.info.golden_note) == (1, True)


def test_calls_of_changing_size_compute_nothing_of_a_golden_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(onnx_runtime.PROVIDERS, "CUDA", onnx_runtime.PROVIDERS["CPU"])
    engine = OnnxRuntimeEngine(load_model(siamese(tmp_path / "net.onnx")), "CUDA", threads=1)
    owners, tests, goldens = mixed_pairs(7)
    kept = [engine.encode_golden(golden[None]) for golden in goldens]

    def all_sizes() -> None:
        for count in (7, 4, 1):
            engine.compare_each([kept[owner] for owner in owners[:count]], tests[:count])

    all_sizes()
    encoded: list[int] = []
    encode = SplitProgram.encode

    def counted(self: SplitProgram, goldens: Tensor) -> list[Array]:
        encoded.append(len(goldens))
        return encode(self, goldens)

    monkeypatch.setattr(SplitProgram, "encode", counted)
    all_sizes()
    assert not encoded


def test_goldens_and_tests_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    model = load_model(siamese(tmp_path / "net.onnx"))
    engine, other = OnnxRuntimeEngine(model), OnnxRuntimeEngine(model)
    tests = np.zeros((2, 3, SIDE, SIDE), dtype=np.float32)
    mine, foreign = engine.encode_golden(tests[:1]), other.encode_golden(tests[:1])
    with pytest.raises(ValueError, match="do not fit 1 goldens"):
        engine.compare_each([mine], tests)
    with pytest.raises(ValueError, match="another engine"):
        engine.compare_each([mine, foreign], tests)


def test_what_hangs_on_the_goldens_shape_alone_is_told_apart(tmp_path: Path) -> None:
    path = siamese(tmp_path / "net.onnx")
    parts = split_graph(path, manifest_of(path))
    assert isinstance(parts, GraphParts)
    assert parts.sizes == {"shape"}


def test_sizes_come_and_go(tmp_path: Path) -> None:
    path = siamese(tmp_path / "net.onnx")
    graph = onnx.load(path)
    for entry in (*graph.graph.input, *graph.graph.output):
        for axis, name in zip(entry.type.tensor_type.shape.dim[2:], ("height", "width"), strict=True):
            axis.dim_param = name
    onnx.save(graph, path)
    model = load_model(path)
    assert model.manifest.input.dynamic
    engine, whole = OnnxRuntimeEngine(model, threads=1), whole_graph(model)
    rng = np.random.default_rng(8)
    images = [rng.uniform(-1, 1, (2, 3, side, side + 8)).astype(np.float32) for side in (16, 24, 32, 40, 48)]
    goldens = [engine.encode_golden(image[:1]) for image in images]
    for _ in range(2):
        for image, golden in zip(images, goldens, strict=True):
            expected = whole.compare(whole.encode_golden(image[:1]), image)
            np.testing.assert_allclose(engine.compare(golden, image), expected, atol=1e-6)


def test_a_closed_engine_says_so(tmp_path: Path) -> None:
    engine = OnnxRuntimeEngine(load_model(siamese(tmp_path / "net.onnx")), threads=1)
    image = np.zeros((1, 3, SIDE, SIDE), dtype=np.float32)
    golden = engine.encode_golden(image)
    engine.close()
    for call in (lambda: engine.encode_golden(image), lambda: engine.compare(golden, image)):
        with pytest.raises(KeeperError, match="closed"):
            call()
