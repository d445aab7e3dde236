"""Where files are to be written: better told before an hour of work than after it."""

from __future__ import annotations

import os
from pathlib import Path

from inspector_app.core.errors import KeeperError
from inspector_app.services.export import check_target


def check_place(path: Path | None) -> None:
    """Whether a file can be written at ``path``, when one is wanted.

    Raises:
        KeeperError: ``usage``, ``folder_missing`` or ``folder_not_writable``.
    """
    if path is None:
        return
    folder = path.absolute().parent
    if path.is_dir():
        raise KeeperError("usage", f"{path} is a folder, not a file to write.")
    if not folder.is_dir():
        raise KeeperError("folder_missing", f"There is no folder {folder} to write {path.name} in.")
    if not os.access(folder, os.W_OK):
        raise KeeperError("folder_not_writable", f"Nothing may be written in {folder}.")


def check_plot(path: Path | None) -> None:
    """As ``check_place``, for a picture: they are SVG.

    Raises:
        KeeperError: ``option_invalid`` when the name says something else; as ``check_place``.
    """
    if path is not None and path.suffix.lower() != ".svg":
        raise KeeperError(
            "option_invalid", f"The plot is written as SVG; “{path.name}” does not end in .svg."
        )
    check_place(path)


def check_tables(csv: Path | None, defects_csv: Path | None) -> None:
    """Better told before an hour of scoring than after it.

    Raises:
        KeeperError: ``usage`` or ``folder_missing`` when a table could not be written in the end.
    """
    tables = [table.absolute() for table in (csv, defects_csv) if table is not None]
    if len(set(tables)) < len(tables):
        raise KeeperError("usage", "--csv and --defects-csv name the same file.")
    for table in tables:
        check_target(table)
        check_place(table)
