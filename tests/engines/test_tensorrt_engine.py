"""``TensorRtEngine`` against the stand-ins: what it gives is what onnxruntime gives."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.engines.models import load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.tensorrt.engine import TensorRtEngine
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.opening import open_tensorrt
from inspector_app.engines.tensorrt.plans import BatchRange
from tests.engines.tensorrt_stand_in import (
    SIDE,
    build_here,
    nothing_left,
    pair,
    siamese_model,
    stand_ins,
)
from tests.onnx_models import difference_model

BATCHES = BuildRules(batches=BatchRange(2, 3))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr("inspector_app.engines.tensorrt.library.build_plan", build_here)
    with stand_ins() as state:
        yield state


def opened(path: Path, folder: Path, rules: BuildRules = BATCHES) -> TensorRtEngine:
    return open_tensorrt(load_model(path), folder / "plans", rules=rules)


def compare_with_onnxruntime(engine: TensorRtEngine, path: Path, side: int = SIDE) -> None:
    reference = OnnxRuntimeEngine(load_model(path))
    for seed in (1, 2):
        tests, golden = pair(8, side, seed)
        kept, other = engine.encode_golden(golden), reference.encode_golden(golden)
        for count in (1, 2, 3, 4, 8):
            got = engine.compare(kept, tests[:count])
            assert got.dtype == np.float32
            np.testing.assert_allclose(got, reference.compare(other, tests[:count]), atol=1e-5)


@pytest.mark.parametrize("batch", [None, 1, 3])
def test_the_golden_is_kept_on_the_gpu(gpu: Any, tmp_path: Path, batch: int | None) -> None:
    path = siamese_model(tmp_path / "net.onnx", batch=batch)
    engine = opened(path, tmp_path)
    try:
        assert engine.info.golden_note == ""
        assert engine.info.label == "TensorRT CUDA"
        assert "Stand-in GPU" in engine.info.device
        compare_with_onnxruntime(engine, path)
    finally:
        engine.close()
    assert nothing_left(gpu)


@pytest.mark.parametrize("batch", [None, 1, 4])
def test_a_graph_that_cannot_be_split_runs_whole(gpu: Any, tmp_path: Path, batch: int | None) -> None:
    path = difference_model(tmp_path / "net.onnx", batch=batch, side=SIDE)
    engine = opened(path, tmp_path)
    try:
        assert "golden alone" in engine.info.golden_note
        compare_with_onnxruntime(engine, path)
    finally:
        engine.close()
    assert nothing_left(gpu)


def test_one_batched_pass_over_both_images_is_taken_apart(gpu: Any, tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx", batched=True)
    engine = opened(path, tmp_path)
    try:
        assert engine.info.golden_note == ""
        compare_with_onnxruntime(engine, path)
    finally:
        engine.close()


def test_features_in_float16_stay_so(gpu: Any, tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx", half=True)
    model = load_model(path)
    model = type(model)(model.manifest.model_copy(update={"precision": "float16"}), path)
    engine = open_tensorrt(model, tmp_path / "plans", rules=BATCHES)
    try:
        assert (engine.info.precision, engine.info.golden_note) == ("float16", "")
        tests, golden = pair(5)
        reference = OnnxRuntimeEngine(model)
        expected = reference.compare(reference.encode_golden(golden), tests)
        got = engine.compare(engine.encode_golden(golden), tests)
        np.testing.assert_allclose(got, expected, atol=1e-3)
    finally:
        engine.close()
    assert nothing_left(gpu)


def test_the_goldens_part_runs_once_for_each_golden(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    try:
        tests, golden = pair(2)
        kept = engine.encode_golden(golden)
        before = gpu.calls.count("execute_async_v3")
        for _ in range(4):
            engine.compare(kept, tests)
        assert gpu.calls.count("execute_async_v3") - before == 4
    finally:
        engine.close()


def test_two_goldens_do_not_mix(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    try:
        tests, first = pair(2)
        _, second = pair(2, seed=9)
        kept, other = engine.encode_golden(first), engine.encode_golden(second)
        expected = engine.compare(kept, tests)
        assert np.abs(engine.compare(other, tests) - expected).max() > 0.01
        np.testing.assert_array_equal(engine.compare(kept, tests), expected)
    finally:
        engine.close()


def test_results_are_the_callers_own(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    tests, golden = pair(4)
    try:
        features = engine.encode_golden(golden)
        first = engine.compare(features, tests[:1])
        kept = first.copy()
        engine.compare(features, tests[1:])
        np.testing.assert_array_equal(first, kept)
    finally:
        engine.close()
    np.testing.assert_array_equal(first, kept)
    assert first.flags.owndata
    assert first.flags.writeable


def test_any_thread_may_call(gpu: Any, tmp_path: Path) -> None:
    """The stand-in fails on a call from another thread than the one that took the device."""
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    tests, golden = pair(2)
    found: list[np.ndarray] = []

    def work() -> None:
        found.append(engine.compare(engine.encode_golden(golden), tests))

    try:
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = engine.compare(engine.encode_golden(golden), tests)
    finally:
        engine.close()
    assert len(found) == 3
    for each in found:
        np.testing.assert_array_equal(each, expected)


def test_copies_overlap_computing(gpu: Any, tmp_path: Path) -> None:
    """The second batch is on its way before anybody waits for the first."""
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    tests, golden = pair(6)
    try:
        features = engine.encode_golden(golden)
        gpu.calls.clear()
        engine.compare(features, tests)
        assert gpu.calls.index("cudaEventSynchronize") > _second(gpu.calls, "execute_async_v3")
    finally:
        engine.close()


def _second(calls: list[str], name: str) -> int:
    return calls.index(name, calls.index(name) + 1)


def test_a_dropped_goldens_memory_is_used_again(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    try:
        _, golden = pair(1)
        engine.encode_golden(golden)
        gc.collect()
        engine.encode_golden(golden)
        held = len(gpu.blocks)
        for _ in range(5):
            engine.encode_golden(golden)
            gc.collect()
        assert len(gpu.blocks) <= held
    finally:
        engine.close()
    assert nothing_left(gpu)


def test_other_sizes_get_plans_of_their_own(gpu: Any, tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx", side=None)
    model = load_model(path)
    spec = model.manifest.input.model_copy(update={"height": SIDE, "width": SIDE})
    model = type(model)(model.manifest.model_copy(update={"input": spec}), model.path)
    engine = open_tensorrt(model, tmp_path / "plans", rules=BATCHES)
    try:
        for side in (SIDE, 64, 48, 40, SIDE):
            compare_with_onnxruntime(engine, path, side)
    finally:
        engine.close()
    assert nothing_left(gpu)
    assert len(list((tmp_path / "plans").glob("*.plan"))) == 2 * 4


def test_a_size_without_a_plan_is_a_fault_of_the_engine(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the next engine takes over."""
    path = siamese_model(tmp_path / "net.onnx", side=None)
    engine = opened(path, tmp_path)
    monkeypatch.setenv("STAND_IN_BUILD", "fail")
    try:
        with pytest.raises(KeeperError, match=r"No plan for 48 x 48: .*no tactic left") as caught:
            engine.encode_golden(pair(1, 48)[1])
        assert caught.value.code == "engine_failed"
    finally:
        engine.close()


