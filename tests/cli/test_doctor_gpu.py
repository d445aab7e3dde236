"""``doctor --gpu`` and builds on the command line, on the stand-ins of TensorRT and CUDA."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import typer
from onnxruntime.transformers.float16 import convert_float_to_float16
from typer.testing import CliRunner, Result

from inspector_app.cli import gpu as gpu_module
from inspector_app.cli.app import app
from inspector_app.cli.engines import building_plans
from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import InputSpec, ModelManifest
from inspector_app.engines.models import sha256_of
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.tensorrt.progress import BuildProgress
from inspector_app.services.card import published_fps
from tests.engines.tensorrt_stand_in import SIDE, build_here, nothing_left, siamese_model, stand_ins
from tests.pictures import plain, write


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for module in ("inspector_app.engines.registry", "inspector_app.bootstrap"):
        monkeypatch.setattr(f"{module}.plan_folder", lambda: tmp_path / "plans")
    monkeypatch.setattr("inspector_app.engines.tensorrt.library.build_plan", build_here)
    monkeypatch.setattr(gpu_module, "BATCHES", (1, 8))
    monkeypatch.setattr(gpu_module, "RENDERED", 1)
    with stand_ins() as state:
        yield state


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The data folder, with the model ``part``."""
    folder = tmp_path / "data" / "models" / "part"
    folder.mkdir(parents=True)
    path = siamese_model(folder / "part.onnx")
    describe(path, "float32")
    return tmp_path / "data"


def describe(path: Path, precision: str) -> None:
    manifest = ModelManifest(
        name=path.stem,
        file=path.name,
        sha256=sha256_of(path),
        input=InputSpec(height=SIDE, width=SIDE),
        precision=precision,  # type: ignore[arg-type]
    )
    (path.parent / "manifest.json").write_text(manifest.model_dump_json())


def half_of(models: Path) -> Path:
    """``part-fp16`` as ``models optimize`` makes it, with its own stored output."""
    folder = models / "models" / "part-fp16"
    folder.mkdir()
    path = folder / "part-fp16.onnx"
    whole = onnx.load(models / "models" / "part" / "part.onnx")
    onnx.save(convert_float_to_float16(whole, keep_io_types=True), path)
    describe(path, "float16")
    return path


def doctor(data: Path, *more: str, code: int = 0) -> str:
    result: Result = CliRunner().invoke(app, ["doctor", "--gpu", *more, "--data-dir", str(data)])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_it_builds_compares_times_and_prints_the_cards_table(gpu: Any, models: Path) -> None:
    said = doctor(models, "--model", "part")
    assert "Stand-in GPU, compute capability 8.9, TensorRT 11.4.0.106" in said
    assert "golden: computed once and kept" in said
    assert "CUDA graphs: replayed" in said
    assert "as onnxruntime on the CPU: " in said
    assert (
        "| batch | golden | images/s | p50 ms a batch | p95 ms a batch | x the reference loop's network |"
        in said
    )
    rows = [line.split(" | ")[:2] for line in said.splitlines() if line.startswith("| ")][1:]
    assert rows == [["| 1", "kept"], ["| 1", "anew"], ["| 8", "kept"], ["| 8", "anew"]]
    assert "There is no part-fp16" in said
    assert "Published" not in said
    assert "All is well." in said
    assert nothing_left(gpu)


def test_a_float16_variant_is_tried_too(
    gpu: Any, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cuda.bindings import runtime

    card = runtime.cudaDeviceProp()
    card.name = b"NVIDIA L4"
    monkeypatch.setattr(runtime, "cudaGetDeviceProperties", lambda device: (0, card))
    half_of(models)
    said = doctor(models, "--model", "part")
    assert "part on NVIDIA L4, 32 x 32, float32, TensorRT:" in said
    assert "part-fp16 on NVIDIA L4, 32 x 32, float16, TensorRT:" in said
    assert "Published network on L4: 131.48 pairs/s, float16, trtexec, inference only." in said
    assert len(list((tmp_path / "plans").glob("*.plan"))) == 4


def test_a_card_that_computes_otherwise_is_unwell(
    gpu: Any, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_compare = OnnxRuntimeEngine.compare
    monkeypatch.setattr(OnnxRuntimeEngine, "compare", lambda *given: np.float32(1.0) - plain_compare(*given))
    said = doctor(models, "--model", "part", code=3)
    assert "NOT as onnxruntime" in said
    assert "Something is wrong" in said


def test_without_a_gpu_it_says_what_is_missing(gpu: Any, models: Path) -> None:
    gpu.status = 100
    said = doctor(models, "--model", "part", code=3)
    assert "No GPU check: no NVIDIA GPU was found." in said
    assert "| batch" not in said


def test_a_build_that_fails_is_told(gpu: Any, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_BUILD", "fail")
    said = doctor(models, "--model", "part", code=3)
    assert "no tactic left" in said


@pytest.mark.parametrize(
    ("device", "cards"),
    [
        ("NVIDIA L4", ["L4"]),
        ("NVIDIA L40S", []),
        ("NVIDIA A100-SXM4-80GB", ["A100"]),
        ("NVIDIA RTX A2000", []),
        ("Tesla T4", ["T4"]),
        ("Orin", ["Orin Nano 8GB", "Orin NX", "AGX Orin"]),
    ],
)
def test_published_figures_are_of_the_same_card(device: str, cards: list[str]) -> None:
    assert [card for card, _, _ in published_fps(device)] == cards


def score(data: Path, folder: Path, engine: str) -> Result:
    arguments = ["score", str(folder / "images"), "--golden", str(folder / "golden.png")]
    return CliRunner().invoke(
        app, [*arguments, "--model", "part", "--engine", engine, "--data-dir", str(data)]
    )


def test_scoring_says_that_a_plan_is_missing_and_by_name_it_is_built(
    gpu: Any, models: Path, tmp_path: Path
) -> None:
    write(tmp_path / "golden.png", plain())
    write(tmp_path / "images" / "a.png", plain())
    first = score(models, tmp_path, "auto")
    assert first.exit_code == 0, first.output
    assert "TensorRT has no plan for part on this GPU yet" in first.stderr
    assert "--engine tensorrt" in first.stderr
    assert not (tmp_path / "plans").exists()
    second = score(models, tmp_path, "tensorrt")
    assert second.exit_code == 0, second.output
    assert len(list((tmp_path / "plans").glob("*.plan"))) == 2
    third = score(models, tmp_path, "auto")
    assert third.exit_code == 0, third.output
    assert "no plan" not in third.stderr


def test_ctrl_c_ends_a_build_cleanly() -> None:
    before = signal.getsignal(signal.SIGINT)
    heard = []

    def build() -> None:
        with building_plans("part") as rules:
            rules.on_progress(BuildProgress("whole", "Building engine", 0.5))
            heard.append(rules.cancelled())
            os.kill(os.getpid(), signal.SIGINT)
            heard.append(rules.cancelled())
            raise KeeperError("plan_cancelled", "Building the TensorRT plan was cancelled.")

    with pytest.raises(typer.Exit) as caught:
        build()
    assert heard == [False, True]
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is before


def test_another_fault_of_a_build_stays_itself() -> None:
    with pytest.raises(KeeperError, match="no tactic"), building_plans("part"):
        raise KeeperError("plan_build_failed", "no tactic left")
