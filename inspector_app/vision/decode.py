"""The one decoder: encoded bytes in, upright 8-bit RGB out.

What is decoded once here is shown, stored and scored. The rules:

- The format is told by content. The header is read first, and a picture beyond 200 megapixels is refused
  before anything is allocated. A file that is cut off is refused, never shown in part.
- EXIF orientation (JPEG, PNG, WebP) and TIFF's tag are applied. Colour profiles and gamma are not.
- 16 bits become 8 over the full range: ``round(value / 257)``.
- Transparency is laid over white. An extra TIFF channel of unknown meaning and BMP's fourth byte are ignored.
- Grey becomes three equal channels; palettes are expanded; CMYK and YCCK follow Adobe's inverted convention
  in JPEG, without a profile.
- Of several pages or pictures, the first one is read.
"""

from __future__ import annotations

import hashlib
import stat
import time
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Mask
from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame, RgbArray
from inspector_app.vision.formats import png, tiff
from inspector_app.vision.formats.info import Alpha, ImageInfo, damaged
from inspector_app.vision.headers import read_header

MAX_FILE_BYTES = 2_000_000_000

_Pixels = NDArray[np.uint8] | NDArray[np.uint16]
_Kind = TypeVar("_Kind", np.uint8, np.bool_)


def decode_frame(data: bytes, name: str, path: Path | None = None) -> Frame:
    """Decode an encoded picture.

    Args:
        data: a whole PNG, JPEG, TIFF, BMP or WebP file.
        name: what to call it on screen and in records.
        path: where it came from.

    Returns:
        A frame with ``H x W x 3`` uint8 RGB, upright, and the sha256 of ``data``.

    Raises:
        OperatorError: ``image_empty``, ``image_not_an_image``, ``image_unsupported``, ``image_too_large``,
            ``image_truncated`` or ``image_damaged``.
    """
    started = time.perf_counter()
    pixels = decode_pixels(data)
    digest = hashlib.sha256(data).hexdigest()
    return Frame(pixels, name, digest, path, load_ms=(time.perf_counter() - started) * 1000.0)


def read_frame(path: Path, name: str | None = None) -> Frame:
    """Read and decode a file; its name on screen is ``name``, or the file's own.

    Raises:
        OperatorError: ``image_missing``, ``image_unreadable``, or as ``decode_frame``.
    """
    started = time.perf_counter()
    data = read_bytes(path)
    frame = decode_frame(data, path.name if name is None else name, path)
    return Frame(
        frame.pixels, frame.name, frame.sha256, path, load_ms=(time.perf_counter() - started) * 1000.0
    )


