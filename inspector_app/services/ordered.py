"""Work on several threads whose results come in the order in which it was given out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from types import TracebackType
from typing import Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 1
"""Tasks that wait beside those at work, so that no thread waits to be given one."""


class OrderedWork(Generic[Task, Result]):
    """Threads that take tasks and work on them, while one caller takes the results in the order of the tasks.

    A task that takes long holds nobody up until ``window`` tasks have been begun that the caller has not got.
    So much is in memory and no more: ``workers + AHEAD`` tasks at work, and ``window`` results.
    """

    def __init__(
        self,
        take: Callable[[], Task | None],
        work: Callable[[Task], Result],
        workers: int,
        window: int,
    ) -> None:
        """``take`` gives the next task, None when there is none; it is called by one thread at a time."""
        self._take = take
        self._work = work
        self._wanted = workers + AHEAD
        self._window = max(window, self._wanted)
        self._pool = ThreadPoolExecutor(workers, "score")
        self._waiting: deque[Future[Result]] = deque()
        self._begun = 0
        self._exhausted = False
        self._lock = Lock()

    def __enter__(self) -> OrderedWork[Task, Result]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is at work; what waits is dropped."""
        with self._lock:
            self._exhausted = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def next(self, timeout: float | None = None) -> Result | None:
        """The next result, in the order of the tasks; raises what its work raised.

        None when it did not come within ``timeout`` seconds, or when there are no more. Work that raised is not
        passed over: every later call raises it, but one with a ``timeout``, which says None.
        """
        self._fill()
        if not self._waiting:
            return None
        head = self._waiting[0]
        if not wait([head], timeout).done:
            return None
        if timeout is not None and head.exception() is not None:
            return None
        result = head.result()
        with self._lock:
            self._waiting.popleft()
        self._fill()
        return result

    def _fill(self) -> None:
        """Give out tasks. Called by the thread that has just finished one too, so that the caller, who may be
        busy with results, is not waited for."""
        with self._lock:
            while not self._exhausted and self._begun < self._wanted and len(self._waiting) < self._window:
                task = self._take()
                if task is None:
                    self._exhausted = True
                    return
                self._begun += 1
                self._waiting.append(self._pool.submit(self._run, task))

    def _run(self, task: Task) -> Result:
        try:
            return self._work(task)
        finally:
            with self._lock:
                self._begun -= 1
            self._fill()
