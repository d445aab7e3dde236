"""The one funnel that shows and logs what went wrong."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QObject, Signal

from inspector_app.core.errors import InspectorError, OperatorError
from inspector_app.settings.log_file import LOG_FILE
from inspector_app.ui.jobs import Failure

log = logging.getLogger(__name__)


class Tone(Enum):
    """How much a notice asks for attention."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Notice:
    """A plain sentence for the banner, with what to do about it."""

    tone: Tone
    text: str
    hint: str = ""


class ErrorFunnel(QObject):
    """Everything that an operator should read passes here, once."""

    raised = Signal(object)
    cleared = Signal()

    def info(self, text: str, hint: str = "") -> None:
        """Tell something that needs no action."""
        self.raised.emit(Notice(Tone.INFO, text, hint))

    def failure(self, failure: Failure) -> None:
        """Tell why a job failed; a cancelled one is silent."""
        if failure.error is not None:
            self.error(failure.error)

    def error(self, error: BaseException) -> None:
        """Tell a fault in its own words, a bug in ours; both are logged."""
        if isinstance(error, InspectorError):
            log.warning("%s: %s", error.code, error)
            tone = Tone.WARNING if isinstance(error, OperatorError) else Tone.ERROR
            self.raised.emit(Notice(tone, error.message, error.hint))
            return
        log.error("unexpected fault", exc_info=error)
        text = f"Something broke inside Inspector ({type(error).__name__}: {error})."
        self.raised.emit(
            Notice(
                Tone.ERROR,
                text,
                f"{LOG_FILE} in the data folder holds the details; please report it with them.",
            )
        )

    def clear(self) -> None:
        """Take the notice away."""
        self.cleared.emit()
