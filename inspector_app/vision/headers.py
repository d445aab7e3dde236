"""What a file is, by its content and never by its name, and whether it is whole; nothing is decoded here."""

from __future__ import annotations

from inspector_app.core.errors import OperatorError
from inspector_app.vision.formats import bmp, jpeg, png, tiff, webp
from inspector_app.vision.formats.info import ImageInfo, unsupported

_FOREIGN = (
    (b"GIF8", 0, "GIF"),
    (b"\0\0\0\x0cjP  ", 0, "JPEG 2000"),
    (b"\xff\x4f\xff\x51", 0, "JPEG 2000"),
    (b"ftypavif", 4, "AVIF"),
    (b"ftypheic", 4, "HEIC"),
    (b"ftypmif1", 4, "HEIF"),
    (b"\xff\x0a", 0, "JPEG XL"),
    (b"v/1\x01", 0, "OpenEXR"),
    (b"8BPS", 0, "Photoshop"),
    (b"%PDF", 0, "PDF"),
)
"""Signature, where it stands, and the name of formats that are known but not read."""


def read_header(data: bytes) -> ImageInfo:
    """Tell the format, size and orientation of an encoded picture, and check that it is whole.

    Raises:
        OperatorError: ``image_empty``, ``image_not_an_image``, ``image_unsupported``, ``image_too_large``,
            ``image_truncated`` or ``image_damaged``.
    """
    if not data:
        raise OperatorError("image_empty", "The image file is empty.", "Copy or capture it again.")
    if data.startswith(png.SIGNATURE):
        return png.read_png(data)
    if data.startswith(jpeg.SIGNATURE):
        return jpeg.read_jpeg(data)
    if data.startswith(tiff.SIGNATURES):
        return tiff.read_tiff(data)
    if webp.is_webp(data):
        return webp.read_webp(data)
    for signature, at, name in _FOREIGN:
        if data.startswith(signature, at):
            raise unsupported(f"a {name} file")
    if data.startswith(bmp.SIGNATURE) and _plausible_bmp(data):
        return bmp.read_bmp(data)
    if _cut_signature(data):
        raise OperatorError(
            "image_truncated", "The image file is cut off after a few bytes.", "Copy or capture it again."
        )
    raise OperatorError(
        "image_not_an_image",
        "The file is not an image, whatever its name says.",
        "PNG, JPEG, TIFF, BMP and WebP files are read.",
    )


def _plausible_bmp(data: bytes) -> bool:
    """ "BM" alone begins many a text; a BMP has a header length of 12 or 40 and more at byte 14."""
    return len(data) < 18 or data[14:18] in {bytes([n, 0, 0, 0]) for n in (12, 40, 52, 56, 64, 108, 124)}


def _cut_signature(data: bytes) -> bool:
    whole = (png.SIGNATURE, jpeg.SIGNATURE, *tiff.SIGNATURES)
    return any(signature.startswith(data) for signature in whole)