def read_bytes(path: Path) -> bytes:
    """A regular file's bytes.

    Raises:
        OperatorError: ``image_missing``, ``image_unreadable`` or ``image_too_large``.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OperatorError("image_unreadable", "This is not a file but a folder or a device.")
        if status.st_size > MAX_FILE_BYTES:
            raise OperatorError("image_too_large", f"The file is too large: {status.st_size / 1e9:.1f} GB.")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise OperatorError(
            "image_missing", "The image file is not there.", "It may have been moved, renamed or deleted."
        ) from error
    except PermissionError as error:
        raise OperatorError(
            "image_unreadable", "The image file may not be read.", "Ask for permission to read it."
        ) from error
    except OSError as error:
        raise OperatorError(
            "image_unreadable",
            f"The image file cannot be read: {error.strerror}.",
            "Check the disk or network.",
        ) from error


def decode_pixels(data: bytes) -> RgbArray:
    """As ``decode_frame``, the ``H x W x 3`` uint8 pixels alone."""
    info = read_header(data)
    pixels = _decode(info)
    if info.plain_rgb:
        return np.ascontiguousarray(_upright(_to_eight_bits(pixels), info.orientation))
    if info.white_is_zero:
        pixels = np.invert(pixels)
    alpha = _alpha(pixels, info)
    colour = _to_rgb(_to_eight_bits(pixels))
    if alpha is not None:
        colour = _over_white(colour, alpha, info.alpha)
    return np.ascontiguousarray(_upright(colour, info.orientation))


def decode_mask(data: bytes) -> Mask:
    """An encoded mask as ``H x W`` bool, upright: True where any colour is above zero and not fully transparent.

    Depth plays no part: 0/1, 0/255 and 0/65535 are the same mask.

    Raises:
        OperatorError: as ``decode_frame``.
    """
    info = read_header(data)
    pixels = _decode(info)
    if info.white_is_zero:
        pixels = np.invert(pixels)
    colours = pixels if pixels.ndim == 3 else pixels[:, :, None]
    mask: Mask = np.asarray((colours[:, :, :3] > 0).any(axis=2), dtype=np.bool_)
    alpha = _alpha(pixels, info)
    if alpha is not None:
        mask = mask & (alpha > 0)
    return np.ascontiguousarray(_upright(mask, info.orientation), dtype=np.bool_)


def _decode(info: ImageInfo) -> _Pixels:
    """In OpenCV's order of channels, blue first, but for ``plain_rgb``."""
    # Set at every call, since the level is the library's and anyone may have changed it; nothing is restored,
    # so that two threads cannot restore each other's.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION if info.as_colour else cv2.IMREAD_UNCHANGED
    if info.plain_rgb:
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded = cv2.imdecode(np.frombuffer(info.payload, dtype=np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            # The file is sound; another time there may be room for it.
            raise MemoryError from error
        raise damaged("it cannot be decoded") from error
    if decoded is None:
        raise _undecodable(info.kind)
    if decoded.dtype == np.uint16:
        return np.asarray(decoded, dtype=np.uint16)
    if decoded.dtype == np.uint8:
        return np.asarray(decoded, dtype=np.uint8)
    raise damaged("it decodes to an unknown kind of pixel")


def _undecodable(kind: str) -> OperatorError:
    if kind == "PNG":
        return png.undecodable()
    if kind == "TIFF":
        return tiff.undecodable()
    return OperatorError(
        "image_truncated", f"The {kind} file is cut off or damaged.", "Copy or capture it again."
    )


def _alpha(pixels: _Pixels, info: ImageInfo) -> NDArray[np.uint8] | None:
    """``H x W`` coverage, 255 opaque; None when all is opaque."""
    if pixels.ndim == 2:
        if info.grey_key is None:
            return None
        return np.where(pixels == info.grey_key, 0, 255).astype(np.uint8)
    if pixels.shape[2] < 4 or info.alpha is Alpha.IGNORED:
        return None
    alpha = _to_eight_bits(pixels[:, :, 3])
    return None if alpha.min() == 255 else alpha


def _to_eight_bits(pixels: _Pixels) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, dtype=np.uint8)
    table = ((np.arange(65536, dtype=np.uint32) + 128) // 257).astype(np.uint8)
    return np.asarray(table[pixels], dtype=np.uint8)


def _to_rgb(pixels: NDArray[np.uint8]) -> RgbArray:
    if pixels.ndim == 2:
        code = cv2.COLOR_GRAY2RGB
    else:
        code = cv2.COLOR_BGRA2RGB if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)


def _over_white(colour: RgbArray, alpha: NDArray[np.uint8], kind: Alpha) -> RgbArray:
    cover = alpha.astype(np.uint16)[:, :, None]
    if kind is Alpha.PREMULTIPLIED:
        return np.asarray(np.minimum(colour + (255 - cover), 255), dtype=np.uint8)
    weighted: NDArray[np.uint32] = colour.astype(np.uint32) * cover + 255 * (255 - cover.astype(np.uint32))
    return np.asarray((weighted + 127) // 255, dtype=np.uint8)


def _upright(pixels: NDArray[_Kind], orientation: int) -> NDArray[_Kind]:
    """Undo what EXIF's orientation (1..8) says of how the picture is stored."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
