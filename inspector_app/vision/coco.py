"""COCO's JSON: every annotation of an image marks change.

Polygons cover the pixels whose centres lie inside; run lengths are read uncompressed and in pycocotools'
compressed form; an annotation without segmentation covers its box. An image that the file lists without any
annotation is a good one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Mask
from inspector_app.vision.annotation_json import (
    Size,
    load_object,
    settle_size,
    stated_size,
    truth_unreadable,
)
from inspector_app.vision.polygons import Point, fill

_BAD = (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError)


def is_coco(content: dict[str, Any]) -> bool:
    """Whether a JSON object looks like COCO's."""
    return isinstance(content.get("images"), list) and isinstance(content.get("annotations"), list)


class CocoFile:
    """One COCO file, indexed by image."""

    def __init__(self, data: bytes, name: str) -> None:
        """Parse and index.

        Raises:
            OperatorError: ``truth_unreadable``.
        """
        self._name = name
        content = load_object(data, name)
        if not is_coco(content):
            raise truth_unreadable(name, "it has no lists of images and annotations")
        try:
            self._images: dict[str, dict[str, Any]] = {
                _clean(image["file_name"]): image for image in content["images"]
            }
            self._by_image: dict[Any, list[dict[str, Any]]] = {}
            for annotation in content["annotations"]:
                self._by_image.setdefault(annotation["image_id"], []).append(annotation)
        except _BAD as error:
            raise truth_unreadable(name, f"an entry is not valid ({error})") from error
        self._by_base: dict[str, list[str]] = {}
        for key in self._images:
            self._by_base.setdefault(PurePosixPath(key).name, []).append(key)

    def mask(self, image_name: str, size: Size | None) -> Mask | None:
        """The truth of an image, None when the file does not list it.

        Args:
            image_name: as in ``file_name``: the same path, or a file name that occurs only once.
            size: ``(width, height)`` of the image, None to trust the file.

        Returns:
            ``H x W`` bool, or None.

        Raises:
            OperatorError: ``truth_unreadable`` or ``truth_size_mismatch``.
        """
        image = self._find(image_name)
        if image is None:
            return None
        size = settle_size(self._name, stated_size(image, "width", "height"), size)
        mask = np.zeros((size[1], size[0]), dtype=np.bool_)
        for annotation in self._by_image.get(image.get("id"), []):
            try:
                mask |= _shape(annotation, size)
            except _BAD as error:
                what = f"annotation {annotation.get('id', '?')} is not valid ({error})"
                raise truth_unreadable(self._name, what) from error
        return mask

    def only_image(self) -> str | None:
        """The one image's name, when the file lists just one."""
        return next(iter(self._images)) if len(self._images) == 1 else None

    def _find(self, image_name: str) -> dict[str, Any] | None:
        key = _clean(image_name)
        if key in self._images:
            return self._images[key]
        same = self._by_base.get(PurePosixPath(key).name, [])
        same = [k for k in same if k.endswith("/" + key) or key.endswith("/" + k)] or same
        if len(same) > 1:
            raise truth_unreadable(self._name, f"it lists {len(same)} images of the name {image_name}")
        return self._images[same[0]] if same else None


def _clean(file_name: str) -> str:
    return file_name.replace("\\", "/").removeprefix("./")


def _shape(annotation: dict[str, Any], size: Size) -> Mask:
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, dict):
        return _run_lengths(segmentation, size)
    if segmentation:
        return fill([_pairs(polygon) for polygon in segmentation], size)
    x, y, w, h = (float(value) for value in annotation["bbox"])
    return fill([[(x, y), (x + w, y), (x + w, y + h), (x, y + h)]], size)


def _pairs(flat: Sequence[float]) -> list[Point]:
    values = [float(value) for value in flat]
    if len(values) < 6 or len(values) % 2:
        raise ValueError("a polygon needs three points or more")
    return list(zip(values[::2], values[1::2], strict=True))


def _run_lengths(segmentation: dict[str, Any], size: Size) -> Mask:
    """Runs of 0 and 1 in turn, beginning with 0, down the columns."""
    height, width = (int(value) for value in segmentation["size"])
    if (width, height) != size:
        raise ValueError(f"its run lengths are for {width} x {height} pixels")
    counts = segmentation["counts"]
    runs = decompress(counts) if isinstance(counts, str) else [int(value) for value in counts]
    if any(run < 0 for run in runs) or sum(runs) != width * height:
        raise ValueError("its run lengths do not add up to the image")
    values = np.arange(len(runs)) % 2 == 1
    flat: NDArray[np.bool_] = np.repeat(values, np.asarray(runs, dtype=np.int64))
    return flat.reshape(width, height).T


def decompress(counts: str) -> list[int]:
    """COCO's compressed run lengths: signed numbers of six-bit letters from "0" on, lowest part first; from
    the fourth on, each is the difference to the one two before it (maskApi.c of the COCO API).

    Raises:
        ValueError: when a letter is out of range or the last number is cut off.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for letter in counts:
        bits = ord(letter) - 48
        if not 0 <= bits < 64:
            raise ValueError("its run lengths hold a letter out of range")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise ValueError("its run lengths are cut off")
    return runs
