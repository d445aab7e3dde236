"""How the command line opens the window without importing Qt: the entry point hands it a function."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from inspector_app.core.errors import KeeperError

OpenWindow = Callable[[Path | None, int | None], int]


def has_display() -> bool:
    """Whether a window can be seen: always on Windows and macOS, elsewhere when a display is named."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show_window(context: typer.Context, data_dir: Path | None, run_id: int | None = None) -> int:
    """Open the window through the function that the entry point gave.

    Raises:
        KeeperError: ``no_window`` when the command line was started without one, or Qt is not installed.
    """
    opener: OpenWindow | None = context.find_root().obj
    if opener is None:
        raise KeeperError("no_window", "This program was started without its window.")
    if not has_display() and not os.environ.get("QT_QPA_PLATFORM"):
        raise KeeperError(
            "no_window",
            "There is no display, so the window cannot be opened.",
            "On a machine without a screen use the commands: inspector-app --help",
        )
    try:
        return opener(data_dir, run_id)
    except ImportError as error:
        raise KeeperError(
            "no_window",
            f"The window cannot be opened: {error}.",
            "Install Qt's system libraries: sudo apt-get install -y libegl1 libgl1 libxkbcommon0 libdbus-1-3 "
            "libfontconfig1 libxcb-cursor0",
        ) from error
