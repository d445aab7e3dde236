"""The one door for background work.

A job goes in and comes out as exactly one result or one failure, on the GUI thread, in the order of its lane.
A lane is one worker thread; work of one kind shares a lane, so that it never runs twice at a time.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from inspector_app.core.errors import InspectorError
from inspector_app.services.inspect import InferenceStopped

log = logging.getLogger(__name__)
T = TypeVar("T")
CLOSE_PATIENCE_S = 8.0
"""Longer than any record takes to commit, shorter than an operator waits for a window to close."""


@dataclass(frozen=True, eq=False)
class Failure:
    """Why a job gave no result: a known fault, a bug, or (``cancelled``) that it was not wanted any more."""

    error: BaseException | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the job was cancelled; then there is nothing to tell."""
        return self.error is None


class JobContext:
    """What running work may ask and tell."""

    def __init__(self, cancel: threading.Event, report: Callable[[object], None]) -> None:
        self._cancel = cancel
        self._report = report

    def cancelled(self) -> bool:
        """Whether the work should end early."""
        return self._cancel.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep until cancelled or the time is over; True when cancelled."""
        return self._cancel.wait(seconds)

    def report(self, progress: object) -> None:
        """Send a frozen object to the GUI thread."""
        self._report(progress)


Work = Callable[[JobContext], T]


@dataclass(eq=False)
class Job(Generic[T]):
    """A submitted job; keep it to cancel it."""

    work: Work[T]
    done: Callable[[T], None]
    failed: Callable[[Failure], None]
    progress: Callable[[Any], None] | None
    key: str
    cancel_event: threading.Event

    def cancel(self) -> None:
        """Ask it to end; it then fails with ``cancelled`` unless it had already finished."""
        self.cancel_event.set()


class JobRunner(QObject):
    """Runs jobs on named lanes and delivers what comes of them on the thread it was made on."""

    _finished = Signal(object)
    idle_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lanes: dict[str, _Lane] = {}
        self._open = 0
        self._closed = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def idle(self) -> bool:
        """Whether no job is queued, running or waiting for delivery."""
        return self._open == 0

    def submit(
        self,
        lane: str,
        work: Work[T],
        done: Callable[[T], None],
        failed: Callable[[Failure], None],
        *,
        progress: Callable[[Any], None] | None = None,
        key: str = "",
    ) -> Job[T]:
        """Queue ``work`` on ``lane``; a job with the same ``key`` that has not started is cancelled."""
        if self._closed:
            raise RuntimeError("the job runner is closed")
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(lane, self._finished.emit)
        job: Job[T] = Job(work, done, failed, progress, key, threading.Event())
        self._open += 1
        if self._open == 1:
            self.idle_changed.emit(False)
        self._lanes[lane].put(job)
        return job

    @Slot(object)
    def _deliver(self, call: Callable[[], bool]) -> None:
        if self._closed:
            return
        ended = call()
        if ended:
            self._open -= 1
            if self._open == 0:
                self.idle_changed.emit(True)

    def close(self, patience_s: float = CLOSE_PATIENCE_S) -> None:
        """Cancel everything, wait for the workers, deliver nothing more.

        A worker that does not end in time (a driver that hangs) is left behind; the program ends without it.
        """
        self._closed = True
        for lane in self._lanes.values():
            lane.stop()
        end = time.monotonic() + patience_s
        for name, lane in self._lanes.items():
            lane.thread.join(max(0.0, end - time.monotonic()))
            if lane.thread.is_alive():
                log.warning("the worker of %s hangs and is left behind", name)


class _Lane:
    """One worker thread with its queue."""

    def __init__(self, name: str, emit: Callable[[object], None]) -> None:
        self._emit = emit
        self._queue: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._waiting: list[Job[Any]] = []
        self._running: Job[Any] | None = None
        self._lock = threading.Lock()
        self._stopped = False
        # A daemon, so that one that hangs in a driver cannot keep the program alive.
        self.thread = threading.Thread(target=self._loop, name=f"job-{name}", daemon=True)
        self.thread.start()

    def put(self, job: Job[Any]) -> None:
        with self._lock:
            for earlier in self._waiting:
                if job.key and earlier.key == job.key:
                    earlier.cancel()
            self._waiting.append(job)
        self._queue.put(job)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for job in self._waiting:
                job.cancel()
            if self._running is not None:
                self._running.cancel()
        self._queue.put(None)

    def _loop(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._lock:
                self._waiting.remove(job)
                self._running = job
            self._tell(self._run(job))
            with self._lock:
                self._running = None
            # The frame must not keep a finished job (and its pictures) alive while it waits for the next.
            del job

    def _tell(self, call: Callable[[], bool]) -> None:
        """Once stopped nobody listens: a worker that was left behind may outlive the runner."""
        if not self._stopped:
            self._emit(call)

    def _run(self, job: Job[Any]) -> Callable[[], bool]:
        if job.cancel_event.is_set():
            return _ended(job.failed, Failure())
        context = JobContext(job.cancel_event, lambda said: self._tell(_told(job, said)))
        try:
            result = job.work(context)
        except InferenceStopped:
            return _ended(job.failed, Failure())
        except InspectorError as error:
            return _ended(job.failed, Failure(error))
        except Exception as error:
            log.exception("a background job broke")
            return _ended(job.failed, Failure(error))
        return _ended(job.done, result)


def _ended(callback: Callable[[Any], None], value: object) -> Callable[[], bool]:
    def call() -> bool:
        callback(value)
        return True

    return call


def _told(job: Job[Any], said: object) -> Callable[[], bool]:
    def call() -> bool:
        # Also after a cancel: what the work still finishes is told until it ends.
        if job.progress is not None:
            job.progress(said)
        return False

    return call
