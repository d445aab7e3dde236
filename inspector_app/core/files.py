"""Files written whole or not at all: beside the target, synced, then moved over it."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from inspector_app.core.errors import KeeperError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def write_fault(error: OSError, path: Path) -> KeeperError:
    """What the station's keeper is told about a failed write to ``path``."""
    if error.errno in _FULL:
        return KeeperError("disk_full", f"The disk is full: {path} could not be written.", "Free some space.")
    if error.errno in _REFUSED:
        return KeeperError(
            "folder_not_writable",
            f"{path} could not be written: permission denied.",
            "Check the rights on the folder, or choose another data folder.",
        )
    return KeeperError("file_not_written", f"{path} could not be written: {error.strerror or error}.")


def ensure_folder(folder: Path) -> None:
    """Create ``folder`` and its parents where they are missing, durably.

    Raises:
        KeeperError: ``disk_full``, ``folder_not_writable`` or ``file_not_written``.
    """
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise write_fault(error, folder) from error


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut, where the platform can."""
    if os.name == "nt":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        # A folder may be open to writing and closed to reading; its files are synced all the same.
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file to write into, which takes the place of ``path`` when the block ends well.

    Until then, and after any failure, what stood at ``path`` stays as it was. A device or pipe (such as
    ``/dev/stdout``) is written directly, since it must not be replaced; a symbolic link is followed.

    Raises:
        KeeperError: ``disk_full``, ``folder_not_writable`` or ``file_not_written``.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                yield stream
            return
        with _beside(Path(os.path.realpath(path))) as stream:
            yield stream
    except OSError as error:
        raise write_fault(error, path) from error


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[BinaryIO]:
    # The name does not grow with the target's, which may already be as long as the file system allows.
    beside = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with beside.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync_folder(target.parent)


def atomic_write(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``, whole or not at all, durably. The folder must exist.

    Raises:
        KeeperError: ``disk_full``, ``folder_not_writable`` or ``file_not_written``.
    """
    with atomic_file(path) as stream:
        stream.write(data)
