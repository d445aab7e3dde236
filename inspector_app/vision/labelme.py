"""LabelMe's JSON: every shape marks change.

Coordinates have their origin at the image's top left corner. Polygons, rectangles and circles cover the pixels
whose centres lie inside; lines and line strips are drawn one pixel wide; points mark the pixel they lie in;
``mask`` shapes carry their own pixels. Shapes labelled ``_background_`` or ``__ignore__`` are passed over.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import cv2
import numpy as np

from inspector_app.core.change_map import Mask
from inspector_app.core.errors import OperatorError
from inspector_app.vision.annotation_json import (
    Size,
    load_object,
    settle_size,
    stated_size,
    truth_unreadable,
)
from inspector_app.vision.decode import decode_mask
from inspector_app.vision.polygons import Point, fill

_PASSED_OVER = frozenset({"_background_", "__ignore__"})


def is_labelme(content: dict[str, Any]) -> bool:
    """Whether a JSON object looks like LabelMe's."""
    return isinstance(content.get("shapes"), list)


def labelme_mask(data: bytes, name: str, size: Size | None) -> Mask:
    """Rasterise a LabelMe file; without shapes the mask is empty.

    Args:
        data: the file's bytes.
        name: the file's name, for messages.
        size: ``(width, height)`` of the image, None to trust the file.

    Returns:
        ``H x W`` bool.

    Raises:
        OperatorError: ``truth_unreadable`` or ``truth_size_mismatch``.
    """
    content = load_object(data, name)
    if not is_labelme(content):
        raise truth_unreadable(name, "it has no list of shapes")
    size = settle_size(name, stated_size(content, "imageWidth", "imageHeight"), size)
    mask = np.zeros((size[1], size[0]), dtype=np.bool_)
    for number, shape in enumerate(content["shapes"], start=1):
        try:
            if shape.get("label") not in _PASSED_OVER:
                _draw(shape, mask)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OperatorError) as error:
            raise truth_unreadable(name, f"shape {number} is not valid ({error})") from error
    return mask


def _draw(shape: dict[str, Any], mask: Mask) -> None:
    kind = shape.get("shape_type") or "polygon"
    points = [_point(pair) for pair in shape["points"]]
    size = (mask.shape[1], mask.shape[0])
    if kind == "polygon":
        _need(len(points) >= 3, "a polygon needs three points")
        mask |= fill([points], size)
    elif kind == "rectangle":
        _need(len(points) in (2, 4), "a rectangle needs two points")
        mask |= fill([_corners(points) if len(points) == 2 else points], size)
    elif kind == "circle":
        _need(len(points) == 2, "a circle needs two points")
        mask |= _disc(points[0], math.dist(*points), size)
    elif kind in ("line", "linestrip"):
        _need(len(points) >= 2, "a line needs two points")
        mask |= _lines(points, size)
    elif kind in ("point", "points"):
        for x, y in points:
            _set_pixel(mask, math.floor(x), math.floor(y))
    elif kind == "mask":
        _paste(shape["mask"], points[0], mask)
    else:
        raise ValueError(f"unknown kind {kind!r}")


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _point(pair: Any) -> Point:
    x, y = (float(value) for value in pair)
    if not (abs(x) < 1e6 and abs(y) < 1e6):
        raise ValueError("a point lies out of all bounds")
    return x, y


def _corners(points: list[Point]) -> list[Point]:
    (x0, y0), (x1, y1) = points
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _disc(centre: Point, radius: float, size: Size) -> Mask:
    x = np.arange(size[0]) + 0.5 - centre[0]
    y = np.arange(size[1]) + 0.5 - centre[1]
    return np.asarray(np.hypot(x[None, :], y[:, None]) <= radius, dtype=np.bool_)


def _lines(points: list[Point], size: Size) -> Mask:
    canvas = np.zeros((size[1], size[0]), dtype=np.uint8)
    corners = np.floor(np.asarray(points)).astype(np.int32)
    cv2.polylines(canvas, [corners], isClosed=False, color=(1,), thickness=1, lineType=cv2.LINE_8)
    return canvas.view(np.bool_)


def _set_pixel(mask: Mask, x: int, y: int) -> None:
    if 0 <= x < mask.shape[1] and 0 <= y < mask.shape[0]:
        mask[y, x] = True


def _paste(encoded: str, corner: Point, mask: Mask) -> None:
    try:
        part = decode_mask(base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise ValueError("its mask is no valid base64") from error
    x, y = round(corner[0]), round(corner[1])
    left, top = max(0, -x), max(0, -y)
    place = mask[y + top : y + part.shape[0], x + left : x + part.shape[1]]
    place |= part[top : top + place.shape[0], left : left + place.shape[1]]
