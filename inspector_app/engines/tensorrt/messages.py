"""What TensorRT writes to its log, kept so that a fault can be told in its own words."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

_LOG = logging.getLogger(__name__)
_KEPT = 20


def message_log(trt: Any) -> Any:
    """An ``ILogger`` that passes warnings and errors on, and keeps the newest errors in ``errors``.

    It must outlive every object that is made with it.
    """
    severity = trt.ILogger.Severity
    levels = {
        severity.INTERNAL_ERROR: logging.ERROR,
        severity.ERROR: logging.ERROR,
        severity.WARNING: logging.WARNING,
    }

    class MessageLog(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: deque[str] = deque(maxlen=_KEPT)

        def log(self, severity: Any, msg: str) -> None:
            level = levels.get(severity)
            if level is None:
                return
            _LOG.log(level, "%s", msg)
            if level == logging.ERROR:
                self.errors.append(msg)

    return MessageLog()


def last_error(log: Any) -> str:
    """The newest error in brackets with a blank before, or nothing."""
    if not log.errors:
        return ""
    return f" ({' '.join(str(log.errors[-1]).split())[:300]})"
