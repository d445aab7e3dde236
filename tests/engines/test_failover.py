from __future__ import annotations

import numpy as np
import pytest

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.protocols import ChangeEngine, Refusal
from inspector_app.engines.failover import EngineSwitch, FailoverEngine
from tests.fakes import DifferenceEngine

GOLDEN = np.zeros((1, 3, 8, 8), dtype=np.float32)
TESTS = np.full((2, 3, 8, 8), 0.25, dtype=np.float32)


class Line:
    """Engines to be opened one after the other."""

    def __init__(self, *engines: ChangeEngine) -> None:
        self.waiting = list(engines)
        self.asked: list[tuple[Refusal, ...]] = []
        self.switches: list[EngineSwitch] = []

    def open_next(self, refusals: tuple[Refusal, ...]) -> ChangeEngine:
        self.asked.append(refusals)
        if not self.waiting:
            raise KeeperError("engine_unavailable", "None is left.")
        return self.waiting.pop(0)

    def engine(self) -> FailoverEngine:
        return FailoverEngine(self.open_next, self.switches.append)


def test_the_batch_in_flight_is_repeated_on_the_next_engine() -> None:
    sick, well = DifferenceEngine(fail_on=frozenset({2})), DifferenceEngine()
    line = Line(sick, well)
    engine = line.engine()
    features = engine.encode_golden(GOLDEN)
    first = engine.compare(features, TESTS)
    second = engine.compare(features, TESTS)
    np.testing.assert_array_equal(first, second)
    assert (sick.closed, well.calls, well.goldens) == (True, 1, 1)
    assert len(line.switches) == 1
    assert "failed" in line.asked[1][0].reason
    engine.compare(features, TESTS)
    assert (sick.calls, well.calls) == (2, 2)


def test_the_last_engine_stays_and_its_fault_is_the_callers() -> None:
    last = DifferenceEngine(fail_on=frozenset({1}))
    engine = Line(last).engine()
    features = engine.encode_golden(GOLDEN)
    with pytest.raises(KeeperError, match="as it was told"):
        engine.compare(features, TESTS)
    assert not last.closed
    assert engine.compare(features, TESTS).shape == (2, 8, 8)


def test_an_output_that_makes_no_sense_is_no_reason_to_change_the_engine() -> None:
    class Odd(DifferenceEngine):
        def compare(self, features: object, tests: np.ndarray) -> np.ndarray:
            raise KeeperError("engine_output", "Not finite.")

    line = Line(Odd(), DifferenceEngine())
    engine = line.engine()
    with pytest.raises(KeeperError, match="Not finite"):
        engine.compare(engine.encode_golden(GOLDEN), TESTS)
    assert not line.switches


def test_no_engine_at_all_is_told_at_once() -> None:
    with pytest.raises(InspectorError, match="None is left"):
        Line().engine()


@pytest.mark.parametrize("period", [1, 2, 3])
def test_an_engine_that_fails_on_every_nth_call_loses_no_image(period: int) -> None:
    engines = [DifferenceEngine(fail_on=frozenset({period})) for _ in range(4)]
    engine = Line(*engines, DifferenceEngine()).engine()
    features = engine.encode_golden(GOLDEN)
    results = [engine.compare(features, TESTS * scale) for scale in np.linspace(0, 1, 12)]
    for scale, result in zip(np.linspace(0, 1, 12), results, strict=True):
        np.testing.assert_allclose(result, np.abs(TESTS * scale).max(axis=1), atol=1e-6)
