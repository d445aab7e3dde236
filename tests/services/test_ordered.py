from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector_app.services.ordered import AHEAD, OrderedWork


def drain(ordered: OrderedWork[int, int]) -> Iterator[int]:
    while (result := ordered.next()) is not None:
        yield result


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 80), st.integers(1, 5), st.integers(1, 12), st.randoms(use_true_random=False))
def test_results_come_in_the_order_of_the_tasks(
    count: int, workers: int, window: int, rng: random.Random
) -> None:
    tasks = iter(range(count))
    delays = [rng.choice((0.0, 0.0, 0.001)) for _ in range(count)]

    def work(task: int) -> int:
        time.sleep(delays[task])
        return task

    with OrderedWork(lambda: next(tasks, None), work, workers, window) as ordered:
        assert list(drain(ordered)) == list(range(count))


def test_no_more_than_the_window_is_taken_while_the_first_is_not_done() -> None:
    gate, taken = threading.Event(), []
    tasks = iter(range(100))

    def take() -> int | None:
        task = next(tasks, None)
        if task is not None:
            taken.append(task)
        return task

    def work(task: int) -> int:
        if task == 0:
            assert gate.wait(60)
        return task

    with OrderedWork(take, work, 2, 9) as ordered:
        assert ordered.next(0.5) is None
        assert len(taken) == 9
        gate.set()
        assert list(drain(ordered)) == list(range(100))


def test_threads_are_fed_while_the_caller_is_busy() -> None:
    done = threading.Semaphore(0)
    tasks = iter(range(30))

    def work(task: int) -> int:
        done.release()
        return task

    with OrderedWork(lambda: next(tasks, None), work, 2, 30) as ordered:
        assert ordered.next() == 0
        for _ in range(30):
            assert done.acquire(timeout=60)
        assert list(drain(ordered)) == list(range(1, 30))


def test_a_fault_comes_in_its_place_and_stays() -> None:
    tasks = iter(range(10))

    def work(task: int) -> int:
        if task == 3:
            raise ValueError("three")
        return task

    with OrderedWork(lambda: next(tasks, None), work, 3, 10) as ordered:
        assert [ordered.next() for _ in range(3)] == [0, 1, 2]
        for _ in range(2):
            with pytest.raises(ValueError, match="three"):
                ordered.next()


def test_leaving_early_drops_what_waits() -> None:
    begun = []
    with OrderedWork(lambda: 1, lambda task: begun.append(task) or 1, 1, 1000) as ordered:
        assert ordered.next() == 1
    before = len(begun)
    time.sleep(0.05)
    assert len(begun) == before <= 1000 + AHEAD
