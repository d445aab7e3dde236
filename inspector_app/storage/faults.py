"""Known faults of the database told apart from bugs."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from inspector_app.core.errors import KeeperError
from inspector_app.core.files import write_fault

_PRIMARY = 0xFF


@contextlib.contextmanager
def known_faults(path: Path) -> Iterator[None]:
    """Translate what SQLite can suffer into ``KeeperError``; anything else is a bug and passes through.

    Raises:
        KeeperError: ``disk_full``, ``database_locked``, ``database_damaged``, ``folder_not_writable`` or
            ``database_io``.
    """
    try:
        yield
    except DBAPIError as error:
        known = _known(error.orig, path)
        if known is None:
            raise
        raise known from error
    except sqlite3.Error as error:
        known = _known(error, path)
        if known is None:
            raise
        raise known from error
    except OSError as error:
        raise write_fault(error, path) from error


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the database."""
    return _primary(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def damaged(path: Path, what: str) -> KeeperError:
    """The file is no database, or one whose content does not hold together."""
    return KeeperError(
        "database_damaged",
        f"The database {path} is damaged ({what}).",
        "It was left as it is. Put back a copy of it, or choose another data folder.",
    )


def _primary(error: sqlite3.Error) -> int | None:
    """SQLite's result code without its details; None where the driver itself complains."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY


def _known(error: BaseException | None, path: Path) -> KeeperError | None:
    if not isinstance(error, sqlite3.Error):
        return None
    if is_busy(error):
        return KeeperError(
            "database_locked",
            f"The database {path} is in use by another program.",
            "Close what holds it (a database viewer, a backup) and try again.",
        )
    match _primary(error):
        case sqlite3.SQLITE_FULL:
            return write_fault(OSError(errno.ENOSPC, "no space left"), path)
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return damaged(path, str(error))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return write_fault(OSError(errno.EACCES, "permission denied"), path)
        case sqlite3.SQLITE_IOERR:
            return KeeperError(
                "database_io",
                f"The database {path} could not be read or written ({error}).",
                "Check the disk and, if the folder lies on a network, the connection.",
            )
    return None
