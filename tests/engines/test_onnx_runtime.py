from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.engines import onnx_runtime
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine, OrtSession
from inspector_app.engines.programs import change_probability
from inspector_app.engines.registry import EngineChoice, open_engine, probe_engines, self_check
from tests.engines.test_golden_split import SIDE as SPLIT_SIDE
from tests.engines.test_golden_split import siamese
from tests.onnx_models import difference_model

SIDE = 32


@pytest.fixture
def tensors() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    tests = rng.uniform(-1, 1, (5, 3, SIDE, SIDE)).astype(np.float32)
    return tests, rng.uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32)


def expected(tests: np.ndarray, golden: np.ndarray) -> np.ndarray:
    logit = 4.0 * np.abs(tests - golden).sum(axis=1) - 3.0
    return 1.0 / (1.0 + np.exp(-logit))


@pytest.mark.parametrize("batch", [None, 1, 2, 4, 8])
def test_any_number_of_tests_on_any_batch_axis(
    tmp_path: Path, tensors: tuple[np.ndarray, np.ndarray], batch: int | None
) -> None:
    tests, golden = tensors
    engine = OnnxRuntimeEngine(load_model(difference_model(tmp_path / "net.onnx", batch=batch, side=SIDE)))
    features = engine.encode_golden(golden)
    for count in (1, 2, 5):
        got = engine.compare(features, tests[:count])
        assert got.shape == (count, SIDE, SIDE)
        np.testing.assert_allclose(got, expected(tests[:count], golden), atol=1e-5)


def test_the_test_image_goes_to_the_test_input(tmp_path: Path) -> None:
    engine = OnnxRuntimeEngine(load_model(difference_model(tmp_path / "net.onnx", side=SIDE, signed=True)))
    dark = np.full((1, 3, SIDE, SIDE), -1, dtype=np.float32)
    bright = np.full((1, 3, SIDE, SIDE), 1, dtype=np.float32)
    assert engine.compare(engine.encode_golden(dark), bright).min() > 0.99
    assert engine.compare(engine.encode_golden(bright), dark).max() < 0.1


def test_the_result_is_the_callers_own(tmp_path: Path, tensors: tuple[np.ndarray, np.ndarray]) -> None:
    tests, golden = tensors
    engine = OnnxRuntimeEngine(load_model(difference_model(tmp_path / "net.onnx", side=SIDE)))
    features = engine.encode_golden(golden)
    first = engine.compare(features, tests[:1])
    kept = first.copy()
    engine.compare(features, tests[1:2])
    np.testing.assert_array_equal(first, kept)


def test_features_of_another_engine_are_refused(
    tmp_path: Path, tensors: tuple[np.ndarray, np.ndarray]
) -> None:
    tests, golden = tensors
    model = load_model(difference_model(tmp_path / "net.onnx", side=SIDE))
    with pytest.raises(ValueError, match="another engine"):
        OnnxRuntimeEngine(model).compare(OnnxRuntimeEngine(model).encode_golden(golden), tests)


def test_sizes_that_do_not_fit_are_told_before_the_graph_runs(
    tmp_path: Path, tensors: tuple[np.ndarray, np.ndarray]
) -> None:
    tests, golden = tensors
    engine = OnnxRuntimeEngine(load_model(difference_model(tmp_path / "net.onnx", side=SIDE)))
    with pytest.raises(ValueError, match="do not fit"):
        engine.compare(engine.encode_golden(golden), tests[:, :, :16])


def test_a_fault_of_the_graph_is_typed(tmp_path: Path) -> None:
    engine = OnnxRuntimeEngine(load_model(difference_model(tmp_path / "net.onnx", side=SIDE)))
    wrong = np.zeros((1, 3, 16, 16), dtype=np.float32)
    with pytest.raises(KeeperError) as caught:
        engine.compare(engine.encode_golden(wrong), wrong)
    assert caught.value.code == "engine_failed"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_never_become_a_verdict(bad: float) -> None:
    logits = np.zeros((1, 2, 2, 2), dtype=np.float32)
    logits[0, 1, 0, 0] = bad
    with pytest.raises(KeeperError):
        change_probability(logits)


def test_extreme_logits_do_not_overflow() -> None:
    logits = np.zeros((1, 2, 1, 2), dtype=np.float32)
    logits[0, 1] = [[3e4, -3e4]]
    np.testing.assert_allclose(change_probability(logits)[0, 0], [1.0, 0.0], atol=1e-6)


