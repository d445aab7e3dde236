"""How a CPU engine shares out the processor between calls that run side by side."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    """The threads that an engine may use.

    Attributes:
        threads: inside one call; 0 shares all cores out evenly.
        parallel: how many calls run side by side, at least 1.
    """

    threads: int = 0
    parallel: int = 1

    def __post_init__(self) -> None:
        if self.threads < 0 or self.parallel < 1:
            raise ValueError(f"threads {self.threads} or parallel {self.parallel} is wrong")

    @property
    def each(self) -> int:
        """Threads inside one call; 0 leaves the number to the runtime, which then takes all cores."""
        if self.threads or self.parallel == 1:
            return self.threads
        return max(1, usable_cores() // self.parallel)

    @property
    def total(self) -> int:
        """Threads of all calls together; 0 leaves the number to the runtime."""
        return self.each * self.parallel

    @property
    def pool(self) -> int:
        """Size of a pool that all calls share, where the thread that calls works too and counts as one."""
        return self.parallel * (self.each - 1) + 1 if self.each else 0


def usable_cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def side_by_side(threads: int = 0) -> int:
    """How many calls of ``threads`` each keep all cores at work; 0 counts as one thread."""
    return max(1, usable_cores() // max(1, threads))
