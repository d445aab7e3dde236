"""TIFF 6.0 and BigTIFF: the first page; only the kinds that the decoder was measured to read rightly."""

from __future__ import annotations

from collections.abc import Mapping

from inspector_app.core.errors import OperatorError
from inspector_app.vision.formats.info import Alpha, ImageInfo, check_size, damaged, truncated, unsupported
from inspector_app.vision.formats.tiff_tags import TagError, read_tags

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 256, 257, 258, 262
_OFFSETS, _SAMPLES, _COUNTS, _PLANAR = 273, 277, 279, 284
_TILE_OFFSETS, _TILE_COUNTS, _EXTRA, _FORMAT = 324, 325, 338, 339
_WANTED = frozenset(
    {
        _WIDTH,
        _HEIGHT,
        _BITS,
        _PHOTOMETRIC,
        _OFFSETS,
        _SAMPLES,
        _COUNTS,
        _PLANAR,
        _TILE_OFFSETS,
        _TILE_COUNTS,
        _EXTRA,
        _FORMAT,
    }
)
_WHITE_IS_ZERO, _GREY, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_COLOURS = {_WHITE_IS_ZERO: 1, _GREY: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
_DEPTHS = {
    _WHITE_IS_ZERO: (1, 8, 16),
    _GREY: (1, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (4, 8),
    _CMYK: (8,),
    _YCBCR: (8,),
}
_Tags = Mapping[int, tuple[int, ...]]


def read_tiff(data: bytes) -> ImageInfo:
    """Check a TIFF whose first bytes are one of ``SIGNATURES``.

    The decoder applies the orientation tag by itself.

    Raises:
        OperatorError: ``image_truncated``, ``image_damaged``, ``image_too_large`` or ``image_unsupported``.
    """
    try:
        tags = read_tags(data, _WANTED)
    except TagError as error:
        raise truncated("TIFF") if error.cut else damaged(str(error)) from error
    width, height = _one(tags, _WIDTH, 0), _one(tags, _HEIGHT, 0)
    check_size(width, height)
    photometric, bits = _one(tags, _PHOTOMETRIC, -1), _one(tags, _BITS, 1)
    _check_kind(tags, photometric, bits)
    _check_whole(tags, len(data))
    return ImageInfo(
        "TIFF",
        width,
        height,
        data,
        alpha=_alpha(tags, photometric, bits),
        white_is_zero=photometric == _WHITE_IS_ZERO and bits == 16,
        as_colour=photometric == _CMYK,
    )


def _one(tags: _Tags, tag: int, default: int) -> int:
    values = tags.get(tag, ())
    return values[0] if values else default


def _check_kind(tags: _Tags, photometric: int, bits: int) -> None:
    if any(value not in (1, 4) for value in tags.get(_FORMAT, ())):
        raise unsupported("a TIFF with floating-point or signed pixels")
    if photometric not in _COLOURS:
        raise unsupported(f"a TIFF of colour model {photometric}")
    if bits not in _DEPTHS[photometric] or len(set(tags.get(_BITS, ()))) > 1:
        raise unsupported(f"a TIFF of {bits} bits in colour model {photometric}")
    samples = _one(tags, _SAMPLES, 1)
    extra = samples - _COLOURS[photometric]
    allowed = (0, 1) if photometric == _RGB else (0,)
    if extra not in allowed:
        raise unsupported(f"a TIFF of {samples} channels in colour model {photometric}")
    if _one(tags, _PLANAR, 1) != 1 and bits != 8:
        raise unsupported("a TIFF with 16 bits in separate planes")


def _check_whole(tags: _Tags, length: int) -> None:
    offsets = tags.get(_TILE_OFFSETS) or tags.get(_OFFSETS)
    counts = tags.get(_TILE_COUNTS) or tags.get(_COUNTS)
    if not offsets or not counts or len(offsets) != len(counts):
        raise damaged("it does not say where its pixels are")
    if any(offset + count > length for offset, count in zip(offsets, counts, strict=True)):
        raise truncated("TIFF")


def _alpha(tags: _Tags, photometric: int, bits: int) -> Alpha:
    """The decoder gives 8-bit straight alpha multiplied in already, and 16-bit as it is stored."""
    meaning = _one(tags, _EXTRA, 0)
    if photometric != _RGB or meaning == 0:
        return Alpha.IGNORED
    return Alpha.STRAIGHT if meaning == 2 and bits == 16 else Alpha.PREMULTIPLIED


def undecodable() -> OperatorError:
    """What a decoder's refusal means once all strips were found inside the file."""
    return unsupported("its compression is unknown, or its pixels are damaged")