def test_auto_tells_why_no_better_engine_runs(tmp_path: Path) -> None:
    model = load_model(difference_model(tmp_path / "net.onnx", side=SIDE))
    engine = open_engine(model, EngineChoice.AUTO)
    better = [refusal.engine for refusal in engine.info.refusals]
    order = ["TensorRT", "onnxruntime CUDA", "onnxruntime CPU", "OpenVINO CPU"]
    if engine.info.provider == "CPU":
        assert better == order[: order.index(engine.info.label)]
        assert all(refusal.reason for refusal in engine.info.refusals)
    assert [label for label, _ in probe_engines(model)] == order


def test_an_engine_asked_for_by_name_is_never_replaced(tmp_path: Path) -> None:
    model = load_model(difference_model(tmp_path / "net.onnx", side=SIDE))
    with pytest.raises(KeeperError, match="TensorRT cannot run"):
        open_engine(model, EngineChoice.TENSORRT)


def store_pair(model: Model, offset: float) -> None:
    tests = np.full((1, 3, SIDE, SIDE), 0.5, dtype=np.float32)
    golden = np.zeros_like(tests)
    probability = (expected(tests, golden) + offset).astype(np.float32)
    np.savez(model.selfcheck, test=tests, golden=golden, probability=probability)


def test_the_self_check_compares_with_the_stored_output(tmp_path: Path) -> None:
    model = load_model(difference_model(tmp_path / "net.onnx", side=SIDE))
    engine = OnnxRuntimeEngine(model)
    assert self_check(engine, model) is None
    store_pair(model, 0.0)
    difference = self_check(engine, model)
    assert difference is not None
    assert difference < 1e-5


def test_an_engine_that_computes_something_else_does_not_serve(tmp_path: Path) -> None:
    model = load_model(difference_model(tmp_path / "net.onnx", side=SIDE))
    store_pair(model, 0.05)
    with pytest.raises(KeeperError) as caught:
        open_engine(model, EngineChoice.AUTO)
    assert caught.value.code == "self_check_failed"


def test_a_damaged_self_check_is_told(tmp_path: Path) -> None:
    model = load_model(difference_model(tmp_path / "net.onnx", side=SIDE))
    model.selfcheck.write_bytes(b"nothing")
    with pytest.raises(KeeperError) as caught:
        self_check(OnnxRuntimeEngine(model), model)
    assert caught.value.code == "self_check_failed"


@pytest.mark.parametrize("choice", [EngineChoice.AUTO, EngineChoice.CPU, EngineChoice.OPENVINO])
def test_calls_at_once_give_what_one_after_the_other_gives(tmp_path: Path, choice: EngineChoice) -> None:
    model = load_model(siamese(tmp_path / "net.onnx"))
    try:
        engine = open_engine(model, choice, parallel=4)
    except KeeperError as missing:
        pytest.skip(str(missing))
    assert engine.parallel == (4 if engine.info.provider == "CPU" else 1)
    rng = np.random.default_rng(3)
    tests = rng.uniform(-1, 1, (40, 3, SPLIT_SIDE, SPLIT_SIDE)).astype(np.float32)
    goldens = [engine.encode_golden(golden[None]) for golden in -tests[:3]]

    def compare(index: int) -> np.ndarray:
        return engine.compare(goldens[index % 3], tests[index : index + 1 + index % 2])

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(compare, range(len(tests) - 1)))
    for index, result in enumerate(together):
        np.testing.assert_allclose(result, compare(index), atol=1e-6)
    engine.close()


def test_the_gpu_is_one_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(difference_model(tmp_path / "net.onnx", side=SIDE))
    monkeypatch.setitem(onnx_runtime.PROVIDERS, "CUDA", onnx_runtime.PROVIDERS["CPU"])
    assert OnnxRuntimeEngine(model, "CUDA", parallel=4).parallel == 1


def test_cuda_is_asked_for_whole_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class OnCuda:
        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider"]

        def get_inputs(self) -> list[object]:
            return []

        get_outputs = get_inputs

    def create(model: object, providers: object, threads: int) -> object:
        asked.append(providers)
        return OnCuda()

    monkeypatch.setattr(onnx_runtime, "create_session", create)
    OrtSession(tmp_path / "net.onnx", "CUDA", 0)
    assert asked == [[("CUDAExecutionProvider", {"use_tf32": "0"})]]


def test_memory_that_is_used_up_is_the_engines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = OrtSession(difference_model(tmp_path / "net.onnx"), "CPU", 1)

    class Full:
        def run(self, wanted: object, feed: object) -> object:
            raise MemoryError

    monkeypatch.setattr(session, "_session", Full())
    with pytest.raises(KeeperError) as caught:
        session.run(["x"], {})
    assert caught.value.code == "engine_failed"
