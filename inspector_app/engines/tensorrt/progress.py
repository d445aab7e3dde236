"""How far a build is, from the nested phases that TensorRT reports."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BuildProgress:
    """Where a build stands.

    Attributes:
        part: what is being built: ``whole``, ``golden`` or ``rest``.
        phase: TensorRT's own name of what it does.
        fraction: of the outermost phase, 0..1. TensorRT does not say how many of those there are.
        number, plans: which of how many plans, from 0.
    """

    part: str
    phase: str
    fraction: float
    number: int = 0
    plans: int = 1

    @property
    def overall(self) -> float:
        """Of all plans, 0..1: each counts alike, and what is left may take longer than what is done."""
        return (self.number + self.fraction) / self.plans


@dataclass
class _Phase:
    parent: str | None
    steps: int
    done: int = 0


class Phases:
    """The tree of running phases. Called from several of TensorRT's threads."""

    def __init__(self, part: str, report: Callable[[BuildProgress], None]) -> None:
        self._part = part
        self._report = report
        self._lock = threading.Lock()
        self._running: dict[str, _Phase] = {}

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase of ``steps`` steps begins, within ``parent`` or by itself."""
        with self._lock:
            self._running[name] = _Phase(parent if parent in self._running else None, max(steps, 1))
            told = self._progress(name)
        self._report(told)

    def step(self, name: str, step: int) -> None:
        """Step number ``step`` (from 0) of a phase is done."""
        with self._lock:
            phase = self._running.get(name)
            if phase is None:
                return
            phase.done = min(max(phase.done, step + 1), phase.steps)
            told = self._progress(name)
        self._report(told)

    def finish(self, name: str) -> None:
        """A phase has ended, all its steps done or not."""
        with self._lock:
            self._running.pop(name, None)

    def _progress(self, name: str) -> BuildProgress:
        phase = self._running[name]
        fraction = phase.done / phase.steps
        while phase.parent is not None and phase.parent in self._running:
            phase = self._running[phase.parent]
            fraction = min((phase.done + fraction) / phase.steps, 1.0)
        return BuildProgress(self._part, name, fraction)


def progress_monitor(trt: Any, phases: Phases, cancelled: Callable[[], bool]) -> Any:
    """An ``IProgressMonitor`` that feeds ``phases``, and ends the build once ``cancelled()``."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            phases.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            phases.step(phase_name, step)
            return not cancelled()

        def phase_finish(self, phase_name: str) -> None:
            phases.finish(phase_name)

    return Monitor()
