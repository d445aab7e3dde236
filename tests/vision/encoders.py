"""Small encoders for tests, written from the formats' specifications, so that no library grades itself."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
"""PNG colour types."""
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and steps, of the seven passes of an interlaced PNG."""


def chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def pack_bits(row: NDArray[np.uint8], depth: int) -> bytes:
    """Samples of 1, 2 or 4 bits into bytes, the first sample in the highest bits."""
    bits = np.unpackbits(row.reshape(-1, 1), axis=1)[:, 8 - depth :]
    return np.packbits(bits.reshape(-1)).tobytes()


def png(
    samples: NDArray[np.generic],
    colour: int,
    depth: int = 8,
    extra: Sequence[bytes] = (),
    end: bytes | None = None,
    interlaced: bool = False,
) -> bytes:
    """A PNG of ``H x W`` or ``H x W x C`` samples; ``extra`` chunks go before IDAT."""
    height, width = samples.shape[:2]
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    rows = [_png_row(row, depth) for part in passes for row in part if row.size]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    tail = chunk(b"IEND", b"") if end is None else end
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + tail
    )


def _png_row(row: NDArray[np.generic], depth: int) -> bytes:
    if depth < 8:
        return b"\0" + pack_bits(row.astype(np.uint8), depth)
    return b"\0" + row.astype(">u2" if depth == 16 else np.uint8).tobytes()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, RGB, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(64)))
        + chunk(b"IEND", b"")
    )


def exif(orientation: int, order: str = "<") -> bytes:
    """An EXIF block (a TIFF with one IFD) that holds an orientation."""
    mark = b"II" if order == "<" else b"MM"
    entry = struct.pack(order + "HHIHH", 274, 3, 1, orientation, 0)
    return mark + struct.pack(order + "HIH", 42, 8, 1) + entry + struct.pack(order + "I", 0)


def jpeg_with_exif(data: bytes, orientation: int, order: str = "<") -> bytes:
    """Insert an EXIF segment right after a JPEG's SOI."""
    body = b"Exif\0\0" + exif(orientation, order)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def tiff(
    samples: NDArray[np.generic],
    photometric: int,
    bits: int = 8,
    tags: dict[int, tuple[int, Sequence[int]]] | None = None,
    order: str = "<",
) -> bytes:
    """An uncompressed, one-strip TIFF; ``tags`` adds or replaces ``tag: (type, values)``."""
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    if bits < 8:
        body = b"".join(pack_bits(row.astype(np.uint8), bits) for row in samples)
    else:
        body = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    entries: dict[int, tuple[int, Sequence[int]]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * channels),
        259: (3, [1]),
        262: (3, [photometric]),
        273: (4, [8]),
        277: (3, [channels]),
        278: (4, [height]),
        279: (4, [len(body)]),
        284: (3, [1]),
    }
    entries.update(tags or {})
    return _tiff_file(body, entries, order)


def tiled_tiff(samples: NDArray[np.generic], bits: int, side: int) -> bytes:
    """An RGB TIFF in uncompressed tiles."""
    height, width = samples.shape[:2]
    down, across = -(-height // side), -(-width // side)
    padded = np.zeros((down * side, across * side, 3), samples.dtype)
    padded[:height, :width] = samples
    tiles = padded.reshape(down, side, across, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    size = side * side * 3 * bits // 8
    tags = {
        322: (3, [side]),
        323: (3, [side]),
        324: (4, [8 + i * size for i in range(len(tiles))]),
        325: (4, [size] * len(tiles)),
    }
    entries = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * 3),
        259: (3, [1]),
        262: (3, [2]),
        277: (3, [3]),
        284: (3, [1]),
        **tags,
    }
    return _tiff_file(tiles.astype(tiles.dtype.newbyteorder("<")).tobytes(), entries, "<")


def _tiff_file(body: bytes, entries: dict[int, tuple[int, Sequence[int]]], order: str) -> bytes:
    body += b"\0" * (len(body) % 2)
    ifd = 8 + len(body)
    spill_at = ifd + 2 + 12 * len(entries) + 4
    table, spill = b"", b""
    for tag, (kind, values) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            field = struct.pack(order + "I", spill_at + len(spill))
            spill += packed
        else:
            field = packed.ljust(4, b"\0")
        table += struct.pack(order + "HHI", tag, kind, len(values)) + field
    mark = b"II" if order == "<" else b"MM"
    start = mark + struct.pack(order + "HI", 42, ifd)
    return start + body + struct.pack(order + "H", len(entries)) + table + bytes(4) + spill


def bmp(
    rows: bytes,
    width: int,
    height: int,
    bits: int,
    compression: int = 0,
    extra: bytes = b"",
    header: int = 40,
) -> bytes:
    """A BMP from rows already packed and padded; ``extra`` is what lies between header and pixels."""
    offset = 14 + header + len(extra)
    info = struct.pack(
        "<IiiHHIIiiII", header, width, height, 1, bits, compression, len(rows), 2835, 2835, 0, 0
    )
    if header > 40:
        info += extra[: header - 40]
        extra = extra[header - 40 :]
        offset = 14 + header + len(extra)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + info + extra + rows
