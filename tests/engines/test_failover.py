from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.protocols import ChangeEngine, Features, Refusal, Tensor
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


def test_pairs_of_several_goldens_are_repeated_on_the_next_engine() -> None:
    line = Line(DifferenceEngine(fail_on=frozenset({2})), DifferenceEngine(pairs_per_call=4))
    engine = line.engine()
    assert engine.pairs_per_call == 1
    goldens = [engine.encode_golden(GOLDEN + shift) for shift in (0.0, 0.25)]
    got = engine.compare_each([goldens[0], goldens[1]], TESTS)
    for index, shift in enumerate((0.0, 0.25)):
        np.testing.assert_allclose(
            got[index], np.abs(TESTS[index] - GOLDEN[0] - shift).max(axis=0), atol=1e-6
        )
    assert len(line.switches) == 1
    assert engine.pairs_per_call == 4
    with pytest.raises(ValueError, match="another engine"):
        engine.compare_each([goldens[0], object()], TESTS)


class Counting(DifferenceEngine):
    """Counts under a lock, tells how many calls were in it at once, and fails as ``fails(call)`` says."""

    def __init__(self, parallel: int, fails: Callable[[int], bool] = lambda call: False) -> None:
        super().__init__(parallel=parallel)
        self._fails = fails
        self._lock = threading.Lock()
        self._inside = 0
        self.most = 0
        self.called_after_close = False

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        with self._lock:
            self.calls += 1
            call = self.calls
            self._inside += 1
            self.most = max(self.most, self._inside)
            self.called_after_close |= self.closed
        try:
            time.sleep(0.001)
            if self._fails(call):
                raise KeeperError("engine_failed", "The engine failed, as it was told to.")
            assert isinstance(features, np.ndarray)
            return np.abs(tests - features).max(axis=1).astype(np.float32)
        finally:
            with self._lock:
                self._inside -= 1
                self.called_after_close |= self.closed


def compare_all(engine: ChangeEngine, count: int, workers: int) -> list[NDArray[np.float32]]:
    features = engine.encode_golden(GOLDEN)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda i: engine.compare(features, TESTS * np.float32(i)), range(count)))


def assert_each_once(results: list[NDArray[np.float32]]) -> None:
    for index, result in enumerate(results):
        np.testing.assert_array_equal(result, np.abs(TESTS * np.float32(index)).max(axis=1))


@pytest.mark.parametrize("period", [1, 3, 10])
def test_engines_that_fail_on_every_nth_call_lose_and_double_nothing_under_many_threads(period: int) -> None:
    engines = [Counting(4, lambda call: call % period == 0) for _ in range(5)]
    last = Counting(4)
    line = Line(*engines, last)
    results = compare_all(line.engine(), 60, workers=4)
    assert len(results) == 60
    assert_each_once(results)
    assert len(line.switches) == len(line.asked) - 1
    assert all(engine.closed for engine in engines if engine.calls >= period)
    assert not any(engine.called_after_close for engine in [*engines, last])


def test_calls_that_fail_together_switch_once_and_are_all_repeated() -> None:
    together = threading.Barrier(4, timeout=10)

    def fails(call: int) -> bool:
        together.wait()
        return True

    sick, well, never = Counting(4, fails), Counting(4), Counting(4)
    line = Line(sick, well, never)
    assert_each_once(compare_all(line.engine(), 4, workers=4))
    assert [switch.before for switch in line.switches] == ["fake CPU"]
    assert (sick.calls, well.calls, never.calls) == (4, 4, 0)
    assert sick.closed
    assert not well.closed
    assert (sick.goldens, well.goldens) == (1, 1)


def test_a_call_that_ends_well_in_an_engine_given_up_keeps_its_result() -> None:
    inside, may_end = threading.Event(), threading.Event()

    def slow_first(call: int) -> bool:
        if call == 1:
            inside.set()
            assert may_end.wait(10)
        return call == 2

    sick, well = Counting(2, slow_first), Counting(2)
    engine = Line(sick, well).engine()
    features = engine.encode_golden(GOLDEN)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(engine.compare, features, TESTS)
        assert inside.wait(10)
        engine.compare(features, TESTS)
        assert (well.calls, sick.closed) == (1, False)
        may_end.set()
        np.testing.assert_array_equal(slow.result(), np.abs(TESTS).max(axis=1))
    assert (sick.closed, well.calls) == (True, 1)


def test_an_engine_that_serves_fewer_at_once_is_never_asked_for_more() -> None:
    sick, narrow = Counting(4, lambda call: call > 5), Counting(1)
    engine = Line(sick, narrow).engine()
    assert engine.parallel == 4
    assert_each_once(compare_all(engine, 40, workers=4))
    assert (engine.parallel, narrow.most) == (1, 1)


def test_with_none_left_every_call_that_failed_says_so_and_the_others_stand() -> None:
    last = Counting(4, lambda call: call % 2 == 0)
    engine = Line(last).engine()
    features = engine.encode_golden(GOLDEN)

    def outcome(_: int) -> str:
        try:
            engine.compare(features, TESTS)
        except KeeperError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(outcome, range(20)))
    assert sorted(outcomes) == ["done"] * 10 + ["engine_failed"] * 10
    assert not last.closed


def test_a_closed_engine_says_so() -> None:
    only = Counting(1)
    engine = Line(only, Counting(1)).engine()
    features = engine.encode_golden(GOLDEN)
    engine.close()
    engine.close()
    with pytest.raises(KeeperError, match="closed"):
        engine.compare(features, TESTS)
    assert only.closed


class Remembering(DifferenceEngine):
    """Its features hold the golden's tensor, as those of the real engines do."""

    class Features:
        def __init__(self, tensor: Tensor) -> None:
            self.tensor = tensor

    def encode_golden(self, golden: Tensor) -> Features:
        self.made = Remembering.Features(golden)
        return self.made

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        assert isinstance(features, Remembering.Features)
        return super().compare(features.tensor, tests)

    def kept_bytes(self, features: Features) -> int:
        assert isinstance(features, Remembering.Features)
        return features.tensor.nbytes + 100


def test_features_of_a_lost_engine_are_let_go_of_at_once() -> None:
    sick = Remembering(fail_on=frozenset({2}))
    engine = Line(sick, DifferenceEngine()).engine()
    unused, used = engine.encode_golden(GOLDEN), engine.encode_golden(GOLDEN)
    engine.compare(unused, TESTS)
    made = weakref.ref(sick.made)
    engine.compare(used, TESTS)
    del sick.made
    assert made() is None
    engine.compare(unused, TESTS)


def test_a_goldens_tensor_is_counted_once() -> None:
    engine = Line(Remembering()).engine()
    features = engine.encode_golden(GOLDEN)
    assert engine.kept_bytes(features) == GOLDEN.nbytes
    engine.compare(features, TESTS)
    assert engine.kept_bytes(features) == GOLDEN.nbytes + 100
