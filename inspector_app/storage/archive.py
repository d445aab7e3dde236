"""Images kept by what they hold."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from inspector_app.core.errors import KeeperError, OperatorError
from inspector_app.core.files import atomic_write, ensure_folder
from inspector_app.core.frame import Frame, RgbArray
from inspector_app.storage.png import encode_rgb
from inspector_app.vision.decode import decode_frame

_KEY = re.compile(r"^[0-9a-f]{2}/[0-9a-f]{62}\.png$")
_HASH = re.compile(r"^[0-9a-f]{64}$")
_PNG_END = b"IEND\xaeB`\x82"


class FileImageArchive:
    """``ImageArchive`` in a folder: frames as PNG at ``ab/cdef....png``, named by the sha256 of shape and
    pixels; encoded files as they came at ``ab/cdef....bin``, named by the sha256 of their bytes.

    A key is the file's path within the folder. Safe across threads and processes: a file appears whole, and
    who writes the same one twice writes the same bytes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_of(self, key: str) -> Path:
        """Where the frame with this key lies.

        Raises:
            KeeperError: ``archive_missing`` when it is no key of this archive.
        """
        if not _KEY.match(key):
            raise _missing(key)
        return self._folder / key

    def put(self, frame: Frame) -> str:
        """Store a frame's pixels losslessly and durably; returns its key. Twice the same is stored once.

        Raises:
            KeeperError: ``disk_full``, ``folder_not_writable`` or ``file_not_written``.
        """
        name = _pixel_hash(frame.pixels)
        key = f"{name[:2]}/{name[2:]}.png"
        if not _is_whole(self._folder / key):
            self._write(self._folder / key, encode_rgb(frame.pixels))
        return key

    def get(self, key: str) -> Frame:
        """Load an archived frame. Its ``sha256`` is that of its raw pixels.

        Raises:
            KeeperError: ``archive_missing`` or ``archive_damaged``.
        """
        path = self.path_of(key)
        try:
            frame = decode_frame(_read(path, key), key, path)
        except OperatorError as error:
            raise _damaged(key) from error
        if _pixel_hash(frame.pixels) != key[:2] + path.stem:
            raise _damaged(key)
        return replace(frame, sha256=hashlib.sha256(frame.pixels.data).hexdigest())

    def put_bytes(self, data: bytes) -> str:
        """Store encoded bytes (a golden's file) durably as they are; returns their sha256 in hex.

        Raises:
            KeeperError: ``disk_full``, ``folder_not_writable`` or ``file_not_written``.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._bytes_path(sha256)
        # Goldens are few and matter: what is there already is read again, and mended if it was damaged.
        if not path.is_file() or path.read_bytes() != data:
            self._write(path, data)
        return sha256

    def get_bytes(self, sha256: str) -> bytes:
        """The bytes that ``put_bytes`` stored.

        Raises:
            KeeperError: ``archive_missing`` or ``archive_damaged``.
        """
        if not _HASH.match(sha256):
            raise _missing(sha256)
        data = _read(self._bytes_path(sha256), sha256)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _damaged(sha256)
        return data

    def _bytes_path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256[2:]}.bin"

    def _write(self, path: Path, data: bytes) -> None:
        ensure_folder(path.parent)
        atomic_write(path, data)


def _pixel_hash(pixels: RgbArray) -> str:
    # The shape belongs to it: a flat 2 x 8 and a flat 4 x 4 picture have the same bytes.
    digest = hashlib.sha256(f"{pixels.shape[1]}x{pixels.shape[0]}:".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _is_whole(path: Path) -> bool:
    """Whether there is a PNG with its end: a cheap look for files cut short by a failing disk."""
    try:
        with path.open("rb") as stream:
            stream.seek(-len(_PNG_END), os.SEEK_END)
            return stream.read() == _PNG_END
    except OSError:
        return False


def _read(path: Path, key: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _missing(key) from error
    except OSError as error:
        raise _damaged(key) from error


def _missing(key: str) -> KeeperError:
    return KeeperError(
        "archive_missing",
        f"The image {key} is not in the archive.",
        "It may have been deleted by hand; the record and its map are still there.",
    )


def _damaged(key: str) -> KeeperError:
    return KeeperError(
        "archive_damaged",
        f"The archived image {key} is damaged.",
        "Check the disk; the record and its map are still there.",
    )
