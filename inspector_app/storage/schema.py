"""Bringing a database file to the schema of this app, safely."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import NullPool

from inspector_app.core.errors import KeeperError
from inspector_app.core.files import ensure_folder, sync_folder
from inspector_app.storage.database import connect, open_engine
from inspector_app.storage.faults import damaged, is_busy, known_faults

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0002"
"""The newest revision; four digits, so that a greater text is a newer schema."""
_MAGIC = b"SQLite format 3\x00"


def prepare(path: Path, now: datetime, busy_timeout_ms: int, read_only: bool = False) -> None:
    """Create the database at ``path``, or bring an older one up to ``HEAD`` after copying it beside itself.

    With ``read_only`` it must be at ``HEAD``.

    Raises:
        KeeperError: ``database_damaged``, ``database_foreign`` (not ours), ``database_newer``,
            ``database_locked``, ``disk_full``, ``folder_not_writable`` or ``database_io``; the file is left
            as it was.
    """
    ensure_folder(path.parent)
    with known_faults(path):
        _check_header(path)
        found = _revision(path, busy_timeout_ms, read_only)
        if found == HEAD:
            return
        if read_only:
            raise KeeperError(
                "folder_not_writable",
                f"The database {path} is an older version's, and nothing may be written in its folder.",
                "Open it once with the right to write there, or look at a copy of the folder.",
            )
        if found is not None:
            _copy_beside(path, now)
        _upgrade(path, busy_timeout_ms)


def alembic_config() -> Config:
    """Alembic's configuration, made here: there is no ini file on disk."""
    # Imported late: an up-to-date database, the usual case at start, does without Alembic.
    from alembic.config import Config

    config = Config()
    location = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _check_header(path: Path) -> None:
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise damaged(path, "file is not a database")


def _revision(path: Path, busy_timeout_ms: int, read_only: bool) -> str | None:
    """The schema's revision, None for a database that has nothing in it yet."""
    with contextlib.closing(connect(path, busy_timeout_ms, read_only)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None
        rows = (
            connection.execute("SELECT version_num FROM alembic_version").fetchall()
            if {"alembic_version", "inspections"} <= tables
            else []
        )
    if len(rows) != 1:
        raise KeeperError(
            "database_foreign",
            f"{path} is a database, but not one of this program.",
            "It was left as it is. Choose another data folder.",
        )
    revision = str(rows[0][0])
    if revision > HEAD:
        raise KeeperError(
            "database_newer",
            f"The database {path} was written by a newer version of this program.",
            "Install that version or a later one, or choose another data folder.",
        )
    return revision


def _upgrade(path: Path, busy_timeout_ms: int) -> None:
    from alembic import command

    # Rebuilding a table while foreign keys are enforced would drop its children; they are checked at the end.
    engine = open_engine(path, busy_timeout_ms, foreign_keys=False, poolclass=NullPool)
    config = alembic_config()
    try:
        with engine.connect() as connection:
            _turn_log_on(connection.connection.driver_connection, busy_timeout_ms)  # type: ignore[arg-type]
        with engine.execution_options(inspector_begin="IMMEDIATE").begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise damaged(path, "rows refer to rows that are missing")
    finally:
        engine.dispose()
    sync_folder(path.parent)


def _turn_log_on(connection: sqlite3.Connection, busy_timeout_ms: int) -> None:
    """Turn the write-ahead log on. SQLite gives up at once where two processes turn it on in one new file, whatever its
    timeout: who comes second tries again."""
    deadline = time.monotonic() + busy_timeout_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


def _copy_beside(path: Path, now: datetime) -> None:
    copy = path.with_name(f"{path.name}.before-{HEAD}-{now:%Y%m%dT%H%M%S}Z")
    beside = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with (
            contextlib.closing(sqlite3.connect(path)) as source,
            contextlib.closing(sqlite3.connect(beside)) as target,
        ):
            source.backup(target)
        os.replace(beside, copy)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)
