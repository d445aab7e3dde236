"""Reader of a data set in TAO's layout whose masks hold classes: ``A/``, ``B/``, ``label/``, ``list/``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError, OperatorError
from inspector_app.core.frame import RgbArray
from inspector_app.vision.annotations import truth_at
from inspector_app.vision.decode import decode_mask, decode_pixels, read_bytes
from inspector_app.vision.pair_list import read_list

if TYPE_CHECKING:
    from inspector_app.core.tao_spec.data_keys import Segment

IGNORED = 255
"""The class of pixels that are neither trained nor counted."""

ClassMap = NDArray[np.uint8]
"""H x W, the class of each pixel, 0 being no change."""

Decoded = TypeVar("Decoded")


@dataclass(frozen=True)
class SegmentPairs:
    """The pairs that a spec's ``dataset.segment`` describes."""

    segment: Segment

    def names(self, split: str) -> tuple[str, ...]:
        """See ``read_list``.

        Raises:
            KeeperError: as it does; ``pairs_invalid`` also when a file outside the data set is named.
        """
        names = read_list(self._root, split, self.segment.list_folder_name)
        outside = [name for name in names if PurePosixPath(name).is_absolute() or ".." in Path(name).parts]
        if outside:
            raise KeeperError(
                "pairs_invalid", f"The list {split} names files outside the data set: {outside[0]}."
            )
        return names

    def images(self, name: str) -> tuple[RgbArray, RgbArray]:
        """Test image and golden, ``H x W x 3`` each, of one size.

        Raises:
            KeeperError: ``pairs_missing`` or ``pairs_invalid``.
        """
        test = _decoded(self._root / self.segment.image_folder_name / name, decode_pixels)
        golden = _decoded(self._root / self.segment.change_image_folder_name / name, decode_pixels)
        if test.shape != golden.shape:
            raise KeeperError("pairs_invalid", f"{name}: test image and golden differ in size.")
        return test, golden

    def label(self, name: str) -> ClassMap:
        """The mask. Of two classes, every value above zero is class 1; of more, values are class numbers.

        Raises:
            KeeperError: ``pairs_missing`` or ``pairs_invalid``.
        """
        path = self._root / self.segment.annotation_folder_name / name
        if not path.is_file():
            path = path.with_suffix("." + self.segment.label_suffix.lstrip("."))
        if self.segment.num_classes == 2:
            return _decoded(path, decode_mask).astype(np.uint8)
        pixels = _decoded(path, decode_pixels)
        classes: ClassMap = np.ascontiguousarray(pixels[:, :, 0])
        wrong = (classes >= self.segment.num_classes) & (classes != IGNORED)
        if (pixels != classes[:, :, None]).any() or wrong.any():
            raise KeeperError(
                "pairs_invalid",
                f"{path} does not hold the class numbers 0 to {self.segment.num_classes - 1} (or 255) in grey.",
            )
        return classes

    @property
    def _root(self) -> Path:
        return Path(self.segment.root_dir)


def label_at(label: ClassMap, width: int, height: int) -> ClassMap:
    """A mask at ``height x width``, by nearest neighbour with pixel centres aligned."""
    if label.shape == (height, width):
        return label
    result = np.zeros((height, width), dtype=np.uint8)
    for value in np.unique(label):
        result[truth_at(label == value, (width, height))] = value
    return result


def _decoded(path: Path, decode: Callable[[bytes], Decoded]) -> Decoded:
    if not path.is_file():
        raise KeeperError("pairs_missing", f"There is no {path}.")
    try:
        return decode(read_bytes(path))
    except OperatorError as error:
        raise KeeperError("pairs_invalid", f"{path} cannot be read: {error.message}") from error
