"""The station's log: warnings and faults with their traceback, in a file that never grows large."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

LOG_FILE = "inspector.log"
_BYTES = 1_000_000
_OLDER = 3
log = logging.getLogger(__name__)


class _QuietFile(RotatingFileHandler):
    """Where the file cannot be written, nobody is told over and over: the records say what they could not do."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


@contextmanager
def keeping_log(data_dir: Path) -> Iterator[Path]:
    """Write warnings and faults of the program, uncaught ones too, to ``inspector.log`` in ``data_dir`` meanwhile.

    Gives the file's path. It and three older ones have at most a megabyte each. What was printed on standard error is
    printed there still.
    """
    path = data_dir / LOG_FILE
    written = _QuietFile(path, maxBytes=_BYTES, backupCount=_OLDER, encoding="utf-8", delay=True)
    written.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handlers: list[logging.Handler] = [written]
    if sys.stderr is not None:
        handlers.append(logging.StreamHandler())
    program = logging.getLogger("inspector_app")
    for handler in handlers:
        handler.setLevel(logging.WARNING)
        program.addHandler(handler)
    before, before_in_threads = sys.excepthook, threading.excepthook

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _to_file(written, error)
        before(kind, error, trace)

    def uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
        if what.exc_value is not None:
            _to_file(written, what.exc_value)
        before_in_threads(what)

    sys.excepthook, threading.excepthook = uncaught, uncaught_in_thread
    try:
        yield path
    finally:
        sys.excepthook, threading.excepthook = before, before_in_threads
        for handler in handlers:
            program.removeHandler(handler)
            handler.close()


def _to_file(handler: logging.Handler, error: BaseException) -> None:
    """Standard error gets it from Python itself."""
    if isinstance(error, KeyboardInterrupt):
        return
    told = (type(error), error, error.__traceback__)
    handler.handle(log.makeRecord(log.name, logging.ERROR, "", 0, "uncaught", (), told))
