"""Open the window and run until it is closed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from PySide6.QtWidgets import QApplication

from inspector_app.bootstrap import Inspector
from inspector_app.settings.log_file import keeping_log
from inspector_app.ui.shell import Shell
from inspector_app.ui.theme import LIGHT
from inspector_app.ui.widgets.icons import icon


def run_window(
    inspector: Inspector, argv: Sequence[str] | None = None, *, open_run: int | None = None
) -> int:
    """Show the window on ``inspector``; returns the exit code. ``open_run`` opens the Batch page on a run."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(list(argv or sys.argv[:1]))
    app.setApplicationName("Inspector")
    app.setWindowIcon(icon("inspect", LIGHT.accent, 64))
    # Ctrl-C in the terminal ends the program as it does any other.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with keeping_log(inspector.data_dir):
        shell = Shell(inspector, app)
        shell.window.resize(1280, 800)
        shell.window.show()
        shell.start(open_run)
        try:
            return app.exec()
        finally:
            shell.close()
            inspector.close()
