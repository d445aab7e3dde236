"""On an NVIDIA machine (``pytest -m gpu -s``): build, compare with onnxruntime on rendered pairs, and time.

Where TensorRT or a GPU is missing, every test says so and is skipped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import InputSpec
from inspector_app.core.protocols import ChangeEngine
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.tensorrt import surface
from inspector_app.engines.tensorrt.bindings import load_cuda, load_tensorrt
from inspector_app.engines.tensorrt.device import Cuda
from inspector_app.engines.tensorrt.engine import TensorRtEngine
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.opening import open_tensorrt
from inspector_app.engines.tensorrt.plans import BatchRange
from inspector_app.engines.tensorrt.progress import BuildProgress
from inspector_app.synthesis.pairs import render_pair
from inspector_app.vision.tensors import to_tensor
from tests.engines.tensorrt_stand_in import siamese_model
from tests.onnx_models import difference_model

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

GENERIC = Path(__file__).resolve().parents[2] / "models" / "generic"
SIDE = 128
TOLERANCE = 2e-3
"""In probability: both compute in float32, but add in other orders."""
BATCHES = BatchRange(4, 8)


@pytest.fixture(scope="module", autouse=True)
def card() -> str:
    """The GPU's name, or a skip with the reason why there is none."""
    try:
        load_tensorrt()
        found = Cuda(load_cuda()).card()
    except KeeperError as error:
        pytest.skip(f"no TensorRT here: {error}")
    return f"{found.name} ({found.capability})"


@pytest.fixture(scope="module", params=["siamese", "fixed batch", "difference", "generic"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model")
    if request.param == "siamese":
        return load_model(siamese_model(folder / "net.onnx", side=SIDE))
    if request.param == "fixed batch":
        return load_model(siamese_model(folder / "net.onnx", side=SIDE, batch=3))
    if request.param == "difference":
        return load_model(difference_model(folder / "net.onnx", side=SIDE))
    if not (GENERIC / "manifest.json").is_file():
        pytest.skip("models/generic is not here")
    return load_model(GENERIC)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plans")


@pytest.fixture(scope="module")
def engine(model: Model, plans: Path) -> Iterator[TensorRtEngine]:
    told: list[BuildProgress] = []
    began = time.perf_counter()
    opened = open_tensorrt(model, plans, rules=BuildRules(BATCHES, on_progress=told.append))
    print(f"\n{model.manifest.name}: {len(told)} steps told in {time.perf_counter() - began:.1f} s")
    assert told
    yield opened
    opened.close()


def rendered(count: int, spec: InputSpec) -> tuple[np.ndarray, np.ndarray]:
    """Test tensors of one golden, some of them flawed."""
    pairs = [render_pair(np.random.default_rng(seed), size=256) for seed in range(count)]
    tests = np.concatenate([to_tensor(each.test, spec) for each in pairs])
    return tests, to_tensor(pairs[0].golden, spec)


def test_every_name_is_in_the_modules_that_are_installed() -> None:
    for module, names in ((load_tensorrt(), surface.TENSORRT), (load_cuda(), surface.CUDA)):
        for name in names:
            # What a card has is known of its instance only.
            if not name.startswith("cudaDeviceProp."):
                reduce(getattr, name.split("."), module)


def test_results_are_onnxruntimes(engine: TensorRtEngine, model: Model) -> None:
    tests, golden = rendered(11, model.manifest.input)
    reference = OnnxRuntimeEngine(model)
    expected = reference.compare(reference.encode_golden(golden), tests)
    features = engine.encode_golden(golden)
    for count in (1, 2, 8, 11):
        got = engine.compare(features, tests[:count])
        worst = float(np.abs(got - expected[:count]).max())
        print(f"\n{model.manifest.name}, {count} images: off by {worst:.1e}")
        assert worst < TOLERANCE


def test_the_same_images_give_the_same_results_in_any_batch(engine: TensorRtEngine, model: Model) -> None:
    tests, golden = rendered(6, model.manifest.input)
    features = engine.encode_golden(golden)
    together = engine.compare(features, tests)
    alone = np.concatenate([engine.compare(features, tests[i : i + 1]) for i in range(len(tests))])
    np.testing.assert_allclose(together, alone, atol=TOLERANCE)


def test_a_second_start_builds_nothing(engine: TensorRtEngine, model: Model, plans: Path) -> None:
    began = time.perf_counter()
    again = open_tensorrt(model, plans, rules=BuildRules(BATCHES, may_build=False))
    again.close()
    print(f"\n{model.manifest.name}: started again in {time.perf_counter() - began:.1f} s")


def test_memory_does_not_grow_with_goldens(engine: TensorRtEngine, model: Model) -> None:
    tests, golden = rendered(1, model.manifest.input)
    expected = engine.compare(engine.encode_golden(golden), tests)
    for _ in range(200):
        features = engine.encode_golden(golden)
    np.testing.assert_array_equal(engine.compare(features, tests), expected)


def test_a_real_build_is_cancelled(model: Model, tmp_path: Path) -> None:
    """Before its first step: a small network may be built before a later cancel is heard."""
    began = time.perf_counter()
    with pytest.raises(KeeperError) as caught:
        open_tensorrt(model, tmp_path, rules=BuildRules(BATCHES, cancelled=lambda: True))
    assert caught.value.code == "plan_cancelled"
    assert not list(tmp_path.glob("*.plan"))
    print(f"\n{model.manifest.name}: cancelled in {time.perf_counter() - began:.1f} s")


def test_timings(engine: TensorRtEngine, model: Model, card: str) -> None:
    tests, golden = rendered(8, model.manifest.input)
    print(f"\n{model.manifest.name} on {card}, {engine.info.precision}, copies included")
    for count in (1, 4, 8):
        rate = images_per_second(engine, golden, tests[:count])
        print(f"  batch {count}: {rate:8.1f} images/s")
        assert rate > 0


def images_per_second(engine: ChangeEngine, golden: np.ndarray, tests: np.ndarray) -> float:
    """The median of nine measurements of at least 50 ms each."""
    features = engine.encode_golden(golden)
    rates = []
    for _ in range(10):
        began, runs = time.perf_counter(), 0
        while time.perf_counter() - began < 0.05:
            engine.compare(features, tests)
            runs += 1
        rates.append(runs * len(tests) / (time.perf_counter() - began))
    return float(np.median(rates[1:]))
