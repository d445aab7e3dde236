"""TensorRT's plans are built while another engine serves: the job, how far it is, and its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from inspector_app.bootstrap import Inspector
from inspector_app.engines.registry import EngineChoice
from inspector_app.engines.tensorrt.library import BuildRules
from inspector_app.engines.tensorrt.progress import BuildProgress
from inspector_app.services.inspect import InspectionService
from inspector_app.ui.jobs import Failure, Job, JobContext
from inspector_app.ui.tools import PLAN_LANE, Tools

TICK_MS = 1000
STEP = 0.005
"""Of all the work: what is told less often than TensorRT tells it."""


@dataclass(frozen=True)
class Building:
    """A build under way; ``fraction`` is None until TensorRT tells how far it is."""

    model: str
    fraction: float | None
    elapsed_s: float
    stopping: bool = False


class PlanBuild(QObject):
    """At most one build. A model whose build was cancelled or failed is left alone until ``forget``."""

    changed = Signal()

    def __init__(self, tools: Tools, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._inspector, self._runner = tools.inspector, tools.runner
        self._left_alone: set[str] = set()
        self._job: Job[InspectionService] | None = None
        self._model = ""
        self._fraction: float | None = None
        self._began = 0.0
        # Seconds go by in the strip even when TensorRT has nothing to tell.
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self.changed)

    @property
    def building(self) -> Building | None:
        """What is being built, if anything."""
        if self._job is None:
            return None
        elapsed = self._inspector.clock.monotonic() - self._began
        return Building(self._model, self._fraction, elapsed, self._job.cancel_event.is_set())

    def wanted(self, model: str) -> bool:
        """Whether a build of ``model`` would be begun by itself."""
        return model not in self._left_alone

    def forget(self) -> None:
        """Try every model again."""
        self._left_alone.clear()

    def start(
        self,
        model: str,
        choice: EngineChoice,
        done: Callable[[InspectionService], None],
        failed: Callable[[Failure], None],
    ) -> None:
        """Build, then open ``model`` anew; ``done`` gets a service that nobody uses yet."""
        self.drop()
        inspector = self._inspector
        self._model, self._fraction, self._began = model, None, inspector.clock.monotonic()

        def ended(service: InspectionService) -> None:
            self._end(job)
            done(service)

        def broke(failure: Failure) -> None:
            if self._end(job):
                self._left_alone.add(model)
            failed(failure)

        job = self._job = self._runner.submit(
            PLAN_LANE,
            lambda context: _build_and_open(inspector, model, choice, context),
            ended,
            broke,
            progress=lambda fraction: self._told(job, fraction),
        )
        self._timer.start()
        self.changed.emit()

    def cancel(self) -> None:
        """The operator does not want it."""
        if self._job is not None:
            self._job.cancel()
            self.changed.emit()

    def drop(self) -> None:
        """Another model is wanted: what is being built is ended without a word, and may be begun again."""
        if self._job is not None:
            self._job.cancel()
            self._end(self._job)

    def close(self) -> None:
        """Nothing is told any more; the runner ends the job."""
        self._job = None
        self._timer.stop()

    def _told(self, job: Job[InspectionService], fraction: float) -> None:
        if job is self._job:
            self._fraction = fraction
            self.changed.emit()

    def _end(self, job: Job[InspectionService]) -> bool:
        """False for a job that was dropped before."""
        if job is not self._job:
            return False
        self._job = None
        self._timer.stop()
        self.changed.emit()
        return True


def _build_and_open(
    inspector: Inspector, model: str, choice: EngineChoice, context: JobContext
) -> InspectionService:
    """For a worker."""
    told = -1.0

    def tell(progress: BuildProgress) -> None:
        nonlocal told
        if progress.overall - told >= STEP:
            told = progress.overall
            context.report(told)

    inspector.build_plans(model, BuildRules(on_progress=tell, cancelled=context.cancelled))
    return inspector.open_service(model, choice)


def duration(seconds: float) -> str:
    """``1:05``, or ``1:02:05``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
