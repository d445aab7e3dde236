"""Plans: their keys and files, what is trusted, and what is built anew."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.engines.models import load_model
from inspector_app.engines.tensorrt import library as library_module
from inspector_app.engines.tensorrt.builder import BuildJob
from inspector_app.engines.tensorrt.engine import TensorRtEngine
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.opening import open_tensorrt
from inspector_app.engines.tensorrt.plans import (
    KEPT_PLANS,
    BatchRange,
    BuildSettings,
    PlanKey,
    PlanStore,
    profile_text,
)
from inspector_app.engines.tensorrt.progress import BuildProgress
from tests.engines.tensorrt_stand_in import SIDE, build_here, pair, siamese_model, stand_ins
from tests.onnx_models import difference_model

KEY = PlanKey("a" * 64, "rest", "11.4.0.106", "NVIDIA L4", "8.9", "float32", "1-8-16 x 3 x 256 x 256")


@pytest.fixture
def gpu() -> Iterator[Any]:
    with stand_ins() as state:
        yield state


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[BuildJob]:
    """The jobs that were built, in this process."""
    jobs: list[BuildJob] = []

    def build(job: BuildJob, *hooks: Any) -> Path:
        jobs.append(job)
        return build_here(job, *hooks)

    monkeypatch.setattr(library_module, "build_plan", build)
    return jobs


def opened(path: Path, folder: Path, **rules: Any) -> TensorRtEngine:
    return open_tensorrt(load_model(path), folder / "plans", rules=BuildRules(**rules))


def parts_of(jobs: list[BuildJob]) -> list[str]:
    return [job.key.part for job in jobs]


@pytest.mark.parametrize(
    "change",
    [
        {"model_sha256": "b" * 64},
        {"part": "golden"},
        {"tensorrt": "11.5.0.1"},
        {"gpu": "NVIDIA T4"},
        {"capability": "7.5"},
        {"precision": "float16"},
        {"profile": "1-1-1 x 3 x 256 x 256"},
        {"builder": 99},
    ],
)
def test_every_part_of_a_key_decides(change: dict[str, Any]) -> None:
    assert dataclasses.replace(KEY, **change).digest != KEY.digest
    assert dataclasses.replace(KEY).digest == KEY.digest


def test_a_profile_tells_batches_size_and_settings() -> None:
    plain = profile_text(BatchRange(), 256, 256, BuildSettings())
    others = [
        profile_text(BatchRange(4, 8), 256, 256, BuildSettings()),
        profile_text(BatchRange(), 256, 320, BuildSettings()),
        profile_text(BatchRange(), 256, 256, BuildSettings(workspace_mib=512)),
        profile_text(BatchRange(), 256, 256, BuildSettings(tf32=True)),
    ]
    assert len({plain, *others}) == 5


@pytest.mark.parametrize(
    ("count", "chunks"),
    [(1, [1]), (8, [8]), (9, [5, 4]), (16, [8, 8]), (17, [9, 8]), (32, [16, 16]), (33, [11, 11, 11])],
)
def test_images_go_in_even_chunks(count: int, chunks: list[int]) -> None:
    size = BatchRange(8, 16).chunk(count)
    assert [min(size, count - start) for start in range(0, count, size)] == chunks


def test_batches_out_of_order_are_a_bug() -> None:
    with pytest.raises(ValueError, match="not in order"):
        BatchRange(9, 8)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    store = PlanStore(tmp_path / "plans")
    assert store.load(KEY) is None
    path = store.save(KEY, b"plan", "why not")
    assert path == store.path(KEY)
    stored = store.load(KEY)
    assert stored is not None
    assert (stored.data, stored.note) == (b"plan", "why not")
    header = json.loads(path.with_suffix(".json").read_text())
    assert header["key"] == dataclasses.asdict(KEY)
    assert sorted(each.suffix for each in store.folder.iterdir()) == [".json", ".plan"]


def _damage(store: PlanStore) -> None:
    path = store.path(KEY)
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def _truncate(store: PlanStore) -> None:
    store.path(KEY).write_bytes(b"")


def _drop_header(store: PlanStore) -> None:
    store.path(KEY).with_suffix(".json").unlink()


def _spoil_header(store: PlanStore) -> None:
    store.path(KEY).with_suffix(".json").write_text("{")


def _bring_from_elsewhere(store: PlanStore) -> None:
    other = dataclasses.replace(KEY, gpu="NVIDIA T4")
    store.save(other, b"another card's")
    store.path(other).replace(store.path(KEY))
    store.path(other).with_suffix(".json").replace(store.path(KEY).with_suffix(".json"))


@pytest.mark.parametrize("spoil", [_damage, _truncate, _drop_header, _spoil_header, _bring_from_elsewhere])
def test_what_cannot_be_trusted_is_not_there(tmp_path: Path, spoil: Callable[[PlanStore], None]) -> None:
    store = PlanStore(tmp_path)
    store.save(KEY, b"plan")
    spoil(store)
    assert store.load(KEY) is None


def test_the_folder_does_not_grow_without_end(tmp_path: Path) -> None:
    store = PlanStore(tmp_path)
    for number in range(KEPT_PLANS + 5):
        store.save(dataclasses.replace(KEY, profile=str(number)), b"plan")
    assert len(list(tmp_path.glob("*.plan"))) == len(list(tmp_path.glob("*.json"))) == KEPT_PLANS
    assert store.load(dataclasses.replace(KEY, profile=str(KEPT_PLANS + 4))) is not None


def test_measured_kernels_belong_to_one_card_and_version(tmp_path: Path) -> None:
    store = PlanStore(tmp_path / "plans")
    assert store.timing(KEY) == b""
    store.save_timing(KEY, b"measured")
    assert store.timing(dataclasses.replace(KEY, part="golden")) == b"measured"
    assert store.timing(dataclasses.replace(KEY, tensorrt="10.12")) == b""
    next(store.folder.glob("*.cache")).write_bytes(b"spoiled")
    assert store.timing(KEY) == b""


def test_a_plan_is_built_once(gpu: Any, built: list[BuildJob], tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    opened(path, tmp_path).close()
    assert parts_of(built) == ["golden", "rest"]
    opened(path, tmp_path).close()
    assert len(built) == 2


def test_a_whole_graph_remembers_why(gpu: Any, built: list[BuildJob], tmp_path: Path) -> None:
    path = difference_model(tmp_path / "net.onnx", side=SIDE)
    first, second = opened(path, tmp_path), opened(path, tmp_path)
    first.close()
    second.close()
    assert parts_of(built) == ["whole"]
    assert first.info.golden_note == second.info.golden_note != ""


def test_the_timing_cache_is_passed_on(gpu: Any, built: list[BuildJob], tmp_path: Path) -> None:
    opened(siamese_model(tmp_path / "net.onnx"), tmp_path).close()
    assert next((tmp_path / "plans").glob("*.cache")).read_bytes() == b"measured;measured;"


@pytest.mark.parametrize("what", ["version", "card", "damaged", "refused"])
def test_what_does_not_fit_is_built_anew(
    gpu: Any, built: list[BuildJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    import tensorrt
    from cuda.bindings import runtime

    path = siamese_model(tmp_path / "net.onnx")
    opened(path, tmp_path).close()
    if what == "version":
        monkeypatch.setattr(tensorrt, "__version__", "11.5.0.1")
    elif what == "card":
        card = runtime.cudaDeviceProp()
        card.minor = 6
        monkeypatch.setattr(runtime, "cudaGetDeviceProperties", lambda device: (0, card))
    else:
        for plan in (tmp_path / "plans").glob("*.plan"):
            spoil(plan, built, hashed=what == "refused")
    engine = opened(path, tmp_path)
    tests, golden = pair(2)
    assert engine.compare(engine.encode_golden(golden), tests).shape == (2, SIDE, SIDE)
    engine.close()
    assert sorted(parts_of(built)) == ["golden", "golden", "rest", "rest"]


def spoil(plan: Path, built: list[BuildJob], hashed: bool) -> None:
    """``hashed``: with a hash that fits, as if TensorRT itself had come to dislike it."""
    if not hashed:
        plan.write_bytes(b"no plan" + plan.read_bytes())
        return
    job = next(job for job in built if job.key.digest == plan.stem)
    PlanStore(job.folder).save(job.key, b"no plan")


def test_another_engine_serves_until_the_plan_is_built(
    gpu: Any, built: list[BuildJob], tmp_path: Path
) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    with pytest.raises(KeeperError) as caught:
        opened(path, tmp_path, may_build=False)
    assert caught.value.code == "plan_missing"
    opened(path, tmp_path).close()
    opened(path, tmp_path, may_build=False).close()


def test_a_parse_failure_names_every_node(gpu: Any, built: list[BuildJob], tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    model = load_model(path)
    siamese_model(path, unknown=True)
    with pytest.raises(KeeperError) as caught:
        build_here(whole_job(path, tmp_path, model.manifest.sha256), print, lambda: False)
    assert caught.value.code == "plan_parse_failed"
    assert "Mystery first: No importer registered" in caught.value.message
    assert "Riddle second: No importer registered" in caught.value.message


def whole_job(path: Path, folder: Path, sha256: str) -> BuildJob:
    key = dataclasses.replace(KEY, part="whole", model_sha256=sha256)
    sizes = [(batch, 3, SIDE, SIDE) for batch in (1, 2, 3)]
    ranges = tuple(library_module.InputRange(name, *sizes) for name in ("input0", "input1"))
    return BuildJob(path, key, "", ranges, ("output_final",), folder / "plans", BuildSettings())


def test_a_damaged_graph_is_told(gpu: Any, tmp_path: Path) -> None:
    job = dataclasses.replace(whole_job(tmp_path, tmp_path, "b" * 64), graph=b"\xff\xffnothing")
    with pytest.raises(KeeperError, match="Failed to parse ONNX model"):
        build_here(job, print, lambda: False)


def test_an_output_that_is_not_there_is_told(gpu: Any, tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    job = dataclasses.replace(whole_job(path, tmp_path, "b" * 64), outputs=("mask",))
    with pytest.raises(KeeperError, match="no output mask"):
        build_here(job, print, lambda: False)


def test_sizes_that_do_not_fit_are_told(gpu: Any, tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    job = whole_job(path, tmp_path, "b" * 64)
    with pytest.raises(KeeperError, match="optimization profile"):
        build_here(dataclasses.replace(job, inputs=job.inputs[:1]), print, lambda: False)


def test_only_the_wanted_output_is_left_in_the_plan(gpu: Any, tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    plan = build_here(whole_job(path, tmp_path, "b" * 64), print, lambda: False).read_bytes()
    graph = onnx.load_from_string(plan.split(b"\n", 2)[2]).graph
    assert [entry.name for entry in graph.output] == ["output_final"]


@pytest.mark.parametrize("tf32", [False, True])
def test_float32_is_not_rounded_unless_asked(gpu: Any, tmp_path: Path, tf32: bool) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    job = dataclasses.replace(whole_job(path, tmp_path, "b" * 64), settings=BuildSettings(tf32=tf32))
    plan = build_here(job, print, lambda: False).read_bytes()
    assert json.loads(plan.split(b"\n", 2)[1])["flags"] == (["TF32"] if tf32 else [])


def test_the_builder_keeps_within_the_workspace(gpu: Any, tmp_path: Path) -> None:
    path = siamese_model(tmp_path / "net.onnx")
    settings = BuildSettings(workspace_mib=512)
    job = dataclasses.replace(whole_job(path, tmp_path, "b" * 64), settings=settings)
    plan = build_here(job, print, lambda: False).read_bytes()
    assert json.loads(plan.split(b"\n", 2)[1])["workspace"] == 512 * 2**20


def test_parts_that_tensorrt_does_not_take_are_run_whole(
    gpu: Any, built: list[BuildJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(job: BuildJob, *hooks: Any) -> Path:
        if job.key.part == "rest":
            raise KeeperError("plan_build_failed", "no tactic left")
        return build_here(job, *hooks)

    monkeypatch.setattr(library_module, "build_plan", build)
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    tests, golden = pair(5)
    assert np.isfinite(engine.compare(engine.encode_golden(golden), tests)).all()
    engine.close()
    assert "no tactic left" in engine.info.golden_note


def test_parts_that_the_processor_cannot_run_are_run_whole(
    gpu: Any, built: list[BuildJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise KeeperError("model_damaged", "no kernel for bfloat16")

    monkeypatch.setattr(library_module, "device_parts", refuse)
    engine = opened(siamese_model(tmp_path / "net.onnx"), tmp_path)
    engine.close()
    assert parts_of(built) == ["whole"]
    assert "no kernel for bfloat16" in engine.info.golden_note


def test_progress_rises_and_names_the_part(gpu: Any, built: list[BuildJob], tmp_path: Path) -> None:
    told: list[BuildProgress] = []
    opened(siamese_model(tmp_path / "net.onnx"), tmp_path, on_progress=told.append).close()
    assert [entry.part for entry in told] == sorted(entry.part for entry in told)
    for part in ("golden", "rest"):
        fractions = [entry.fraction for entry in told if entry.part == part]
        assert fractions == sorted(fractions)
        assert fractions[0] == 0.0
        assert fractions[-1] == 0.5
    assert {entry.phase for entry in told} == {"Building engine", "Tactic selection"}
