from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.engines.half import convert_to_half
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.open_vino import OpenVinoEngine, load_openvino
from inspector_app.engines.registry import open_engine, probe_engines
from tests.engines.test_golden_split import SIDE, manifest_of, siamese

try:
    load_openvino()
except KeeperError as missing:
    pytest.skip(f"{missing}", allow_module_level=True)


@pytest.mark.parametrize("batch", [None, 2])
def test_it_gives_what_onnxruntime_gives(tmp_path: Path, batch: int | None) -> None:
    model = load_model(siamese(tmp_path / "net.onnx", batch))
    here, there = OpenVinoEngine(model, threads=1), OnnxRuntimeEngine(model, threads=1)
    assert (here.info.label, here.info.golden_note) == ("OpenVINO CPU", "")
    rng = np.random.default_rng(0)
    tests = rng.uniform(-1, 1, (3, 3, SIDE, SIDE)).astype(np.float32)
    golden = rng.uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
    first = here.compare(here.encode_golden(golden), tests)
    kept = first.copy()
    here.compare(here.encode_golden(golden), -tests)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_allclose(first, there.compare(there.encode_golden(golden), tests), atol=1e-5)


def test_a_damaged_file_is_a_plain_sentence(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(KeeperError) as caught:
        OpenVinoEngine(Model(manifest_of(path), path))
    assert caught.value.code == "model_damaged"


def test_it_talks_to_nobody() -> None:
    assert sys.modules["openvino_telemetry"] is None
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


class Cpu:
    """What is asked of OpenVINO's core; ``capabilities`` are the processor's."""

    def __init__(self, *capabilities: str) -> None:
        self.capabilities = list(capabilities)
        self.real = load_openvino().Core()
        self.hints: list[object] = []

    def get_property(self, device: str, name: str) -> list[str]:
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self.capabilities

    def read_model(self, source: object) -> object:
        return self.real.read_model(source)

    def compile_model(self, model: object, device: str, config: dict[str, object]) -> object:
        self.hints.append(config["INFERENCE_PRECISION_HINT"])
        return self.real.compile_model(model, device, config | {"INFERENCE_PRECISION_HINT": "f32"})


def in_bfloat16(path: Path) -> Model:
    model = load_model(siamese(path))
    return Model(model.manifest.model_copy(update={"precision": "bfloat16"}), path)


def test_bfloat16_is_asked_for_where_the_manifest_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu = Cpu("FP32", "BF16")
    monkeypatch.setattr(load_openvino(), "Core", lambda: cpu)
    engine = OpenVinoEngine(in_bfloat16(tmp_path / "net.onnx"), threads=1)
    assert set(cpu.hints) == {"bf16"}
    assert engine.info.precision == "bfloat16"
    OpenVinoEngine(load_model(siamese(tmp_path / "other.onnx")), threads=1)
    assert cpu.hints[-1] == "f32"


def test_bfloat16_is_refused_where_the_processor_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu = Cpu("FP32", "INT8")
    monkeypatch.setattr(load_openvino(), "Core", lambda: cpu)
    with pytest.raises(KeeperError, match="no") as caught:
        open_engine(in_bfloat16(tmp_path / "net.onnx"))
    assert caught.value.code == "engine_unavailable"
    refusals = dict(probe_engines(in_bfloat16(tmp_path / "net.onnx")))
    assert all(refusal is not None and refusal.hint for refusal in refusals.values())
    assert "does not have" in refusals["OpenVINO CPU"].reason
    assert "float32" in refusals["onnxruntime CPU"].reason


def test_auto_takes_openvino_for_bfloat16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = Cpu("FP32", "BF16")
    monkeypatch.setattr(load_openvino(), "Core", lambda: cpu)
    engine = open_engine(in_bfloat16(tmp_path / "net.onnx"), threads=1)
    assert engine.info.label == "OpenVINO CPU"
    assert [refusal.engine for refusal in engine.info.refusals] == [
        "TensorRT",
        "onnxruntime CUDA",
        "onnxruntime CPU",
    ]


def test_int8_runs_on_both_cpu_engines(tmp_path: Path) -> None:
    quantization = pytest.importorskip("onnxruntime.quantization")
    plain, path = load_model(siamese(tmp_path / "net.onnx")), tmp_path / "int8.onnx"
    rng = np.random.default_rng(5)
    tests, golden = (rng.uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32) for _ in range(2))

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.pairs = iter([{"input0": tests, "input1": golden}])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.pairs, None)

    quantization.quantize_static(str(plain.path), str(path), Reader(), op_types_to_quantize=["Conv"])
    manifest = manifest_of(path).model_copy(update={"precision": "int8", "input": plain.manifest.input})
    model = Model(manifest, path)
    here, there = OpenVinoEngine(model, threads=1), OnnxRuntimeEngine(model, threads=1)
    assert (here.info.precision, there.info.precision, there.info.golden_note) == ("int8", "int8", "")
    first = here.compare(here.encode_golden(golden), tests)
    # A level of eight bits more or less moves this steep network's probability far, but seldom.
    assert np.abs(first - there.compare(there.encode_golden(golden), tests)).mean() < 0.06


def test_a_float16_copy_whose_inputs_bear_several_names_runs(tmp_path: Path) -> None:
    whole = load_model(siamese(tmp_path / "net.onnx", None))
    convert_to_half(whole.path, tmp_path / "half.onnx")
    half = Model(whole.manifest, tmp_path / "half.onnx")
    rng = np.random.default_rng(0)
    golden, test = rng.uniform(-1, 1, (2, 1, 3, SIDE, SIDE)).astype(np.float32)
    found = [
        engine.compare(engine.encode_golden(golden), test) for engine in map(OpenVinoEngine, (whole, half))
    ]
    np.testing.assert_allclose(found[0], found[1], atol=5e-3)
