"""The tags of TIFF files and of EXIF blocks, which are TIFF files in small (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

ORIENTATION = 274
_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}


class TagError(ValueError):
    """A directory that cannot be read; ``cut`` when it lies beyond the end of the data."""

    def __init__(self, message: str, cut: bool = False) -> None:
        super().__init__(message)
        self.cut = cut


def read_tags(data: bytes, wanted: frozenset[int]) -> Mapping[int, tuple[int, ...]]:
    """The first directory's wanted tags of unsigned integer type, each as the tuple of its values.

    Classic TIFF and BigTIFF, either byte order.

    Raises:
        TagError: when ``data`` is no TIFF or the directory is cut off.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise TagError("no byte order mark")
    try:
        return _read_directory(data, order, wanted)
    except struct.error as error:
        raise TagError("the directory lies beyond the end of the file", cut=True) from error


def _read_directory(data: bytes, order: str, wanted: frozenset[int]) -> Mapping[int, tuple[int, ...]]:
    version = struct.unpack_from(order + "H", data, 2)[0]
    if version not in (42, 43):
        raise TagError(f"unknown version {version}")
    big = version == 43
    start = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    first, length = (start + 8, 20) if big else (start + 2, 12)
    if first + count * length > len(data):
        raise TagError("the directory lies beyond the end of the file", cut=True)
    tags = {}
    for entry in range(first, first + count * length, length):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in wanted and kind in _FORMATS:
            tags[tag] = _values(data, order, entry + 4, kind, big)
    return tags


def _values(data: bytes, order: str, at: int, kind: int, big: bool) -> tuple[int, ...]:
    count_format, inline = ("Q", 8) if big else ("I", 4)
    count = struct.unpack_from(order + count_format, data, at)[0]
    letter = _FORMATS[kind]
    size = count * struct.calcsize(letter)
    place = at + inline
    if size > inline:
        place = struct.unpack_from(order + count_format, data, place)[0]
    if place + size > len(data):
        raise TagError("a tag's values lie beyond the end of the file", cut=True)
    return struct.unpack_from(f"{order}{count}{letter}", data, place)


def exif_orientation(block: bytes) -> int:
    """The orientation (1..8) that an EXIF block gives; 1 when it gives none or cannot be read."""
    try:
        values = read_tags(block, frozenset({ORIENTATION})).get(ORIENTATION, (1,))
    except TagError:
        return 1  # viewers show such a picture as it is stored; a broken remark is no reason to refuse it
    return values[0] if values and 1 <= values[0] <= 8 else 1