def test_a_fixed_size_refuses_others_before_the_device(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    try:
        with pytest.raises(ValueError, match="32 x 32 pixels only"):
            engine.encode_golden(pair(1, 64)[1])
    finally:
        engine.close()


def test_wrong_calls_are_told(gpu: Any, tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    engine, other = opened(path, tmp_path), opened(path, tmp_path)
    tests, golden = pair(2)
    try:
        with pytest.raises(ValueError, match="another engine"):
            other.compare(engine.encode_golden(golden), tests)
        with pytest.raises(ValueError, match="do not fit"):
            engine.compare(engine.encode_golden(golden), tests[:, :, :16])
        with pytest.raises(ValueError, match="1 x 3 x H x W"):
            engine.encode_golden(tests)
    finally:
        engine.close()
        other.close()
    with pytest.raises(KeeperError, match="closed"):
        engine.encode_golden(golden)
    engine.close()


@pytest.mark.parametrize("call", ["cudaMemcpyAsync", "cudaEventSynchronize", "execute_async_v3"])
def test_a_fault_of_the_device_is_typed_and_nothing_is_left(gpu: Any, tmp_path: Path, call: str) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    tests, golden = pair(2)
    try:
        kept = engine.encode_golden(golden)
        gpu.faults[call] = 719
        with pytest.raises(KeeperError) as caught:
            engine.compare(kept, tests)
        assert caught.value.code == "engine_failed"
        gpu.faults.clear()
        assert engine.compare(kept, tests).shape == (2, SIDE, SIDE)
    finally:
        engine.close()
    assert nothing_left(gpu)


def test_a_full_gpu_is_told(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    gpu.faults["cudaMalloc"] = 2
    try:
        with pytest.raises(KeeperError, match="cudaMalloc"):
            engine.encode_golden(pair(1)[1])
    finally:
        engine.close()
    assert nothing_left(gpu)


def test_an_engine_on_a_lost_device_still_closes(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    gpu.faults.update(dict.fromkeys(("cudaFree", "cudaFreeHost", "cudaStreamSynchronize"), 719))
    engine.close()


def test_values_that_are_not_finite_never_become_a_verdict(gpu: Any, tmp_path: Path) -> None:
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    tests, golden = pair(1)
    try:
        with pytest.raises(KeeperError) as caught:
            engine.compare(engine.encode_golden(golden), np.full_like(tests, np.nan))
        assert caught.value.code == "engine_output"
    finally:
        engine.close()
