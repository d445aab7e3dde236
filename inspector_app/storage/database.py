"""Connections to the one SQLite file, and transactions over them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, Pool, create_engine, event, insert
from sqlalchemy.orm import DeclarativeBase, Session

from inspector_app.storage.faults import known_faults

_BEGIN = "inspector_begin"


def is_writable(path: Path) -> bool:
    """Whether a database may be written: the file, and the folder that SQLite keeps its log in."""
    place = path.resolve()
    return os.access(place, os.W_OK) and os.access(place.parent, os.W_OK)


def connect(path: Path, busy_timeout_ms: int, read_only: bool = False) -> sqlite3.Connection:
    """SQLite's own connection; one that only reads leaves the folder as it is.

    SQLite reads a file with a log only where it may keep two files beside it, unless it is told that nobody changes the
    file. A log that is there already is another program's and is read too: it must then lie beside its index. Without
    one a writer may still come; so a connection that only reads is for one transaction.
    """
    timeout = busy_timeout_ms / 1000
    if not read_only:
        return sqlite3.connect(path, timeout=timeout, check_same_thread=False)
    # The log lies beside the file itself, not beside a link to it.
    path = path.resolve()
    place = path.as_posix()
    # Three slashes before a drive's letter, four before a network's share.
    address = f"file://{'' if place.startswith('/') else '/'}{quote(os.fsencode(place))}?mode=ro"
    if not path.with_name(f"{path.name}-wal").exists():
        address += "&immutable=1"
    return sqlite3.connect(address, timeout=timeout, check_same_thread=False, uri=True)


def open_engine(
    path: Path,
    busy_timeout_ms: int,
    *,
    read_only: bool = False,
    foreign_keys: bool = True,
    poolclass: type[Pool] | None = None,
) -> Engine:
    """An engine whose transactions are SQLite's own.

    The driver's implicit transactions are switched off, so that a writer can take its lock at the start and
    schema changes can be undone.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        creator=lambda: connect(path, busy_timeout_ms, read_only),
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

    def __init__(self, path: Path, busy_timeout_ms: int, read_only: bool = False) -> None:
        self._path = path
        pool = NullPool if read_only else None
        self._engine = open_engine(path, busy_timeout_ms, read_only=read_only, poolclass=pool)
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
