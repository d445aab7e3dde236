"""BMP with the headers of OS/2 1.x and Windows 3 and later."""

from __future__ import annotations

import struct

from inspector_app.vision.formats.info import Alpha, ImageInfo, check_size, damaged, truncated, unsupported

SIGNATURE = b"BM"
_RGB, _RLE8, _RLE4, _BITFIELDS = 0, 1, 2, 3
_DEPTHS = {_RGB: (1, 4, 8, 16, 24, 32), _RLE8: (8,), _RLE4: (4,), _BITFIELDS: (16, 32)}


def read_bmp(data: bytes) -> ImageInfo:
    """Check a BMP whose first bytes are ``SIGNATURE``.

    The fourth byte of 32-bit files is ignored: most writers leave it at zero.

    Raises:
        OperatorError: ``image_truncated``, ``image_damaged``, ``image_too_large`` or ``image_unsupported``.
    """
    if len(data) < 26:
        raise truncated("BMP")
    offset, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        width, height, bits = *struct.unpack_from("<HH", data, 18), struct.unpack_from("<H", data, 24)[0]
        compression, stated = _RGB, 0
    elif 40 <= header <= 124:
        if len(data) < 54:
            raise truncated("BMP")
        width, height, _, bits, compression, stated = struct.unpack_from("<iiHHII", data, 18)
    else:
        raise damaged("its header has an unknown length")
    height = abs(height)
    check_size(width, height)
    if bits not in _DEPTHS.get(compression, ()):
        raise unsupported(f"a BMP of {bits} bits with compression {compression}")
    needed = stated if compression in (_RLE8, _RLE4) else (width * bits + 31) // 32 * 4 * height
    if offset + needed > len(data):
        raise truncated("BMP")
    return ImageInfo("BMP", width, height, data, alpha=Alpha.IGNORED, as_colour=header == 12)
