"""PNG (ISO/IEC 15948): every chunk is walked and its checksum verified before the decoder sees the file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from inspector_app.core.errors import OperatorError
from inspector_app.vision.formats.info import ImageInfo, check_size, damaged, truncated
from inspector_app.vision.formats.tiff_tags import exif_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def read_png(data: bytes) -> ImageInfo:
    """Check a PNG whose first bytes are ``SIGNATURE``.

    The payload keeps only the chunks that make pixels: text, profiles, gamma and animation are left out, so
    that what is shown never depends on them and the decoder has nothing to warn about.

    Raises:
        OperatorError: ``image_truncated``, ``image_damaged`` or ``image_too_large``.
    """
    width, height, depth, colour = _header(data)
    kept = [SIGNATURE]
    orientation, key, has_pixels, ended = 1, None, False, False
    plain = (colour, depth) == (2, 8)
    for kind, body, whole in _chunks(data):
        if kind == b"eXIf":
            orientation = exif_orientation(body)
        elif kind == b"tRNS" and colour == 0:
            key = _grey_key(body, depth)
            continue  # the decoder gives grey without its transparent level
        plain &= kind != b"tRNS"
        has_pixels |= kind == b"IDAT"
        if kind in _KEPT:
            kept.append(whole)
        if kind == b"IEND":
            ended = True
            break
    if not ended or not has_pixels:
        raise truncated("PNG")
    return ImageInfo("PNG", width, height, b"".join(kept), orientation, grey_key=key, plain_rgb=plain)


def _header(data: bytes) -> tuple[int, int, int, int]:
    if len(data) < 33:
        raise truncated("PNG")
    if data[12:16] != b"IHDR":
        raise damaged("its header is missing")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    check_size(width, height)
    if depth not in _DEPTHS.get(colour, ()):
        raise damaged(f"its header gives colour type {colour} with {depth} bits")
    return width, height, depth, colour


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind, body and the whole chunk, in order."""
    at = len(SIGNATURE)
    while at < len(data):
        if at + 12 > len(data):
            raise truncated("PNG")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise truncated("PNG")
        if kind in _KEPT and zlib.crc32(memoryview(data)[at + 4 : end - 4]) != _crc(data, end):
            raise damaged("a part of it has a wrong checksum")
        yield kind, data[at + 8 : end - 4], data[at:end]
        at = end


def _crc(data: bytes, end: int) -> int:
    return int(struct.unpack_from(">I", data, end - 4)[0])


def _grey_key(body: bytes, depth: int) -> int:
    if len(body) != 2:
        raise damaged("its transparent colour has a wrong length")
    key = int(struct.unpack(">H", body)[0])
    return key * 255 // (2**depth - 1) if depth < 8 else key


def undecodable() -> OperatorError:
    """What a decoder's refusal means once every chunk was found whole: too few or unsound pixels within."""
    return damaged("its compressed pixels cannot be unpacked")
