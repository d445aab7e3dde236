"""TensorRT's plan is built while another engine serves, and the station moves to it between two images."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.protocols import HistoryFilter, Refusal
from inspector_app.engines.registry import EngineChoice
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.progress import BuildProgress
from inspector_app.services.inspect import InspectionService
from inspector_app.ui.plan_build import duration
from inspector_app.ui.shell import Shell
from tests.ui.window_bench import GreyEngine, Settle

Files = tuple[Path, Path, Path]
Until = Callable[[Callable[[], bool]], None]
MISSING = Refusal("TensorRT", "its plan is not built yet", "Build it.", "plan_missing")


class GatedEngine(GreyEngine):
    """Compares when its gate is open; tells when a call has come in."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()

    def compare(self, features: object, tests: object) -> object:
        self.entered.set()
        assert self.gate.wait(20)
        return super().compare(features, tests)  # type: ignore[arg-type]


class Station:
    """Has no plan until ``build_plans`` has gone through its ``gate``."""

    def __init__(self, shell: Shell) -> None:
        self.gate = threading.Event()
        self.built: set[str] = set()
        self.asked: list[str] = []
        self.engines: list[GatedEngine] = []
        self.events: list[str] = []
        self.error: KeeperError | None = None
        self._inspector = shell.inspector

    def build_plans(self, model: str, rules: BuildRules) -> None:
        self.asked.append(model)
        for number in range(2):
            rules.on_progress(BuildProgress("golden", "Building engine", 0.5, number, 2))
        while not self.gate.wait(0.002):
            if rules.cancelled():
                raise KeeperError("plan_cancelled", "Building the TensorRT plan was cancelled.")
        if self.error is not None:
            raise self.error
        self.built.add(model)

    def open_service(
        self, model: str, choice: EngineChoice = EngineChoice.AUTO, threads: int = 0
    ) -> InspectionService:
        if choice is EngineChoice.TENSORRT and model not in self.built:
            raise KeeperError("plan_missing", "TensorRT cannot run: its plan is not built yet.")
        engine = GatedEngine()
        engine.manifest = engine.manifest.model_copy(update={"name": model})
        served = dataclasses.replace(engine.info, refusals=(MISSING,))
        if model in self.built:
            served = dataclasses.replace(engine.info, name="TensorRT", provider="CUDA", refusals=())
        engine.info = served
        self.engines.append(engine)
        inspector = self._inspector
        return InspectionService(engine, inspector.store, inspector.archive, inspector.clock)


