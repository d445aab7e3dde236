"""The truth for an image: which annotation belongs to it, and what it marks.

Layouts, told apart by what lies in the folder:

- MVTec: ``ground_truth/<type>/NNN_mask.png`` for ``<type>/NNN.png``; images in a folder ``good`` are all zero.
- TAO (``label/`` beside ``A/``) and any folder of masks: the same relative path or name, with or without
  ``_mask`` (PNG, BMP, TIFF).
- LabelMe: a JSON file of the same name.
- COCO: JSON files in the folder that list many images, or one such file given itself.

An image for which nothing is found is unannotated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Mask
from inspector_app.core.errors import InspectorError, OperatorError
from inspector_app.vision.annotation_json import Size, load_object, read_file, size_mismatch, truth_unreadable
from inspector_app.vision.coco import CocoFile, is_coco
from inspector_app.vision.decode import decode_mask
from inspector_app.vision.labelme import labelme_mask

GOOD = "good"
GOOD_FOLDER = "folder good"
"""The source of a truth that is all zero since its image lies in MVTec's folder ``good``."""
MASK_ENDING = "_mask"
"""Of the file of an annotation that lies beside its image."""
MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
_SNIFFED_BYTES = 4096


@dataclass(frozen=True, eq=False)
class Annotation:
    """What is known of an image's truth.

    Attributes:
        mask: ``H x W`` bool, read-only; None when the image is not annotated, or its annotation is faulty.
        source: the file that it came from, or ``GOOD_FOLDER``; "" without annotation.
        error: why an annotation that exists could not be used.
    """

    mask: Mask | None
    source: str = ""
    error: InspectorError | None = None


class TruthFinder:
    """Finds the annotations of a folder of images."""

    def __init__(self, truth_dir: Path, images_root: Path) -> None:
        """
        Args:
            truth_dir: the folder of annotations, or one COCO file.
            images_root: the folder that the images lie in.

        Raises:
            OperatorError: ``truth_missing`` when ``truth_dir`` is not there.
        """
        if not truth_dir.exists():
            raise OperatorError(
                "truth_missing", f"The annotations {truth_dir} are not there.", "Choose another folder."
            )
        self._given = truth_dir
        self._images_root = images_root
        inner = [truth_dir / name for name in ("ground_truth", "label")]
        self._root = next((folder for folder in inner if folder.is_dir()), truth_dir)
        self._beside_images = self._root.resolve() == images_root.resolve()

    def find(self, image_path: Path, size: Size | None) -> Annotation:
        """The truth of one image; a faulty annotation is told in the result, never raised.

        Args:
            image_path: the image.
            size: its ``(width, height)``; None when it could not be read, and the annotation's is taken.
        """
        source = str(self._given)
        try:
            for path in self._candidates(image_path):
                if path.is_file():
                    source = str(path)
                    return Annotation(load_truth(path, size, image_path.name), source)
            relative = self._relative(image_path).as_posix()
            for path, coco in self._coco_files:
                source = str(path)
                mask = coco.mask(relative, size)
                if mask is not None:
                    return Annotation(_frozen(mask), source)
        except InspectorError as error:
            return Annotation(None, source, error)
        except OSError as error:
            return Annotation(None, source, truth_unreadable(image_path.name, str(error.strerror)))
        if self._is_mvtec and image_path.parent.name == GOOD:
            return Annotation(_empty(size), GOOD_FOLDER)
        return Annotation(None)

    def _relative(self, image_path: Path) -> Path:
        try:
            return image_path.relative_to(self._images_root)
        except ValueError:
            return Path(image_path.name)

    def _candidates(self, image_path: Path) -> Iterator[Path]:
        """Where an annotation of this image may lie, the likeliest first."""
        if self._given.is_file():
            return
        relative = self._relative(image_path)
        folders = [self._root / relative.parent]
        if self._is_mvtec:
            folders.append(self._root / image_path.parent.name)
        if "test" in relative.parts:
            parts = ["ground_truth" if part == "test" else part for part in relative.parent.parts]
            folders.append(self._root.joinpath(*parts))
        if relative.parent.name == "A":
            folders.append(self._root)
        for folder in dict.fromkeys(folders):
            for suffix in MASK_SUFFIXES:
                yield folder / f"{image_path.stem}{MASK_ENDING}{suffix}"
                if not self._beside_images:
                    yield folder / f"{image_path.stem}{suffix}"
            yield folder / f"{image_path.stem}.json"

    @cached_property
    def _is_mvtec(self) -> bool:
        """Named as MVTec names it, or with folders of ``NNN_mask.png``."""
        if self._given.is_file():
            return False
        if self._root.name == "ground_truth":
            return True
        return next(self._root.glob(f"*/*{MASK_ENDING}.png"), None) is not None or (
            next(self._root.glob("*/ground_truth"), None) is not None
        )

    @cached_property
    def _coco_files(self) -> tuple[tuple[Path, CocoFile], ...]:
        paths = [self._given] if self._given.is_file() else sorted(self._root.glob("*.json"))
        found = []
        for path in paths:
            if path == self._given or _may_be_coco(path):
                found.append((path, CocoFile(read_file(path), path.name)))
        return tuple(found)


