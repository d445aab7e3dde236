"""Engines that fail in the middle of a batch, from the files to the committed records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector_app import bootstrap
from inspector_app.bootstrap import open_inspector
from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import Settings
from inspector_app.core.protocols import ChangeEngine, Features, HistoryFilter, Refusal, RunState, Tensor
from inspector_app.core.recipe import View
from inspector_app.core.verdict import Verdict
from inspector_app.engines.failover import EngineSwitch, FailoverEngine
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.plan import plan_folder
from tests.fakes import DifferenceEngine
from tests.pictures import plain, spoiled, write

COUNT = 24


class EveryNth(DifferenceEngine):
    """Fails on every n-th call."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        if (self.calls + 1) % self.period == 0:
            self.calls += 1
            raise KeeperError("engine_failed", "The device was lost.")
        return super().compare(features, tests)


@pytest.mark.parametrize("period", [1, 2, 3])
@pytest.mark.parametrize("engines", [1, 4])
@pytest.mark.parametrize("view", ["whole", "tiles"])
def test_no_image_is_lost_and_none_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, period: int, engines: int, view: str
) -> None:
    settings = Settings(view=View.model_validate({"mode": view}))
    for i in range(COUNT):
        write(tmp_path / "test" / f"{i:03d}.png", spoiled([(4, 4, 8, 8)]) if i % 2 else plain())
    write(tmp_path / "golden.png", plain())
    sick = [EveryNth(period) for _ in range(engines)]
    waiting: list[ChangeEngine] = [*sick, DifferenceEngine()]

    def open_next(refusals: tuple[Refusal, ...]) -> ChangeEngine:
        if not waiting:
            raise KeeperError("engine_unavailable", "None is left.")
        return waiting.pop(0)

    def opened(
        model: object,
        choice: object,
        threads: int,
        on_switch: Callable[[EngineSwitch], None],
        parallel: int,
        building: object,
    ) -> ChangeEngine:
        return FailoverEngine(open_next, on_switch)

    monkeypatch.setattr(bootstrap, "open_engine", opened)
    told: list[tuple[str, str]] = []
    inspector = open_inspector(tmp_path / "data")

    def add_event(kind: str, text: str) -> None:
        told.append((kind, text))
        raise KeeperError("disk_full", "No space is left.")  # The image goes on without the note.

    monkeypatch.setattr(inspector.store, "add_event", add_event)
    service = inspector.open_service("generic")
    items = plan_folder(tmp_path / "test", tmp_path / "golden.png", recursive=True)
    job = BatchJob("faults", tmp_path / "test", items, settings, batch_size=2)
    outcome = inspector.batch(service).run(job, lambda progress: None)
    assert (outcome.state, outcome.scored) == (RunState.DONE, COUNT)
    records = list(inspector.store.iterate(HistoryFilter(run_id=outcome.run_id)))
    assert [record.image.name for record in records] == [item.name for item in items]
    verdicts = [Verdict.FAIL if i % 2 else Verdict.PASS for i in range(COUNT)]
    assert [record.verdict for record in records] == verdicts
    assert outcome.summary.engines == {"fake CPU, float32": COUNT}
    assert len(told) == sum(engine.closed for engine in sick) >= 1
    assert all(kind == "engine" and "gave up" in text and "device was lost" in text for kind, text in told)
    inspector.close()
