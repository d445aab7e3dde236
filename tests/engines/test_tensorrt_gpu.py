"""On an NVIDIA machine (``pytest -m gpu -s``): build, compare with onnxruntime on real and rendered pairs, and time.

Where TensorRT or a GPU is missing, every test says so and is skipped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.transformers.float16 import convert_float_to_float16

from inspector_app.core.clock import SystemClock
from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import InputSpec
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.reference import ReferenceLoop
from inspector_app.engines.registry import self_check_tolerance
from inspector_app.engines.tensorrt import surface
from inspector_app.engines.tensorrt.bindings import load_cuda, load_tensorrt
from inspector_app.engines.tensorrt.device import Cuda
from inspector_app.engines.tensorrt.engine import TensorRtEngine
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.opening import open_tensorrt
from inspector_app.engines.tensorrt.plans import BatchRange
from inspector_app.engines.tensorrt.progress import BuildProgress
from inspector_app.services.bench import BenchPlan, Candidate, run_bench
from inspector_app.services.card import Borrowed, compare_engines, pairs_of_files
from inspector_app.services.plan import BatchItem, plan_demo
from inspector_app.synthesis.pairs import render_pair
from inspector_app.vision.tensors import to_tensor
from tests.engines.tensorrt_stand_in import siamese_model
from tests.onnx_models import difference_model

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

GENERIC = Path(__file__).resolve().parents[2] / "models" / "generic"
DEMO = GENERIC.parents[1] / "resources" / "demo"
MVTEC = GENERIC.parents[2] / "shared" / "data" / "mvtec_transistor"
SIDE = 128
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


@pytest.fixture(scope="module", params=["siamese", "fixed batch", "difference", "float16", "generic"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model")
    if request.param == "siamese":
        return load_model(siamese_model(folder / "net.onnx", side=SIDE))
    if request.param == "fixed batch":
        return load_model(siamese_model(folder / "net.onnx", side=SIDE, batch=3))
    if request.param == "difference":
        return load_model(difference_model(folder / "net.onnx", side=SIDE))
    if request.param == "float16":
        return load_half(folder)
    if not (GENERIC / "manifest.json").is_file():
        pytest.skip("models/generic is not here")
    return load_model(GENERIC)


def load_half(folder: Path) -> Model:
    """The siamese network converted as ``models optimize`` does it."""
    whole = onnx.load(siamese_model(folder / "whole.onnx", side=SIDE))
    path = folder / "net.onnx"
    onnx.save(convert_float_to_float16(whole, keep_io_types=True), path)
    model = load_model(path)
    return Model(model.manifest.model_copy(update={"precision": "float16"}), path)


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
        assert worst < self_check_tolerance(model.manifest.precision)


def test_results_are_onnxruntimes_with_goldens_of_their_own(engine: TensorRtEngine, model: Model) -> None:
    """In turn, so that neighbours differ, and more of them than a call has pairs."""
    spec = model.manifest.input
    pairs = [render_pair(np.random.default_rng(seed), size=256) for seed in range(11)]
    tests = np.concatenate([to_tensor(each.test, spec) for each in pairs])
    goldens = [to_tensor(each.golden, spec) for each in pairs[:3]]
    reference = OnnxRuntimeEngine(model)
    features = [engine.encode_golden(golden) for golden in goldens]
    others = [reference.encode_golden(golden) for golden in goldens]
    turn = [number % len(goldens) for number in range(len(tests))]
    expected = np.concatenate([reference.compare(others[g], tests[i : i + 1]) for i, g in enumerate(turn)])
    print(f"\n{model.manifest.name}: {engine.pairs_per_call} pairs a call")
    for count in (1, engine.pairs_per_call, 11):
        got = engine.compare_each([features[golden] for golden in turn[:count]], tests[:count])
        worst = float(np.abs(got - expected[:count]).max())
        print(f"{model.manifest.name}, {count} pairs: off by {worst:.1e}")
        assert worst < self_check_tolerance(model.manifest.precision)


@pytest.mark.parametrize("folder", [DEMO, MVTEC], ids=["demo set", "photographs"])
def test_results_are_onnxruntimes_on_pairs_of_files(
    engine: TensorRtEngine, model: Model, folder: Path
) -> None:
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    items = plan_demo(folder) if folder == DEMO else photographs(folder)
    agreement = compare_engines(engine, OnnxRuntimeEngine(model), pairs_of_files(items, model.manifest.input))
    print(f"\n{model.manifest.name}: {agreement}")
    assert agreement.images > 10
    assert agreement.worst < self_check_tolerance(model.manifest.precision)


def photographs(folder: Path) -> list[BatchItem]:
    """Thirty test images of the shared MVTec transistors, against one good part."""
    golden = min(folder.rglob("train/good/*.png"), default=min(folder.rglob("good/*.png")))
    tests = sorted(folder.rglob("test/*/*.png"))[:30] or sorted(folder.rglob("*.png"))[:30]
    return [BatchItem(path, path.name, golden, None, False) for path in tests]


def test_usual_runs_are_replayed(engine: TensorRtEngine, model: Model) -> None:
    """A network that cannot be recorded serves all the same; these can be."""
    print(f"\n{model.manifest.name}: {engine.plain_note or 'replayed from CUDA graphs'}")
    assert engine.plain_note == ""


def test_the_same_images_give_the_same_results_in_any_batch(engine: TensorRtEngine, model: Model) -> None:
    tests, golden = rendered(6, model.manifest.input)
    features = engine.encode_golden(golden)
    together = engine.compare(features, tests)
    alone = np.concatenate([engine.compare(features, tests[i : i + 1]) for i in range(len(tests))])
    np.testing.assert_allclose(together, alone, atol=self_check_tolerance(model.manifest.precision))


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
    lent = Candidate(model.manifest.name, "tensorrt", lambda: Borrowed(engine))
    report = run_bench([lent], ReferenceLoop(model), SystemClock(), BenchPlan(batches=(1, 8, 16, 32)))
    print(f"\n{model.manifest.name} on {card}, {engine.info.precision}, copies included")
    for row in report.rows:
        print(f"  batch {row.batch}, golden {row.golden.value}: {row.per_second:.1f} images/s")
    assert not report.refusals
    assert len(report.rows) == 8 - 4 * bool(engine.info.golden_note)
