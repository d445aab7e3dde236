"""Reading annotation files in JSON: whatever is wrong in one ends as one typed error, never as a guess."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inspector_app.core.errors import OperatorError

Size = tuple[int, int]
"""``(width, height)``."""


def truth_unreadable(name: str, why: str) -> OperatorError:
    """An annotation that exists but cannot be used."""
    return OperatorError(
        "truth_unreadable",
        f"The annotation {name} cannot be read: {why}.",
        "Mend or remove it; the image is scored without it.",
    )


def size_mismatch(name: str, found: Size, wanted: Size) -> OperatorError:
    """An annotation of another size; it is never stretched."""
    return OperatorError(
        "truth_size_mismatch",
        f"The annotation {name} is {found[0]} x {found[1]} pixels, its image {wanted[0]} x {wanted[1]}.",
        "Annotate the image at its own size.",
    )


def settle_size(name: str, stated: Size | None, wanted: Size | None) -> Size:
    """The size to rasterise at: the image's, which the file must not contradict, else the file's own.

    Raises:
        OperatorError: ``truth_size_mismatch``, or ``truth_unreadable`` when neither is known.
    """
    if stated is not None and wanted is not None and stated != wanted:
        raise size_mismatch(name, stated, wanted)
    size = wanted or stated
    if size is None:
        raise truth_unreadable(name, "it does not give the image's size")
    return size


def load_object(data: bytes, name: str) -> dict[str, Any]:
    """Parse bytes that must hold one JSON object.

    Raises:
        OperatorError: ``truth_unreadable``.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise truth_unreadable(name, "it is no valid JSON") from error
    if not isinstance(content, dict):
        raise truth_unreadable(name, "it does not hold an object")
    return content


def stated_size(content: dict[str, Any], width_key: str, height_key: str) -> Size | None:
    """The image's size as the file gives it, None when it gives none."""
    width, height = content.get(width_key), content.get(height_key)
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width, height
    return None


def read_file(path: Path) -> bytes:
    """An annotation's bytes.

    Raises:
        OperatorError: ``truth_unreadable``.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise truth_unreadable(path.name, (error.strerror or "it is not there").lower()) from error
