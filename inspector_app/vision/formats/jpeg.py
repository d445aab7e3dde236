"""JPEG (ITU-T T.81): walked to its end mark, so that a cut file never passes as a half-grey picture."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from inspector_app.vision.formats.info import ImageInfo, check_size, damaged, truncated, unsupported
from inspector_app.vision.formats.tiff_tags import exif_orientation

SIGNATURE = b"\xff\xd8\xff"
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_DECODED_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_SOI, _EOI, _SOS, _DRI, _APP1 = 0xD8, 0xD9, 0xDA, 0xDD, 0xE1
_NEXT_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_PADDING = b"\x55" * 16


@dataclass
class _Walk:
    """What was met on the way."""

    frame: int = 0
    width: int = 0
    height: int = 0
    sampling: tuple[tuple[int, int], ...] = ()
    orientation: int = 1
    interval: int = 0
    scans: list[tuple[int, int]] = field(default_factory=list)
    """Where the coded data of each scan begins and ends."""
    components: set[int] = field(default_factory=set)
    end: int = -1


def read_jpeg(data: bytes) -> ImageInfo:
    """Check a JPEG whose first bytes are ``SIGNATURE``.

    In a sequential file of one scan the end mark is replaced by padding in the payload: libjpeg, out of coded
    data, fills the rest with grey when it meets a mark, but gives up when the data merely stops.

    Raises:
        OperatorError: ``image_truncated``, ``image_damaged``, ``image_too_large`` or ``image_unsupported``.
    """
    walk = _walk(data)
    if not walk.frame:
        raise damaged("its header is missing")
    if len(walk.components) < len(walk.sampling):
        raise truncated("JPEG")
    payload = data[: walk.end]
    if walk.frame in _SEQUENTIAL and len(walk.scans) == 1:
        _check_restarts(data, walk)
        payload = data[: walk.scans[0][1]] + _PADDING
    return ImageInfo("JPEG", walk.width, walk.height, payload, walk.orientation)


def _walk(data: bytes) -> _Walk:
    walk, at = _Walk(), 2
    while True:
        found = _NEXT_MARKER.match(data, at)
        if found is None:
            if at + 2 > len(data) or not data[at:].strip(b"\xff"):
                raise truncated("JPEG")
            raise damaged("one of its parts does not begin where it should")
        marker, at = found.group(1)[0], found.end()
        if marker == _EOI:
            walk.end = at
            return walk
        if marker in (_SOI, 0x01):
            continue
        at = _segment(data, at, marker, walk)


def _segment(data: bytes, at: int, marker: int, walk: _Walk) -> int:
    """Read one segment; returns where the next marker is to be looked for."""
    if at + 2 > len(data):
        raise truncated("JPEG")
    length = int(struct.unpack_from(">H", data, at)[0])
    body, after = data[at + 2 : at + length], at + length
    if length < 2:
        raise damaged("one of its parts has an impossible length")
    if after > len(data):
        raise truncated("JPEG")
    if marker in _SOF:
        _read_frame(marker, body, walk)
    elif marker == _DRI and len(body) == 2:
        walk.interval = struct.unpack(">H", body)[0]
    elif marker == _APP1 and body.startswith(b"Exif\0\0"):
        walk.orientation = exif_orientation(body[6:])
    elif marker == _SOS:
        return _read_scan(data, body, after, walk)
    return after


def _read_frame(marker: int, body: bytes, walk: _Walk) -> None:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise damaged("its header is too short")
    precision, walk.height, walk.width, count = struct.unpack_from(">BHHB", body)
    check_size(walk.width, walk.height)
    if marker not in _DECODED_SOF:
        raise unsupported("a lossless or hierarchical JPEG")
    if precision != 8:
        raise unsupported(f"a JPEG of {precision} bits")
    if count not in (1, 3, 4):
        raise unsupported(f"a JPEG of {count} channels")
    walk.frame = marker
    factors = [body[7 + 3 * i] for i in range(count)]
    walk.sampling = tuple((factor >> 4, factor & 15) for factor in factors)
    if any(not (1 <= h <= 4 and 1 <= v <= 4) for h, v in walk.sampling):
        raise damaged("its header gives an impossible sampling")


def _read_scan(data: bytes, body: bytes, start: int, walk: _Walk) -> int:
    if not body or len(body) < 1 + 2 * body[0]:
        raise damaged("a scan's header is too short")
    walk.components.update(body[1 + 2 * i] for i in range(body[0]))
    found = _NEXT_MARKER.search(data, start)
    if found is None:
        raise truncated("JPEG")
    walk.scans.append((start, found.start()))
    return found.start()


def _check_restarts(data: bytes, walk: _Walk) -> None:
    """Restart marks count 0 to 7 round and round, one after every ``interval`` blocks (T.81, E.1.4)."""
    if not walk.interval:
        return
    marks = [found.group(1)[0] & 7 for found in _RESTART.finditer(data, *walk.scans[0])]
    expected = (_units(walk) - 1) // walk.interval
    if marks != [i % 8 for i in range(expected)]:
        raise truncated("JPEG") if len(marks) < expected else damaged("its restart marks are out of order")


def _units(walk: _Walk) -> int:
    """How many minimum coded units the picture has."""
    if len(walk.sampling) == 1:
        across, down = 8, 8
    else:
        across = 8 * max(h for h, _ in walk.sampling)
        down = 8 * max(v for _, v in walk.sampling)
    return -(-walk.width // across) * -(-walk.height // down)
