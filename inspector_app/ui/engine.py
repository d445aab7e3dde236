"""The engine that serves the window: loaded in a worker, told with the reasons why no better one does."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import EngineInfo
from inspector_app.engines.registry import EngineChoice, plan_is_missing
from inspector_app.engines.tensorrt.library import PLAN_MISSING
from inspector_app.services.inspect import InspectionService
from inspector_app.ui.jobs import Failure
from inspector_app.ui.plan_build import PlanBuild
from inspector_app.ui.tools import ENGINE_LANE, RECORD_LANE, Tools

_AGAIN = "Choose the engine again (Ctrl+I) to prepare TensorRT."


class EnginePresenter(QObject):
    """Holds the service in use. ``model`` is the one that serves or is being loaded, "" when there is none;
    ``asked`` the one that was wanted last."""

    changed = Signal()

    def __init__(self, tools: Tools, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._inspector = tools.inspector
        self._runner = tools.runner
        self._errors = tools.errors
        self.plans = PlanBuild(tools, self)
        self.service: InspectionService | None = None
        self.model = self.asked = ""
        self.loading = False
        self._load_no = 0

    @property
    def info(self) -> EngineInfo | None:
        """What really runs."""
        return self.service.engine.info if self.service is not None else None

    def load(self, model: str) -> None:
        """Open ``model``. Until it serves nothing does: a verdict must not come from another network than the
        one that was asked for."""
        self.model = self.asked = model
        self.loading = True
        self._load_no += 1
        number = self._load_no
        self.plans.drop()
        self._retire(self.service)
        self.service = None
        inspector, choice = self._inspector, EngineChoice(self._inspector.settings.engine)
        self._runner.submit(
            ENGINE_LANE,
            lambda context: inspector.open_service(model, choice),
            lambda service: self._loaded(service, number),
            lambda failure: self._failed(failure, number),
        )
        self.changed.emit()

    def _loaded(self, service: InspectionService, number: int) -> None:
        if number != self._load_no:
            self._retire(service)
            return
        self.service, self.loading = service, False
        self.changed.emit()
        if plan_is_missing(service.engine.info):
            self._build(number)

    def _build(self, number: int) -> bool:
        """Build TensorRT's plan while what serves goes on serving; False when it is not to be tried."""
        if not self.plans.wanted(self.model):
            return False
        choice = EngineChoice(self._inspector.settings.engine)
        self.plans.start(
            self.model,
            choice,
            lambda service: self._built(service, number),
            lambda failure: self._not_built(failure, number),
        )
        return True

    def _built(self, service: InspectionService, number: int) -> None:
        """Move to the engine that was built for: an inspection under way ends on the old one, the next begins on
        the new one."""
        if number != self._load_no:
            self._retire(service)
            return
        before = self.service.engine.info.label if self.service is not None else ""
        self._retire(self.service)
        self.service, self.loading = service, False
        self.changed.emit()
        info = service.engine.info
        if info.label == before:
            refused = next((one for one in info.refusals if one.engine.startswith("TensorRT")), None)
            reason = f" {refused.reason}." if refused is not None else ""
            self._note(f"TensorRT's plan was built, but {before} goes on serving.{reason}")
        else:
            instead = f" instead of {before}" if before else ""
            self._note(f"{info.label} serves from now on{instead}: its plan for {self.model} is ready.")

    def _note(self, said: str) -> None:
        """Tell the operator, and keep it as an event."""
        store = self._inspector.store
        self._runner.submit(
            RECORD_LANE,
            lambda context: store.add_event("engine", said),
            lambda none: None,
            self._errors.failure,
        )
        self._errors.info(said)

    def _not_built(self, failure: Failure, number: int) -> None:
        if number != self._load_no:
            return
        stopped = getattr(failure.error, "code", "") == "plan_cancelled"
        if self.service is None:
            error = KeeperError("plan_cancelled", "TensorRT was not prepared, so nothing serves.", _AGAIN)
            self._failed(Failure(error) if stopped else failure, number)
        elif stopped:
            self._errors.info(f"{self.service.engine.info.label} goes on serving.", _AGAIN)
        else:
            self._errors.failure(failure)

    def _retire(self, service: InspectionService | None) -> None:
        """Close it after the inspections that it still has in its lane."""
        if service is not None:
            self._runner.submit(
                ENGINE_LANE, lambda context: service.engine.close(), lambda none: None, self._errors.failure
            )

    def _failed(self, failure: Failure, number: int) -> None:
        current = number == self._load_no
        if current and getattr(failure.error, "code", "") == PLAN_MISSING and self._build(number):
            return
        self._errors.failure(failure)
        if current:
            self.model, self.loading = "", False
            self.changed.emit()

    def close(self) -> None:
        """Free the device; call after the runner is closed."""
        self.plans.close()
        if self.service is not None:
            self.service.engine.close()
            self.service = None


def engine_story(info: EngineInfo | None) -> str:
    """Which engine runs and why no better one does, in a few lines."""
    if info is None:
        return "No engine is loaded."
    device = f" on {info.device}" if info.device else ""
    lines = [f"{info.label}{device}, {info.precision}."]
    if not info.refusals:
        lines.append("It is the best that Inspector knows.")
    for refusal in info.refusals:
        hint = f" ({refusal.hint})" if refusal.hint else ""
        lines.append(f"{refusal.engine}: {refusal.reason}{hint}.")
    return "\n".join(lines)
