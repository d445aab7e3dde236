"""Where a run's processor time goes, stage by stage, over all its threads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

OTHER = "engine threads and other"
"""What no stage accounts for: threads of the engine's own, decoding the golden, the progress bar."""
STAGES = ("read", "decode", "truth", "tensor", "infer", "judge", "pack", "database", "report", "tables")


@dataclass(frozen=True)
class StageReport:
    """What a run cost.

    Attributes:
        images: recorded anew.
        wall_s: from the run's start to its end.
        cores: that the process may use.
        stages: CPU seconds by stage, in the order in which an image meets them; together they are all CPU
            seconds of the process in that time.
    """

    images: int
    wall_s: float
    cores: int
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all stages."""
        return sum(self.stages.values())

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.wall_s if self.wall_s > 0 else 0.0

    @property
    def share_of_possible(self) -> float:
        """The rate over the rate that all cores would give were they never idle."""
        busy = self.wall_s * self.cores
        return self.cpu_s / busy if busy > 0 else 0.0


class StageTimes:
    """Adds up CPU seconds from any thread."""

    def __init__(self) -> None:
        self._cpu: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._lock = Lock()
        self._started = time.perf_counter()
        self._process = time.process_time()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the calling thread's CPU time to ``name``, one of ``STAGES``."""
        started = time.thread_time()
        try:
            yield
        finally:
            spent = time.thread_time() - started
            with self._lock:
                self._cpu[name] += spent

    def report(self, images: int, cores: int) -> StageReport:
        """The costs so far."""
        with self._lock:
            stages = dict(self._cpu)
        whole = time.process_time() - self._process
        stages[OTHER] = max(0.0, whole - sum(stages.values()))
        return StageReport(images, time.perf_counter() - self._started, cores, stages)
