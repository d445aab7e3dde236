"""Why TensorRT does not serve is said in plain words, with what would help."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.engines import registry
from inspector_app.engines.failover import EngineSwitch
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.tensorrt.bindings import load_tensorrt, version_of
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.opening import open_tensorrt, prepare_plans
from inspector_app.engines.tensorrt.plans import PlanStore
from tests.engines.tensorrt_stand_in import SIDE, build_here, nothing_left, pair, stand_ins
from tests.onnx_models import difference_model


@pytest.fixture
def gpu() -> Iterator[Any]:
    with stand_ins() as state:
        yield state


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return load_model(difference_model(tmp_path / "net.onnx", side=SIDE))


def refusal(model: Model, folder: Path) -> KeeperError:
    with pytest.raises(KeeperError) as caught:
        open_tensorrt(model, folder / "plans")
    assert not (folder / "plans").exists()
    return caught.value


def test_without_the_package_the_extra_is_named(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    error = refusal(model, tmp_path)
    assert (error.code, error.message) == ("engine_missing", "the tensorrt package is not installed")
    assert "inspector-app[tensorrt]" in error.hint


@pytest.mark.parametrize(
    "said",
    [
        'raise ImportError("libnvinfer.so.11: cannot open shared object file: No such file or directory")',
        'raise FileNotFoundError("Could not find: nvinfer_11.dll. Is it on your PATH?\\nNote: ...")',
    ],
)
def test_bindings_without_their_libraries(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    install(tmp_path / "site", said, monkeypatch)
    error = refusal(model, tmp_path)
    assert error.code == "engine_missing"
    assert error.message.startswith("libnvinfer not found (")
    assert "nvinfer" in error.message.partition("(")[2]
    assert "inspector-app[tensorrt]" in error.hint


def test_bindings_that_fail_otherwise(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", 'raise ImportError("GLIBC_2.28 not found")', monkeypatch)
    assert refusal(model, tmp_path).message == "tensorrt cannot be imported (GLIBC_2.28 not found)"


def install(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ``tensorrt`` package of this source."""
    package = folder / "tensorrt"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(source)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize("version", ["8.6.1", "10.11.0.33", "unknown"])