def load_truth(path: Path, size: Size | None, image_name: str = "") -> Mask:
    """Read one annotation file: a mask image, LabelMe's JSON, or COCO's.

    Args:
        path: the file.
        size: ``(width, height)`` of the image; None to take the annotation's own.
        image_name: which image of a COCO file is meant; not needed when it lists only one.

    Returns:
        ``H x W`` bool, read-only.

    Raises:
        OperatorError: ``truth_unreadable`` or ``truth_size_mismatch``.
    """
    data = read_file(path)
    if path.suffix.lower() == ".json" or data.lstrip()[:1] == b"{":
        return _frozen(_load_json(data, path.name, size, image_name))
    try:
        mask = decode_mask(data)
    except OperatorError as error:
        raise truth_unreadable(path.name, error.message.rstrip(".").lower()) from error
    found = (mask.shape[1], mask.shape[0])
    if size is not None and found != size:
        raise size_mismatch(path.name, found, size)
    return _frozen(mask)


def truth_at(mask: Mask, size: Size) -> Mask:
    """A mask sampled at ``size`` = ``(width, height)`` by nearest neighbour, pixel centres aligned.

    Source index ``floor((i + 0.5) * source / target)`` in whole numbers; so does Pillow's NEAREST, but for the
    rounding of the fractions that it adds up (there are none when the target is a power of two).
    """
    height, width = mask.shape
    if (width, height) == size:
        return mask
    return _frozen(mask[_nearest(height, size[1])[:, None], _nearest(width, size[0])])


def _nearest(source: int, target: int) -> NDArray[np.int64]:
    return (2 * np.arange(target, dtype=np.int64) + 1) * source // (2 * target)


def _load_json(data: bytes, name: str, size: Size | None, image_name: str) -> Mask:
    if not is_coco(load_object(data, name)):
        return labelme_mask(data, name, size)
    coco = CocoFile(data, name)
    mask = coco.mask(image_name or coco.only_image() or "", size)
    if mask is None:
        raise truth_unreadable(name, f"it does not list the image {image_name}".rstrip())
    return mask


def _may_be_coco(path: Path) -> bool:
    """Whether a JSON file may list many images: LabelMe's, of which there may be thousands, begin otherwise."""
    try:
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES)
    except OSError as error:
        raise truth_unreadable(path.name, (error.strerror or "unknown").lower()) from error
    return b'"shapes"' not in start and b'"flags"' not in start


def _empty(size: Size | None) -> Mask | None:
    return None if size is None else _frozen(np.zeros((size[1], size[0]), dtype=np.bool_))


def _frozen(mask: Mask) -> Mask:
    mask.setflags(write=False)
    return mask
