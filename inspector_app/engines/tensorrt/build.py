"""Build a plan in a process of its own, so that another engine serves meanwhile and a crash harms nobody."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from inspector_app.core.errors import KeeperError
from inspector_app.engines.tensorrt.builder import BuildJob
from inspector_app.engines.tensorrt.progress import BuildProgress
from inspector_app.engines.tensorrt.worker import Built, Failed, run_worker

_LOOK_S = 0.1
GRACE_S = 5.0
"""How long a cancelled build may go on until it is ended by force: TensorRT asks only between steps."""


def build_plan(
    job: BuildJob,
    on_progress: Callable[[BuildProgress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Build ``job`` in a spawned process and wait for it; returns the plan's path in the cache.

    ``on_progress`` and ``cancelled`` are called on the calling thread, the latter about ten times a second.

    Raises:
        KeeperError: ``plan_cancelled``, ``plan_parse_failed``, ``plan_build_failed`` (also when the process
            died), or what storing the plan raises.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    cancel = context.Event()
    process = context.Process(
        target=run_worker, args=(job, sender, cancel), name="tensorrt-build", daemon=True
    )
    with receiver:
        process.start()
        # Held open here too, the pipe would never end when the process dies.
        sender.close()
        try:
            return _follow(process, receiver, cancel, on_progress, cancelled)
        finally:
            _end(process)


def _follow(
    process: SpawnProcess,
    receiver: Connection,
    cancel: Event,
    on_progress: Callable[[BuildProgress], None],
    cancelled: Callable[[], bool],
) -> Path:
    deadline: float | None = None
    while True:
        if deadline is None and cancelled():
            cancel.set()
            deadline = time.monotonic() + GRACE_S
        if deadline is not None and time.monotonic() > deadline:
            raise KeeperError("plan_cancelled", "Building the TensorRT plan was cancelled.")
        if not receiver.poll(_LOOK_S):
            continue
        try:
            message = receiver.recv()
        except EOFError:
            raise _died(process) from None
        if isinstance(message, Built):
            return message.path
        if isinstance(message, Failed):
            raise message.error
        on_progress(message)


def _died(process: SpawnProcess) -> KeeperError:
    process.join()
    return KeeperError(
        "plan_build_failed",
        f"The process that builds the TensorRT plan ended with code {process.exitcode}.",
        "Its last words are in the program's error output.",
    )


def _end(process: SpawnProcess) -> None:
    process.join(1.0)
    if process.is_alive():
        process.terminate()
        process.join(2.0)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()
