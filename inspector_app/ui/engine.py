"""The engine that serves the window: loaded in a worker, told with the reasons why no better one does."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from inspector_app.core.protocols import EngineInfo
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.inspect import InspectionService
from inspector_app.ui.jobs import Failure
from inspector_app.ui.tools import ENGINE_LANE, Tools


class EnginePresenter(QObject):
    """Holds the service in use. ``model`` is the one that serves or is being loaded, "" when there is none;
    ``asked`` the one that was wanted last."""

    changed = Signal()

    def __init__(self, tools: Tools, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._inspector = tools.inspector
        self._runner = tools.runner
        self._errors = tools.errors
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

    def _retire(self, service: InspectionService | None) -> None:
        """Close it after the inspections that it still has in its lane."""
        if service is not None:
            self._runner.submit(
                ENGINE_LANE, lambda context: service.engine.close(), lambda none: None, self._errors.failure
            )

    def _failed(self, failure: Failure, number: int) -> None:
        self._errors.failure(failure)
        if number == self._load_no:
            self.model, self.loading = "", False
            self.changed.emit()

    def close(self) -> None:
        """Free the device; call after the runner is closed."""
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
