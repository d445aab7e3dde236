"""The entry point: without a command it opens the window."""

from __future__ import annotations

import gc
from pathlib import Path


def main() -> None:
    """Run ``inspector-app``."""
    # What is imported stays: to look through it for garbage, while it grows and ever after, is time lost.
    gc.disable()
    from inspector_app.cli.app import app

    gc.freeze()
    gc.enable()
    app(obj=open_window)


def open_window(data_dir: Path | None, run_id: int | None) -> int:
    """Open the window, on a run if one is named; returns its exit code. Qt is imported here at the earliest."""
    from inspector_app.bootstrap import open_inspector
    from inspector_app.ui.app import run_window

    return run_window(open_inspector(data_dir), open_run=run_id)


if __name__ == "__main__":
    main()
