"""WebP (RFC 9649)."""

from __future__ import annotations

import struct

from inspector_app.vision.formats.info import ImageInfo, check_size, damaged, truncated
from inspector_app.vision.formats.tiff_tags import exif_orientation


def is_webp(data: bytes) -> bool:
    """Whether the first bytes are a WebP's."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_webp(data: bytes) -> ImageInfo:
    """Check a WebP; of an animation, the first picture is read.

    Raises:
        OperatorError: ``image_truncated``, ``image_damaged`` or ``image_too_large``.
    """
    if len(data) < 30:
        raise truncated("WebP")
    width, height = _size(data)
    check_size(width, height)
    end = struct.unpack_from("<I", data, 4)[0] + 8
    if end > len(data):
        raise truncated("WebP")
    return ImageInfo("WebP", width, height, data, _orientation(data, end))


def _size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise damaged("its header is missing")


def _orientation(data: bytes, end: int) -> int:
    at = 12
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            return exif_orientation(data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    return 1
