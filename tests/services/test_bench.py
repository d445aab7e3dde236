from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector_app.core.clock import SystemClock
from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import ChangeEngine, EngineInfo, Features, Tensor
from inspector_app.engines.models import load_model
from inspector_app.engines.reference import ReferenceLoop
from inspector_app.services import memory
from inspector_app.services.bench import BenchPlan, Candidate, GoldenUse, run_bench
from tests.fakes import DifferenceEngine
from tests.onnx_models import difference_model

PLAN = BenchPlan((1, 2), rounds=5, calls=3)


@dataclass
class SetClock:
    """Stands still until something takes its time."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class TimedEngine(DifferenceEngine):
    """Takes a second an image, and half a second for a golden."""

    clock: SetClock = field(default_factory=SetClock)
    note: str = ""

    @property
    def info(self) -> EngineInfo:
        return replace(super().info, golden_note=self.note)

    def encode_golden(self, golden: Tensor) -> Features:
        self.clock.seconds += 0.5
        return super().encode_golden(golden)

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        self.clock.seconds += len(tests)
        return super().compare(features, tests)


@dataclass
class TimedReference:
    """Takes three seconds a pair."""

    clock: SetClock
    label: str = "loop"
    batch: int = 1
    runs: int = 0

    @property
    def manifest(self) -> ModelManifest:
        return DifferenceEngine().manifest

    def run(self, tests: Tensor, goldens: Tensor) -> NDArray[np.int64]:
        assert len(tests) == len(goldens) == self.batch
        self.runs += 1
        self.clock.seconds += 3 * self.batch
        return np.zeros((len(tests), *tests.shape[2:]), np.int64)


def opening(engine: ChangeEngine) -> Callable[[], ChangeEngine]:
    return lambda: engine


def refuse() -> ChangeEngine:
    raise KeeperError("engine_missing", "It is not installed.", "Install it.")


def test_rows_tell_latency_rate_and_ratio_of_each_configuration() -> None:
    clock = SetClock()
    engine = TimedEngine(clock=clock)
    rounds: list[int] = []
    report = run_bench(
        [Candidate("m", "fake", opening(engine))], TimedReference(clock), clock, PLAN, rounds.append
    )
    got = [(row.batch, row.golden, row.p50_ms, row.per_second, row.ratio) for row in report.rows]
    assert got == [
        (1, GoldenUse.KEPT, 1000.0, 1.0, 3.0),
        (1, GoldenUse.ANEW, 1500.0, pytest.approx(1 / 1.5), pytest.approx(2.0)),
        (2, GoldenUse.KEPT, 2000.0, 1.0, 3.0),
        (2, GoldenUse.ANEW, 2500.0, pytest.approx(2 / 2.5), pytest.approx(2.4)),
    ]
    assert report.reference.p50_ms == 3000.0
    assert {row.calls for row in report.rows} == {PLAN.rounds * PLAN.calls}
    assert rounds == [1, 2, 3, 4, 5]
    assert engine.closed


def test_all_take_turns_in_every_round() -> None:
    clock = SetClock()
    engines = [TimedEngine(clock=clock), TimedEngine(clock=clock)]
    reference = TimedReference(clock)
    calls: list[tuple[int, int, int]] = []
    run_bench(
        [Candidate(str(i), "fake", opening(engine)) for i, engine in enumerate(engines)],
        reference,
        clock,
        BenchPlan((1,), (GoldenUse.KEPT,), rounds=5, calls=1),
        lambda done: calls.append((reference.runs, engines[0].calls, engines[1].calls)),
    )
    # One call on opening, then in each round one untimed and one timed.
    assert calls == [(2 * n, 1 + 2 * n, 1 + 2 * n) for n in range(1, 6)]


def test_who_refuses_or_fails_at_first_is_told_and_holds_nobody_up() -> None:
    clock = SetClock()
    # Its second call is the first one of the larger batch.
    broken, good = TimedEngine(clock=clock, fail_on=frozenset({2})), TimedEngine(clock=clock)
    candidates = [
        Candidate("m", "absent", refuse),
        Candidate("m", "broken", opening(broken)),
        Candidate("m", "good", opening(good)),
    ]
    report = run_bench(candidates, TimedReference(clock), clock, BenchPlan((1, 2), (GoldenUse.ANEW,)))
    assert [(refusal.engine, refusal.hint) for refusal in report.refusals] == [
        ("absent, m", "Install it."),
        ("broken, m", ""),
    ]
    assert [row.batch for row in report.rows] == [1, 1, 2]
    assert broken.closed
    assert good.closed


def test_a_fault_in_the_middle_closes_every_engine() -> None:
    clock = SetClock()
    engines = [TimedEngine(clock=clock), TimedEngine(clock=clock, fail_on=frozenset({9}))]
    candidates = [Candidate(str(i), "fake", opening(engine)) for i, engine in enumerate(engines)]
    with pytest.raises(KeeperError, match="as it was told"):
        run_bench(candidates, TimedReference(clock), clock, PLAN)
    assert all(engine.closed for engine in engines)


def test_calls_side_by_side_share_the_time() -> None:
    engine = DifferenceEngine(parallel=2)
    plan = BenchPlan((1, 2), (GoldenUse.KEPT,), rounds=5, calls=2)
    clock = SystemClock()
    candidates = [
        Candidate("m", "two", opening(engine), parallel=2),
        Candidate("m", "one", opening(DifferenceEngine()), parallel=2),
    ]
    report = run_bench(candidates, TimedReference(SetClock()), clock, plan)
    assert [(row.parallel, row.batch, row.calls) for row in report.rows] == [(2, 1, 20), (2, 2, 20)]
    # Two threads, each two timed calls and at least an untimed one a round, and one on opening.
    assert engine.batches.count(1) >= 31
    assert engine.batches.count(2) >= 31
    assert [(refusal.engine, refusal.reason) for refusal in report.refusals] == [
        ("one, m, 2 at once", "It serves 1 at once here.")
    ]


def test_a_golden_that_cannot_be_kept_is_timed_one_way_only() -> None:
    clock = SetClock()
    engine = TimedEngine(clock=clock, note="it encodes both images in one batched pass")
    report = run_bench([Candidate("m", "fake", opening(engine))], TimedReference(clock), clock, PLAN)
    assert [(row.batch, row.golden) for row in report.rows] == [(1, GoldenUse.ANEW), (2, GoldenUse.ANEW)]
    assert all(row.golden_note == engine.note for row in report.rows)


@pytest.mark.parametrize("wrong", [{"rounds": 4}, {"calls": 0}, {"batches": ()}, {"batches": (0,)}])
def test_a_plan_that_says_little_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="wrong"):
        BenchPlan(**wrong)  # type: ignore[arg-type]


def test_the_reference_gives_the_class_of_each_pixel(tmp_path: Path) -> None:
    loop = ReferenceLoop(load_model(difference_model(tmp_path / "m.onnx", side=64)))
    golden = np.zeros((1, 3, 64, 64), np.float32)
    test = golden.copy()
    test[0, :, 10:20, 30:40] = 1.0
    classes = loop.run(test, golden)
    expected = np.zeros((1, 64, 64), np.int64)
    expected[0, 10:20, 30:40] = 1
    np.testing.assert_array_equal(classes, expected)
    assert loop.batch == 1
    with pytest.raises(KeeperError, match="could not be run"):
        loop.run(test[:, :2], golden)


def test_resident_memory_is_read_where_the_system_tells_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    statm = tmp_path / "statm"
    monkeypatch.setattr(memory, "_STATM", statm)
    assert memory.resident_bytes() is None
    statm.write_text("100 25 3 4 5 6 7")
    size = memory.resident_bytes()
    assert size is not None
    assert size % 25 == 0
    assert size >= 25 * 4096
