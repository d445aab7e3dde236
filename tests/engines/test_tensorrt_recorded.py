"""Runs of the usual size are replayed from CUDA graphs, proved first, and given up without harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspector_app.engines.models import load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.tensorrt.device import Cuda
from inspector_app.engines.tensorrt.engine import TensorRtEngine
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.opening import open_tensorrt
from inspector_app.engines.tensorrt.plans import BatchRange
from tests.engines.tensorrt_stand_in import SIDE, build_here, nothing_left, pair, siamese_model, stand_ins
from tests.onnx_models import difference_model


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr("inspector_app.engines.tensorrt.library.build_plan", build_here)
    with stand_ins() as state:
        yield state


def opened(path: Path) -> TensorRtEngine:
    return open_tensorrt(load_model(path), path.parent / "plans", rules=BuildRules(batches=BatchRange(2, 3)))


def gives_what_onnxruntime_gives(engine: TensorRtEngine, path: Path) -> None:
    """With two goldens in turn, as lots change."""
    reference = OnnxRuntimeEngine(load_model(path))
    pairs = [pair(4, seed=seed) for seed in (1, 2)]
    kept = [(engine.encode_golden(golden), reference.encode_golden(golden)) for _, golden in pairs]
    for _ in range(2):
        for (tests, _), (mine, other) in zip(pairs, kept, strict=True):
            for count in (1, 4):
                expected = reference.compare(other, tests[:count])
                np.testing.assert_allclose(engine.compare(mine, tests[:count]), expected, atol=1e-5)


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("batch", [None, 1, 3])
def test_results_are_those_of_plain_runs(gpu: Any, tmp_path: Path, batch: int | None, split: bool) -> None:
    path = tmp_path / "net.onnx"
    siamese_model(path, batch=batch) if split else difference_model(path, batch=batch, side=SIDE)
    engine = opened(path)
    try:
        assert engine.plain_note == ""
        gives_what_onnxruntime_gives(engine, path)
    finally:
        engine.close()
    assert nothing_left(gpu)


def test_a_single_image_is_replayed_and_a_batch_of_changing_size_is_not(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"))
    tests, golden = pair(3)
    try:
        features = engine.encode_golden(golden)
        gpu.calls.clear()
        engine.compare(features, tests[:1])
        assert (gpu.calls.count("cudaGraphLaunch"), gpu.calls.count("execute_async_v3")) == (1, 0)
        gpu.calls.clear()
        engine.compare(features, tests)
        assert gpu.calls.count("execute_async_v3") > 0
    finally:
        engine.close()


def test_a_fixed_batch_is_replayed_from_both_sets_of_buffers(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx", batch=3))
    tests, golden = pair(8)
    try:
        features = engine.encode_golden(golden)
        gpu.calls.clear()
        engine.compare(features, tests)
        assert (gpu.calls.count("cudaGraphLaunch"), gpu.calls.count("execute_async_v3")) == (3, 0)
    finally:
        engine.close()


def test_a_golden_is_put_in_place_once(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"))
    tests, golden = pair(1)
    try:
        features, other = engine.encode_golden(golden), engine.encode_golden(golden)
        copies = []
        for each in (features, features, other, features):
            gpu.calls.clear()
            engine.compare(each, tests)
            copies.append(gpu.calls.count("cudaMemcpyAsync"))
        # The image up and the result down, and the golden's one tensor where it is another golden's turn.
        assert copies == [3, 2, 3, 3]
    finally:
        engine.close()


@pytest.mark.parametrize(
    "call", ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate", "cudaGraphLaunch"]
)
def test_what_cannot_be_recorded_runs_plain(gpu: Any, tmp_path: Path, call: str) -> None:
    gpu.faults[call] = 900
    path = siamese_model(tmp_path / "net.onnx")
    engine = opened(path)
    try:
        assert call in engine.plain_note
        gpu.faults.clear()
        gives_what_onnxruntime_gives(engine, path)
        assert "cudaGraphLaunch" not in gpu.calls[-10:]
    finally:
        engine.close()
    assert nothing_left(gpu)


def test_a_network_that_refuses_to_be_recorded_runs_plain(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorrt

    plain = tensorrt.IExecutionContext.execute_async_v3

    def refuse(context: Any, stream: int) -> bool:
        if gpu.streams[stream]._recording is not None:
            gpu.spoil()
            return False
        return bool(plain(context, stream))

    monkeypatch.setattr(tensorrt.IExecutionContext, "execute_async_v3", refuse)
    path = siamese_model(tmp_path / "net.onnx", batch=3)
    engine = opened(path)
    try:
        assert "it was not started" in engine.plain_note
        gives_what_onnxruntime_gives(engine, path)
    finally:
        engine.close()
    assert nothing_left(gpu)


@pytest.mark.parametrize("times", [0, 1])
def test_a_replay_that_gives_other_results_never_serves(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """One that does nothing, and one that gives for all goldens what it gave for the first."""
    replay, done = Cuda.replay, []

    def stale(*arguments: Any) -> None:
        if len(done) < times:
            replay(*arguments)
        done.append(True)

    monkeypatch.setattr(Cuda, "replay", stale)
    path = siamese_model(tmp_path / "net.onnx")
    engine = opened(path)
    try:
        assert "other results than a plain one" in engine.plain_note
        gives_what_onnxruntime_gives(engine, path)
    finally:
        engine.close()
    assert nothing_left(gpu)


def test_a_fault_while_replaying_is_the_engines(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"))
    tests, golden = pair(1)
    try:
        features = engine.encode_golden(golden)
        gpu.faults["cudaGraphLaunch"] = 719
        with pytest.raises(Exception, match="cudaGraphLaunch") as caught:
            engine.compare(features, tests)
        assert getattr(caught.value, "code", "") == "engine_failed"
        gpu.faults.clear()
        assert engine.compare(features, tests).shape == (1, SIDE, SIDE)
    finally:
        engine.close()
    assert nothing_left(gpu)


def test_the_stand_in_notices_a_context_that_was_changed(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT leaves undefined what such a replay does."""
    monkeypatch.setattr(
        "inspector_app.engines.tensorrt.execution.LoadedPlan.another", lambda self: self, raising=True
    )
    with pytest.raises(AssertionError, match="changed after its run was recorded"):
        opened(siamese_model(tmp_path / "net.onnx"))
