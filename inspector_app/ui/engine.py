"""The engine that serves the window: loaded in a worker, told with the reasons why no better one does."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from inspector_app.core.protocols import EngineInfo
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.inspect import InspectionService
from inspector_app.ui.jobs import Failure
from inspector_app.ui.tools import ENGINE_LANE, Tools


class EnginePresenter(QObject):
    """Holds the service in use."""

    changed = Signal()

    def __init__(self, tools: Tools, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._inspector = tools.inspector
        self._runner = tools.runner
        self._errors = tools.errors
        self.service: InspectionService | None = None
        self.model = ""
        self.loading = False

    @property
    def info(self) -> EngineInfo | None:
        """What really runs."""
        return self.service.engine.info if self.service is not None else None

    def load(self, model: str) -> None:
        """Open ``model``; the one in use is closed once the new one serves."""
        self.model, self.loading = model, True
        choice = EngineChoice(self._inspector.settings.engine)
        self._runner.submit(
            ENGINE_LANE,
            lambda context: self._inspector.open_service(model, choice),
            self._loaded,
            self._failed,
        )
        self.changed.emit()

    def _loaded(self, service: InspectionService) -> None:
        previous = self.service
        self.service, self.loading = service, False
        if previous is not None:
            self._runner.submit(
                ENGINE_LANE, lambda context: previous.engine.close(), lambda none: None, self._errors.failure
            )
        self.changed.emit()

    def _failed(self, failure: Failure) -> None:
        self.loading = False
        self._errors.failure(failure)
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
