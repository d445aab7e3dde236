"""Building in a process of its own: progress, cancel, and a process that dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.engines.tensorrt import build as build_module
from inspector_app.engines.tensorrt.build import build_plan
from inspector_app.engines.tensorrt.builder import BuildJob, InputRange
from inspector_app.engines.tensorrt.plans import BuildSettings, PlanKey, PlanStore
from inspector_app.engines.tensorrt.progress import BuildProgress, Phases
from tests.engines.tensorrt_stand_in import SIDE, siamese_model, stand_ins


@pytest.fixture(autouse=True)
def gpu() -> Iterator[Any]:
    with stand_ins() as state:
        yield state


@pytest.fixture
def job(tmp_path: Path) -> BuildJob:
    key = PlanKey("a" * 64, "whole", "11.4.0.106", "Stand-in GPU", "8.9", "float32", "1-2-3")
    sizes = [(batch, 3, SIDE, SIDE) for batch in (1, 2, 3)]
    ranges = tuple(InputRange(name, *sizes) for name in ("input0", "input1"))
    path = siamese_model(tmp_path / "net.onnx")
    return BuildJob(path, key, "because", ranges, ("output_final",), tmp_path / "plans", BuildSettings())


def test_a_process_builds_and_tells_how_far_it_is(job: BuildJob) -> None:
    told: list[BuildProgress] = []
    path = build_plan(job, told.append)
    stored = PlanStore(job.folder).load(job.key)
    assert stored is not None
    assert stored.note == "because"
    assert path == PlanStore(job.folder).path(job.key)
    assert [entry.fraction for entry in told] == [0.0, 0.0, 0.125, 0.25, 0.375, 0.5, 0.5]
    assert told[2] == BuildProgress("whole", "Tactic selection", 0.125)


def test_a_build_is_cancelled_between_steps(job: BuildJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_BUILD", "slow")
    told: list[BuildProgress] = []
    with pytest.raises(KeeperError) as caught:
        build_plan(job, told.append, lambda: len(told) > 3)
    assert caught.value.code == "plan_cancelled"
    assert told[-1].fraction < 0.5
    assert not job.folder.exists()


def test_a_build_that_does_not_listen_is_ended(job: BuildJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_BUILD", "slow")
    monkeypatch.setattr(build_module, "GRACE_S", 0.0)
    began = time.monotonic()
    with pytest.raises(KeeperError) as caught:
        build_plan(job, cancelled=lambda: True)
    assert caught.value.code == "plan_cancelled"
    assert time.monotonic() - began < 60
    assert not job.folder.exists()


def test_a_failure_carries_tensorrts_own_words(job: BuildJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_BUILD", "fail")
    with pytest.raises(KeeperError, match="no tactic left") as caught:
        build_plan(job)
    assert caught.value.code == "plan_build_failed"


def test_a_crash_of_the_builder_is_only_a_fault(job: BuildJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_BUILD", "crash")
    with pytest.raises(KeeperError, match="ended with code 9") as caught:
        build_plan(job)
    assert caught.value.code == "plan_build_failed"


def test_nested_phases_make_one_fraction() -> None:
    told: list[float] = []
    phases = Phases("rest", lambda progress: told.append(progress.fraction))
    phases.start("outer", None, 4)
    phases.start("inner", "outer", 2)
    phases.step("inner", 0)
    phases.step("inner", 1)
    phases.finish("inner")
    phases.step("outer", 0)
    phases.step("unheard of", 0)
    phases.start("inner", "outer", 1)
    phases.finish("outer")
    phases.step("inner", 0)
    assert told == [0.0, 0.0, 0.125, 0.25, 0.25, 0.25, 1.0]
