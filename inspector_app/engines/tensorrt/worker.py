"""What runs in the worker process that builds a plan."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from inspector_app.core.errors import InspectorError
from inspector_app.engines.tensorrt.bindings import load_cuda, load_tensorrt
from inspector_app.engines.tensorrt.builder import BuildJob, build_serialized
from inspector_app.engines.tensorrt.device import Cuda
from inspector_app.engines.tensorrt.plans import PlanStore
from inspector_app.engines.tensorrt.progress import BuildProgress


class Flag(Protocol):
    """As ``multiprocessing.Event``."""

    def is_set(self) -> bool:
        """Whether it was set."""


@dataclass(frozen=True)
class Built:
    """The plan lies at ``path``."""

    path: Path


@dataclass(frozen=True)
class Failed:
    """The build ended with a known fault."""

    error: InspectorError


Message = BuildProgress | Built | Failed


def run_worker(job: BuildJob, channel: Connection, cancel: Flag) -> None:
    """Build, store, and send progress and the end through ``channel``; a bug ends the process."""
    # Ctrl-C in a terminal reaches this process too; it is the parent that cancels.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with channel:
        try:
            channel.send(Built(build_and_store(job, channel.send, cancel.is_set)))
        except InspectorError as error:
            channel.send(Failed(error))


def build_and_store(
    job: BuildJob, report: Callable[[BuildProgress], None], cancelled: Callable[[], bool]
) -> Path:
    """Build in this process.

    Raises:
        KeeperError: see ``build_serialized`` and ``PlanStore.save``; also what keeps TensorRT from being used.
    """
    trt = load_tensorrt()
    Cuda(load_cuda(), job.device).use()
    store = PlanStore(job.folder)
    built = build_serialized(trt, job, store.timing(job.key), report, cancelled)
    store.save_timing(job.key, built.timing)
    return store.save(job.key, built.plan, job.note)
