"""Reader of the ``A/ B/ label/ list/`` layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from inspector_app.changenet.arrays import Image, Mask, Pair
from inspector_app.core.errors import KeeperError, OperatorError
from inspector_app.vision.decode import decode_mask, decode_pixels, read_bytes
from inspector_app.vision.pair_list import read_list

Array = TypeVar("Array", Image, Mask)


class PairFolderError(KeeperError):
    """A folder of pairs is incomplete or holds an unreadable file; the message says which."""


@dataclass(frozen=True)
class PairFolder:
    """Pairs in ``A/`` (test), ``B/`` (golden), ``label/`` (mask); names come from ``list/<split>.txt``."""

    root: Path

    def names(self, split: str) -> tuple[str, ...]:
        """Return the file names of a split, in the list's order; every file of ``A/`` if no list is there.

        Only ``train`` may lack its list: pre-rendered pairs need none.

        Raises:
            KeeperError: see ``read_list``.
        """
        tests = self.root / "A"
        if split == "train" and tests.is_dir() and not (self.root / "list" / "train.txt").is_file():
            return tuple(sorted(f.name for f in tests.iterdir() if f.is_file()))
        return read_list(self.root, split)

    def read(self, name: str, size: int | None = None) -> Pair:
        """Return one pair, brought to ``size`` x ``size`` (see ``read_mask``)."""
        test = read_rgb(self.root / "A" / name, size)
        golden = read_rgb(self.root / "B" / name, size)
        label = self.root / "label" / name
        if not label.is_file() and label.with_suffix(".png").is_file():
            label = label.with_suffix(".png")
        mask = read_mask(label, size)
        if not test.shape == golden.shape == (*mask.shape, 3):
            raise PairFolderError("pairs_invalid", f"{name}: A, B and label differ in size.")
        return Pair(golden, test, mask)

    def read_all(self, names: Sequence[str], size: int | None) -> Iterator[Pair]:
        """Yield the named pairs, at ``size`` x ``size`` or as stored."""
        for name in names:
            yield self.read(name, size)


def read_rgb(path: Path, size: int | None = None) -> Image:
    """Return the image as RGB, resized by area if ``size`` is given; PairFolderError if unreadable."""
    image = _decoded(path, decode_pixels)
    if size is not None and image.shape[:2] != (size, size):
        resized = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(resized, dtype=np.uint8)
    return image


def read_mask(path: Path, size: int | None = None) -> Mask:
    """Return the mask; every value above zero is set, so files with 0/1 and 0/255 both work.

    Brought to ``size`` x ``size``, a pixel is set where more than half of it is: sampled, edges would lie up to half a
    pixel aside, and on the other side in a mirrored view. A change so small that this leaves nothing of it keeps
    every pixel that it touches: its picture must not come to count as a good one.
    """
    mask = _decoded(path, decode_mask)
    if size is None:
        return mask
    share = cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    shrunk: Mask = share > (0.5 if (share > 0.5).any() else 0.0)
    return shrunk


def _decoded(path: Path, decode: Callable[[bytes], Array]) -> Array:
    """What the app's own decoder makes of a file: training sees the pixels that inspection sees."""
    if not path.is_file():
        raise PairFolderError("pairs_missing", f"There is no {path}.")
    try:
        return decode(read_bytes(path))
    except OperatorError as error:
        raise PairFolderError("pairs_invalid", f"{path} cannot be read: {error.message}") from error
