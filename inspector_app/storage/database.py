"""Connections to the one SQLite file, and transactions over them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, Pool, create_engine, event, insert
from sqlalchemy.orm import DeclarativeBase, Session

from inspector_app.storage.faults import known_faults

_BEGIN = "inspector_begin"


def open_engine(
    path: Path, busy_timeout_ms: int, *, foreign_keys: bool = True, poolclass: type[Pool] | None = None
) -> Engine:
    """An engine whose transactions are SQLite's own.

    The driver's implicit transactions are switched off, so that a writer can take its lock at the start and
    schema changes can be undone.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"check_same_thread": False, "timeout": busy_timeout_ms / 1000},
        poolclass=poolclass,
    )

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {busy_timeout_ms}",
            f"foreign_keys = {'ON' if foreign_keys else 'OFF'}",
            "synchronous = FULL",
        ):
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get(_BEGIN, 'DEFERRED')}")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def insert_one(session: Session, table: type[DeclarativeBase], values: Mapping[str, Any]) -> int:
    """Insert one row by column names; returns its new id."""
    key = session.connection().execute(insert(table), values).inserted_primary_key
    assert key is not None
    return int(key[0])


class Database:
    """Reading and writing transactions on one file, from any thread."""

    def __init__(self, path: Path, busy_timeout_ms: int) -> None:
        self._path = path
        self._engine = open_engine(path, busy_timeout_ms)
        self._writer = self._engine.execution_options(**{_BEGIN: "IMMEDIATE"})
        # One writer at a time within the process: waiting here is fair, waiting in SQLite is polling.
        self._write_lock = Lock()
        self._closed = False

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view; sees no later commits."""
        self._check_open()
        with known_faults(self._path), Session(self._engine) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction that holds the write lock from its start; durable when the block ends well."""
        with self._write_lock, known_faults(self._path):
            self._check_open()
            with Session(self._writer) as session, session.begin():
                yield session

    def close(self) -> None:
        """Wait for the writer, then close; twice does no harm."""
        with self._write_lock:
            self._closed = True
            self._engine.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the record store is closed")
