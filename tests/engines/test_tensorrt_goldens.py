"""Pairs of different goldens in one call: what they give, how few runs and copies they take, what faults leave behind."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.tensorrt.device import Cuda
from inspector_app.engines.tensorrt.engine import TensorRtEngine
from inspector_app.engines.tensorrt.execution import LoadedPlan
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.opening import open_tensorrt
from inspector_app.engines.tensorrt.plans import BatchRange
from tests.engines.tensorrt_stand_in import SIDE, build_here, nothing_left, pair, siamese_model, stand_ins
from tests.onnx_models import difference_model

TURN = (0, 1, 1, 2, 0, 2, 1, 0)
"""Which golden each test has."""
GRAPHS = ("split", "whole", "half", "shared", "alike")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr("inspector_app.engines.tensorrt.library.build_plan", build_here)
    with stand_ins() as state:
        yield state


def made(graph: str, folder: Path, batch: int | None) -> Model:
    path = folder / "net.onnx"
    if graph == "whole":
        return load_model(difference_model(path, batch=batch, side=SIDE, signed=True))
    strongest = {"shared": "golden", "alike": "rest"}.get(graph, "")
    model = load_model(siamese_model(path, batch=batch, half=graph == "half", strongest=strongest))
    precision = "float16" if graph == "half" else "float32"
    return Model(model.manifest.model_copy(update={"precision": precision}), path)


def opened(model: Model) -> TensorRtEngine:
    rules = BuildRules(batches=BatchRange(2, 3))
    return open_tensorrt(model, model.path.parent / "plans", rules=rules)


def goldens(count: int = 3) -> list[np.ndarray]:
    return [golden[None] for golden in pair(count, seed=5)[0]]


def expected(model: Model, turn: Sequence[int]) -> np.ndarray:
    """What onnxruntime gives, pair by pair."""
    reference = OnnxRuntimeEngine(model)
    kept = [reference.encode_golden(golden) for golden in goldens()]
    tests = pair(len(turn))[0]
    return np.concatenate([reference.compare(kept[g], tests[i : i + 1]) for i, g in enumerate(turn)])


def compared(engine: TensorRtEngine, features: Sequence[object], turn: Sequence[int]) -> np.ndarray:
    return engine.compare_each([features[golden] for golden in turn], pair(len(turn))[0])


def runs(gpu: Any, work: Callable[[], object]) -> int:
    """How many runs, plain or recorded, ``work`` took."""
    gpu.calls.clear()
    work()
    return gpu.calls.count("execute_async_v3") + gpu.calls.count("cudaGraphLaunch")


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("batch", [None, 1, 3])
def test_each_pair_gives_what_onnxruntime_gives(
    gpu: Any, tmp_path: Path, graph: str, batch: int | None
) -> None:
    model = made(graph, tmp_path, batch)
    engine = opened(model)
    wanted = expected(model, TURN)
    atol = 1e-3 if graph == "half" else 1e-5
    try:
        assert bool(engine.info.golden_note) == (graph == "whole")
        features = [engine.encode_golden(golden) for golden in goldens()]
        for count in (8, 1, 2, 3, 5, 8):
            got = compared(engine, features, TURN[:count])
            assert got.dtype == np.float32
            np.testing.assert_allclose(got, wanted[:count], atol=atol)
    finally:
        engine.close()
    assert nothing_left(gpu)


@pytest.mark.parametrize("graph", ["split", "whole"])
@pytest.mark.parametrize(("batch", "pairs"), [(None, 2), (1, 1), (3, 3)])
def test_different_goldens_share_a_run(
    gpu: Any, tmp_path: Path, graph: str, batch: int | None, pairs: int
) -> None:
    engine = opened(made(graph, tmp_path, batch))
    try:
        assert engine.pairs_per_call == pairs
        features = [engine.encode_golden(golden) for golden in goldens()]
        assert runs(gpu, lambda: compared(engine, features, (2, 0, 1)[:pairs])) == 1
    finally:
        engine.close()


@pytest.mark.parametrize("graph", ["shared", "alike"])
@pytest.mark.parametrize("batch", [None, 3])
def test_goldens_that_cannot_share_a_run_have_runs_of_their_own(
    gpu: Any, tmp_path: Path, graph: str, batch: int | None
) -> None:
    """Put on their way one behind the other, as the portions of a large batch are."""
    engine = opened(made(graph, tmp_path, batch))
    try:
        features = [engine.encode_golden(golden) for golden in goldens()]
        assert runs(gpu, lambda: compared(engine, features, (0, 0, 1, 1))) == 2
        assert gpu.calls.index("cudaEventSynchronize") > gpu.calls.index("cudaEventRecord") + 4
        assert runs(gpu, lambda: compared(engine, features, (0, 1, 0))) == 3
    finally:
        engine.close()


@pytest.mark.parametrize("graph", ["split", "whole"])
@pytest.mark.parametrize("batch", [None, 3])
def test_a_golden_that_lies_there_is_not_copied_again(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graph: str, batch: int | None
) -> None:
    engine = opened(made(graph, tmp_path, batch))
    try:
        features = [engine.encode_golden(golden) for golden in goldens()]
        done: list[object] = []
        copy = Cuda.copy
        monkeypatch.setattr(Cuda, "copy", lambda *given: (done.append(given), copy(*given)))
        copies = []
        for turn in ((0, 1), (0, 1), (0, 2), (1, 2), (1, 1)):
            done.clear()
            compared(engine, features, turn)
            copies.append(len(done))
        # A fixed batch is filled up with the last golden.
        assert copies == ([3, 0, 2, 1, 2] if batch else [2, 0, 1, 1, 1])
    finally:
        engine.close()


@pytest.mark.parametrize("batch", [None, 3])
def test_a_golden_in_a_dead_ones_place_is_not_taken_for_it(
    gpu: Any, tmp_path: Path, batch: int | None
) -> None:
    model = made("split", tmp_path, batch)
    engine = opened(model)
    try:
        for number in (0, 1, 2, 0):
            features = engine.encode_golden(goldens()[number])
            got = engine.compare_each([features] * 2, pair(2)[0])
            np.testing.assert_allclose(got, expected(model, [number] * 2), atol=1e-5)
            del features
            gc.collect()
    finally:
        engine.close()


@pytest.mark.parametrize("graph", ["split", "whole"])
@pytest.mark.parametrize("batch", [None, 1, 3])
def test_the_gpu_keeps_a_golden_once(gpu: Any, tmp_path: Path, graph: str, batch: int | None) -> None:
    engine = opened(made(graph, tmp_path, batch))

    def held() -> int:
        return sum(len(memory) for memory, pinned in gpu.blocks.values() if not pinned)

    try:
        features = engine.encode_golden(goldens()[0])
        before = held()
        other = engine.encode_golden(goldens()[1])
        once = 4 * (SIDE // 2) ** 2 * 4 if graph == "split" else 3 * SIDE**2 * 4
        assert (engine.kept_bytes(features), engine.kept_bytes(other)) == (once, once)
        assert held() - before == once
    finally:
        engine.close()
    assert nothing_left(gpu)


@pytest.mark.parametrize("graph", ["split", "whole"])
@pytest.mark.parametrize("batch", [None, 3])
def test_a_batch_under_way_keeps_its_goldens(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graph: str, batch: int | None
) -> None:
    """The stream that uploads runs ahead, while the run before has not begun."""
    model = made(graph, tmp_path, batch)
    engine = opened(model)
    upload = Cuda.upload
    monkeypatch.setattr(Cuda, "upload", lambda *given: (upload(*given), given[-1]._run()))
    try:
        features = [engine.encode_golden(golden) for golden in goldens()]
        np.testing.assert_allclose(compared(engine, features, TURN), expected(model, TURN), atol=1e-5)
    finally:
        engine.close()


def failing(work: Callable[..., Any], good: int) -> Callable[..., Any]:
    """``work``, which fails once after ``good`` calls."""
    done: list[bool] = []

    def call(*given: Any) -> Any:
        done.append(True)
        if len(done) == good + 1:
            raise KeeperError("engine_failed", "The GPU failed in the middle.")
        return work(*given)

    return call


@pytest.mark.parametrize("good", range(3))
@pytest.mark.parametrize("where", [(Cuda, "copy"), (LoadedPlan, "start"), (Cuda, "wait_event")])
@pytest.mark.parametrize("graph", ["split", "whole", "shared"])
def test_a_fault_in_the_middle_leaves_nothing_wrong_behind(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graph: str, where: tuple[type, str], good: int
) -> None:
    model = made(graph, tmp_path, None)
    engine = opened(model)
    kind, name = where
    try:
        features = [engine.encode_golden(golden) for golden in goldens()]
        compared(engine, features, TURN[::-1])
        monkeypatch.setattr(kind, name, failing(getattr(kind, name), good))
        with pytest.raises(KeeperError, match="in the middle"):
            compared(engine, features, TURN)
        np.testing.assert_allclose(compared(engine, features, TURN), expected(model, TURN), atol=1e-5)
    finally:
        engine.close()
    assert nothing_left(gpu)


def test_copies_that_a_fault_has_swallowed_are_made_again(gpu: Any, tmp_path: Path) -> None:
    """The device tells of a fault when somebody waits, with the copies before it long under way."""
    model = made("split", tmp_path, 3)
    engine = opened(model)
    turn = (0, 1, 2)
    try:
        features = [engine.encode_golden(golden) for golden in goldens()]
        gpu.faults["cudaEventSynchronize"] = 719
        with pytest.MonkeyPatch.context() as lost:
            lost.setattr(Cuda, "copy", lambda *_: None)
            with pytest.raises(KeeperError):
                compared(engine, features, turn)
        gpu.faults.clear()
        np.testing.assert_allclose(compared(engine, features, turn), expected(model, turn), atol=1e-5)
    finally:
        engine.close()


def test_pairs_that_do_not_fit_are_told(gpu: Any, tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx", side=None)
    model = load_model(path)
    spec = model.manifest.input.model_copy(update={"height": SIDE, "width": SIDE})
    engine = opened(Model(model.manifest.model_copy(update={"input": spec}), path))
    tests, golden = pair(2)
    try:
        features, other = engine.encode_golden(golden), engine.encode_golden(pair(1, 48)[1])
        with pytest.raises(ValueError, match="different sizes"):
            engine.compare_each([features, other], tests)
        with pytest.raises(ValueError, match="1 golden features for 2 tests"):
            engine.compare_each([features], tests)
        with pytest.raises(ValueError, match="0 golden features"):
            engine.compare_each([], tests[:0])
        with pytest.raises(ValueError, match="another engine"):
            engine.compare_each([features, object()], tests)
        with pytest.raises(ValueError, match="do not fit"):
            engine.compare_each([features, features], tests[:, :, :16])
    finally:
        engine.close()
