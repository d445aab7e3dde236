"""The images of a folder, in one fixed order."""

from __future__ import annotations

import os
import re
from pathlib import Path

from inspector_app.core.errors import OperatorError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})

_DIGITS = re.compile(r"([0-9]+)")


def list_images(folder: Path, recursive: bool) -> list[Path]:
    """The files that are images by their suffix (in any case), sorted by relative path, numbers by value.

    Hidden files and folders are left out, and folders that are links are not entered, so that no loop is
    walked. A link to a file counts as one, and a dangling one is listed too: that it cannot be read is for the
    reader to say.

    Raises:
        OperatorError: ``folder_missing``, or ``folder_unreadable`` for it or a folder within: images are never
            left out in silence.
    """
    found: list[str] = []
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        for entry in _entries(folder, relative):
            path = f"{relative}/{entry.name}" if relative else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if recursive:
                    waiting.append(path)
            elif _suffix(entry.name) in IMAGE_SUFFIXES and not entry.is_dir():
                found.append(path)
    return [folder / path for path in sorted(found, key=natural_key)]


def natural_key(path: str) -> tuple[tuple[tuple[str | int, ...], ...], str]:
    """A sort key for relative paths with ``/``: part by part, ignoring case, digits by value, ties by the text."""
    parts = tuple(
        tuple(int(piece) if i % 2 else piece.casefold() for i, piece in enumerate(_DIGITS.split(part)))
        for part in path.split("/")
    )
    return parts, path


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _entries(folder: Path, relative: str) -> list[os.DirEntry[str]]:
    place = folder / relative
    try:
        with os.scandir(place) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise OperatorError(
            "folder_missing", f"There is no folder {place}.", "Choose another one."
        ) from error
    except OSError as error:
        raise OperatorError(
            "folder_unreadable",
            f"The folder {place} cannot be read: {error.strerror}.",
            "Ask for permission to read it, or leave it out.",
        ) from error
