"""The door for background work."""

from __future__ import annotations

import threading
import time

import pytest

from inspector_app.core.errors import OperatorError
from inspector_app.ui.jobs import Failure, JobContext, JobRunner
from tests.ui.window_bench import Settle


def test_results_come_in_order_on_the_gui_thread(runner: JobRunner, settle: Settle) -> None:
    seen: list[tuple[int, bool]] = []
    here = threading.get_ident()
    for number in range(20):
        runner.submit(
            "a",
            lambda context, n=number: n,
            lambda result: seen.append((result, threading.get_ident() == here)),
            lambda failure: pytest.fail("no failure expected"),
        )
    settle(runner)
    assert seen == [(n, True) for n in range(20)]


def test_a_known_fault_and_a_bug_both_end_in_one_failure(runner: JobRunner, settle: Settle) -> None:
    failures: list[Failure] = []
    done: list[object] = []

    def fault(context: JobContext) -> None:
        raise OperatorError("x", "It is not there.")

    def bug(context: JobContext) -> None:
        raise ZeroDivisionError

    for work in (fault, bug):
        runner.submit("a", work, done.append, failures.append)
    settle(runner)
    assert not done
    assert [type(failure.error) for failure in failures] == [OperatorError, ZeroDivisionError]


def test_a_newer_job_of_the_same_key_takes_the_place_of_one_that_waits(
    runner: JobRunner, settle: Settle
) -> None:
    gate = threading.Event()
    done: list[str] = []
    failures: list[Failure] = []
    runner.submit("a", lambda context: str(gate.wait(10)), done.append, failures.append)
    for name in ("one", "two", "three"):
        runner.submit("a", lambda context, n=name: n, done.append, failures.append, key="k")
    gate.set()
    settle(runner)
    assert done == ["True", "three"]
    assert [failure.cancelled for failure in failures] == [True, True]


def test_progress_arrives_before_the_result(runner: JobRunner, settle: Settle) -> None:
    told: list[object] = []

    def work(context: JobContext) -> str:
        context.report(1)
        context.report(2)
        return "end"

    runner.submit("a", work, told.append, lambda failure: None, progress=told.append)
    settle(runner)
    assert told == [1, 2, "end"]


def test_running_work_sees_that_it_is_cancelled(runner: JobRunner, settle: Settle) -> None:
    ended: list[bool] = []
    job = runner.submit("a", lambda context: context.wait(10), ended.append, lambda failure: None)
    job.cancel()
    settle(runner)
    assert ended in ([True], [])


def test_close_ends_waiting_and_running_work_and_delivers_nothing(runner: JobRunner) -> None:
    delivered: list[object] = []
    for _ in range(3):
        runner.submit("a", lambda context: context.wait(10), delivered.append, delivered.append)
    runner.close()
    assert not delivered
    with pytest.raises(RuntimeError, match="closed"):
        runner.submit("a", lambda context: 1, delivered.append, delivered.append)


def test_close_does_not_wait_for_ever_for_work_that_hangs(runner: JobRunner) -> None:
    begun, gate = threading.Event(), threading.Event()
    told: list[object] = []

    def hang(context: JobContext) -> None:
        begun.set()
        assert gate.wait(20)
        context.report("late")

    runner.submit("stream", hang, told.append, told.append, progress=told.append)
    assert begun.wait(5)
    started = time.monotonic()
    runner.close(0.2)
    assert time.monotonic() - started < 5
    (worker,) = [thread for thread in threading.enumerate() if thread.name == "job-stream"]
    assert worker.daemon
    gate.set()
    worker.join(5)
    assert not told