@pytest.fixture
def station(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Station:
    made = Station(shell)
    monkeypatch.setattr(shell.inspector, "open_service", made.open_service)
    monkeypatch.setattr(shell.inspector, "build_plans", made.build_plans)
    add = shell.inspector.store.add_event
    monkeypatch.setattr(
        shell.inspector.store, "add_event", lambda kind, text: (made.events.append(text), add(kind, text))
    )
    return made


def found(shell: Shell) -> list[InspectionRecord]:
    return shell.inspector.store.search(HistoryFilter())


def building(shell: Shell, until: Until) -> None:
    until(lambda: shell.engine.plans.building is not None and shell.window.build_strip.bar.maximum() > 0)


def test_another_engine_serves_while_the_plan_is_built(
    shell: Shell, station: Station, pair: Files, settle: Settle, until: Until
) -> None:
    shell.engine.load("generic")
    building(shell, until)
    until(lambda: shell.window.build_strip.bar.value() == 750)
    strip = shell.window.build_strip
    assert strip.isVisible()
    assert "generic" in strip.text.text()
    assert "fake CPU serves meanwhile" in strip.text.text()
    assert strip.figures.text().startswith("75%   0:0")
    shell.pair.open_golden(pair[0])
    shell.pair.open_test(pair[1])
    until(lambda: len(found(shell)) == 1)
    assert found(shell)[0].engine.engine == "fake CPU"
    station.gate.set()
    settle(shell.runner)
    assert not strip.isVisible()
    assert shell.engine.info is not None
    assert shell.engine.info.label == "TensorRT CUDA"
    assert shell.window.fact("engine").text() == "Engine: TensorRT CUDA"
    assert [engine.closed for engine in station.engines] == [True, False]
    assert station.events == [
        "TensorRT CUDA serves from now on instead of fake CPU: its plan for generic is ready."
    ]
    assert shell.window.banner.notice is not None
    assert shell.window.banner.notice.text == station.events[0]
    shell.pair.inspect()
    settle(shell.runner)
    assert [one.engine.engine for one in found(shell)] == ["TensorRT CUDA", "fake CPU"]


def test_the_station_moves_between_two_images(
    shell: Shell, station: Station, pair: Files, settle: Settle, until: Until
) -> None:
    """The image under way ends on the engine that it began on, and that one is closed afterwards."""
    shell.engine.load("generic")
    building(shell, until)
    old = station.engines[0]
    old.gate.clear()
    shell.pair.open_golden(pair[0])
    shell.pair.open_test(pair[1])
    until(old.entered.is_set)
    station.gate.set()
    until(lambda: len(station.engines) == 2 and shell.engine.plans.building is None)
    assert shell.pair.busy
    assert not old.closed
    old.gate.set()
    settle(shell.runner)
    assert [one.engine.engine for one in found(shell)] == ["fake CPU"]
    assert old.closed
    assert old.compared == 1
    assert station.engines[1].compared == 0


def test_a_cancelled_build_is_left_alone_until_the_engine_is_chosen_again(
    shell: Shell, station: Station, settle: Settle, until: Until
) -> None:
    shell.engine.load("generic")
    building(shell, until)
    shell.window.build_strip.cancel.click()
    settle(shell.runner)
    assert not shell.window.build_strip.isVisible()
    assert shell.window.banner.notice is not None
    assert shell.window.banner.notice.text == "fake CPU goes on serving."
    assert shell.engine.service is not None
    shell.engine.load("grey")
    building(shell, until)
    shell.engine.load("generic")
    settle(shell.runner)
    assert station.asked == ["generic", "grey"]
    shell.actions.choose_engine("auto")
    building(shell, until)
    assert station.asked == ["generic", "grey", "generic"]


def test_a_build_that_fails_is_told_and_the_other_engine_stays(
    shell: Shell, station: Station, settle: Settle, until: Until
) -> None:
    station.error = KeeperError("plan_build_failed", "TensorRT could not build a plan (no tactic left).")
    station.gate.set()
    shell.engine.load("generic")
    settle(shell.runner)
    assert shell.engine.info is not None
    assert shell.engine.info.label == "fake CPU"
    assert shell.window.banner.notice is not None
    assert "no tactic left" in shell.window.banner.notice.text
    assert station.asked == ["generic"]
    assert [engine.closed for engine in station.engines] == [False]


def test_another_model_ends_the_build_without_a_word(
    shell: Shell, station: Station, settle: Settle, until: Until
) -> None:
    shell.engine.load("generic")
    building(shell, until)
    station.built.add("grey")
    shell.engine.load("grey")
    settle(shell.runner)
    assert shell.engine.info is not None
    assert shell.engine.info.label == "TensorRT CUDA"
    assert shell.window.banner.notice is None
    assert not shell.window.build_strip.isVisible()
    assert [engine.closed for engine in station.engines] == [True, False]
    shell.engine.load("generic")
    building(shell, until)
    assert station.asked == ["generic", "generic"]


def test_asked_for_by_name_nothing_serves_until_it_is_built(
    shell: Shell, station: Station, settle: Settle, until: Until
) -> None:
    shell.actions.choose_engine("tensorrt")
    building(shell, until)
    assert shell.engine.service is None
    assert shell.engine.loading
    assert "Nothing can be inspected" in shell.window.build_strip.text.text()
    station.gate.set()
    settle(shell.runner)
    assert shell.engine.info is not None
    assert shell.engine.info.label == "TensorRT CUDA"
    assert not shell.engine.loading


def test_asked_for_by_name_and_cancelled_nothing_serves(
    shell: Shell, station: Station, settle: Settle, until: Until
) -> None:
    shell.actions.choose_engine("tensorrt")
    building(shell, until)
    shell.window.build_strip.cancel.click()
    assert "Stopping" in shell.window.build_strip.text.text()
    settle(shell.runner)
    assert shell.engine.service is None
    assert not shell.engine.loading
    assert shell.window.banner.notice is not None
    assert "nothing serves" in shell.window.banner.notice.text


def test_seconds_are_read_as_a_clock() -> None:
    assert [duration(s) for s in (0, 65.9, 3599, 3725)] == ["0:00", "1:05", "59:59", "1:02:05"]
