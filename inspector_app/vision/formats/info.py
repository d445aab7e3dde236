"""What a file says of itself before it is decoded, and the faults that all formats share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from inspector_app.core.errors import OperatorError

MAX_PIXELS = 200_000_000
"""The largest picture that is decoded: 200 megapixels (600 MB as RGB)."""

MAX_SIDE = 1_000_000
"""The longest side; the decoder's own limit is 2**20."""


class Alpha(Enum):
    """How a fourth channel is to be read."""

    IGNORED = "ignored"
    STRAIGHT = "straight"
    PREMULTIPLIED = "premultiplied"


@dataclass(frozen=True)
class ImageInfo:
    """A checked file.

    Attributes:
        kind: the format's name, for messages.
        width, height: as stored, before the orientation is applied.
        payload: the bytes to hand to the decoder, without the parts that it need not see.
        orientation: EXIF's 1..8 that is still to be applied to the decoded pixels.
        alpha: how a fourth channel is meant.
        white_is_zero: 16-bit grey in which the decoder leaves 0 as white.
        grey_key: the grey level, on the decoded scale, that is transparent.
        as_colour: the decoder is asked for three 8-bit channels, since it gives the raw ones wrongly.
        plain_rgb: three 8-bit channels and nothing else, so that the decoder may put them in order itself.
    """

    kind: str
    width: int
    height: int
    payload: bytes
    orientation: int = 1
    alpha: Alpha = Alpha.STRAIGHT
    white_is_zero: bool = False
    grey_key: int | None = None
    as_colour: bool = False
    plain_rgb: bool = False


def check_size(width: int, height: int) -> None:
    """Refuse a picture by its header.

    Raises:
        OperatorError: ``image_damaged`` for a size of zero, ``image_too_large`` beyond ``MAX_PIXELS`` or
            ``MAX_SIDE``.
    """
    if width < 1 or height < 1:
        raise damaged(f"its header gives a size of {width} x {height}")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise OperatorError(
            "image_too_large",
            f"The image is too large: {width:,} x {height:,} pixels.",
            f"At most {MAX_PIXELS // 1_000_000} megapixels and {MAX_SIDE:,} pixels a side are read.",
        )


def truncated(kind: str) -> OperatorError:
    """The file ends before the picture does."""
    return OperatorError(
        "image_truncated",
        f"The {kind} file is cut off: it ends before the picture does.",
        "Copy or capture it again.",
    )


def damaged(what: str) -> OperatorError:
    """The file is all there, but what it holds is not sound."""
    return OperatorError("image_damaged", f"The image file is damaged: {what}.", "Copy or capture it again.")


def unsupported(what: str) -> OperatorError:
    """A sound file of a kind that is not read."""
    return OperatorError(
        "image_unsupported",
        f"This kind of image is not supported: {what}.",
        "Save it as an 8- or 16-bit PNG, TIFF, BMP or JPEG.",
    )