def test_an_old_tensorrt(
    gpu: Any, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    import tensorrt

    monkeypatch.setattr(tensorrt, "__version__", version)
    error = refusal(model, tmp_path)
    assert error.code == "engine_too_old"
    assert version in error.message
    assert "10.12" in error.message


def test_the_oldest_and_the_newest_that_serve(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorrt

    for version, expected in (("10.12.0.36", (10, 12)), ("11.4.0.106", (11, 4))):
        monkeypatch.setattr(tensorrt, "__version__", version)
        assert version_of(load_tensorrt()) == expected


def test_without_cuda_python(gpu: Any, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_tensorrt()
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    error = refusal(model, tmp_path)
    assert error.code == "engine_missing"
    assert error.message.startswith("cuda-python not found")


@pytest.mark.parametrize(
    ("status", "count", "driver", "said"),
    [
        (35, 0, 0, "no NVIDIA driver is installed"),
        (35, 0, 12020, "the NVIDIA driver is too old (it knows CUDA 12.2)"),
        (100, 0, 13000, "no NVIDIA GPU was found"),
        (0, 0, 13000, "no NVIDIA GPU was found"),
    ],
)
def test_without_a_usable_gpu(
    gpu: Any, model: Model, tmp_path: Path, status: int, count: int, driver: int, said: str
) -> None:
    gpu.status, gpu.count, gpu.driver = status, count, driver
    error = refusal(model, tmp_path)
    assert (error.code, error.message) == ("gpu_missing", said)


def test_a_gpu_that_fails_at_once(gpu: Any, model: Model, tmp_path: Path) -> None:
    gpu.status = 719
    error = refusal(model, tmp_path)
    assert error.code == "engine_failed"
    assert "cudaGetDeviceCount" in error.message


@pytest.fixture
def registered(gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """TensorRT as the registry opens it, with plans in ``tmp_path`` and built in this process."""
    monkeypatch.setattr(registry, "plan_folder", lambda: tmp_path / "plans")
    monkeypatch.setattr("inspector_app.engines.tensorrt.library.build_plan", build_here)
    return gpu


def store_pair(model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tests, golden = pair(1)
    reference = OnnxRuntimeEngine(model)
    probability = reference.compare(reference.encode_golden(golden), tests)
    np.savez(model.selfcheck, test=tests, golden=golden, probability=probability)
    return tests, golden, probability


def test_tensorrt_comes_first_and_passes_the_self_check(
    registered: Any, model: Model, tmp_path: Path
) -> None:
    tests, golden, expected = store_pair(model)
    prepare_plans(model, tmp_path / "plans")
    engine = registry.open_engine(model)
    try:
        assert engine.info.label == "TensorRT CUDA"
        assert engine.info.refusals == ()
        np.testing.assert_allclose(engine.compare(engine.encode_golden(golden), tests), expected, atol=1e-5)
    finally:
        engine.close()
    assert nothing_left(registered)


def test_without_its_plan_the_next_engine_serves_and_nothing_is_built(
    registered: Any, model: Model, tmp_path: Path
) -> None:
    tests, golden, expected = store_pair(model)
    engine = registry.open_engine(model)
    try:
        assert engine.info.name == "onnxruntime"
        assert registry.plan_is_missing(engine.info)
        refusal = engine.info.refusals[0]
        assert (refusal.engine, refusal.code) == ("TensorRT", "plan_missing")
        assert "--engine tensorrt" in refusal.hint
        np.testing.assert_allclose(engine.compare(engine.encode_golden(golden), tests), expected, atol=1e-5)
    finally:
        engine.close()
    assert not (tmp_path / "plans").exists()
    assert nothing_left(registered)


def test_asked_for_by_name_tensorrt_is_built_only_where_that_is_wanted(
    registered: Any, model: Model, tmp_path: Path
) -> None:
    with pytest.raises(KeeperError, match="TensorRT cannot run: its plan") as caught:
        registry.open_engine(model, registry.EngineChoice.TENSORRT)
    assert caught.value.code == "plan_missing"
    told: list[float] = []
    rules = BuildRules(on_progress=lambda progress: told.append(progress.overall))
    engine = registry.open_engine(model, registry.EngineChoice.TENSORRT, building=rules)
    engine.close()
    assert engine.info.label == "TensorRT CUDA"
    assert not registry.plan_is_missing(engine.info)
    assert told == sorted(told)
    assert 0.0 < told[-1] <= 1.0
    told.clear()
    registry.open_engine(model, registry.EngineChoice.TENSORRT, building=rules).close()
    assert told == []


def test_a_plan_that_tensorrt_dislikes_is_built_again_by_name(
    registered: Any, model: Model, tmp_path: Path
) -> None:
    """Its hash fits, so only loading it tells."""
    jobs = []

    def build(job: Any, *hooks: Any) -> Path:
        jobs.append(job)
        return build_here(job, *hooks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inspector_app.engines.tensorrt.library.build_plan", build)
        prepare_plans(model, tmp_path / "plans")
        PlanStore(tmp_path / "plans").save(jobs[0].key, b"no plan")
        engine = registry.open_engine(model, registry.EngineChoice.TENSORRT, building=BuildRules())
        engine.close()
    assert [job.key.part for job in jobs] == ["whole", "whole"]
    assert nothing_left(registered)


def test_a_gpu_lost_in_mid_shift_gives_way_and_loses_no_image(
    registered: Any, model: Model, tmp_path: Path
) -> None:
    tests, golden, expected = store_pair(model)
    prepare_plans(model, tmp_path / "plans")
    told: list[EngineSwitch] = []
    engine = registry.open_engine(model, on_switch=told.append)
    try:
        features = engine.encode_golden(golden)
        engine.compare(features, tests)
        registered.faults.update(dict.fromkeys(("cudaMemcpyAsync", "cudaFree", "cudaStreamSynchronize"), 719))
        np.testing.assert_allclose(engine.compare(features, tests), expected, atol=1e-5)
        assert engine.info.name != "TensorRT"
        assert [switch.before for switch in told] == ["TensorRT CUDA"]
        assert "cudaMemcpyAsync" in told[0].reason
    finally:
        engine.close()


def test_plans_can_be_prepared_beforehand(registered: Any, model: Model, tmp_path: Path) -> None:
    prepare_plans(model, tmp_path / "plans")
    waiting = BuildRules(may_build=False)
    open_tensorrt(model, tmp_path / "plans", rules=waiting).close()


def test_a_gpu_that_is_full_leaves_no_thread(gpu: Any, model: Model, tmp_path: Path) -> None:
    gpu.faults["cudaStreamCreateWithFlags"] = 2
    assert refusal(model, tmp_path).code == "engine_failed"
