"""Measure and use a network as TAO's ``evaluate`` and ``inference`` do: class maps of all pairs of a list.

What computes the class maps, a checkpoint or an ONNX file, is the caller's. Every pair of the list counts, the last,
partial batch too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write, ensure_folder
from inspector_app.core.frame import RgbArray
from inspector_app.core.metrics import PixelCounts, count_pixels
from inspector_app.core.protocols import ChangeEngine
from inspector_app.vision.overlays import draw_overlay
from inspector_app.vision.segment_pairs import IGNORED, ClassMap, SegmentPairs, label_at
from inspector_app.vision.tensors import to_tensor

Images = tuple[RgbArray, RgbArray]
"""Test image and golden."""

Predict = Callable[[Sequence[Images]], Sequence[ClassMap]]
"""Class maps on the network's grid, one a pair."""

OnDone = Callable[[int], None]
"""Hears how many pairs are done."""

_CHANGE = 0.5


@dataclass(frozen=True)
class ClassScores:
    """Pixel counts of each class against all others, pooled over all pairs, on the network's grid."""

    pairs: int
    grid: tuple[int, int]
    classes: tuple[PixelCounts, ...]

    @property
    def change(self) -> PixelCounts:
        """Class 1's, the model card's."""
        return self.classes[1]

    @property
    def accuracy(self) -> float | None:
        """Share of all pixels with the right class; of two classes this is either class's own accuracy."""
        first = self.classes[0]
        total = first.tp + first.fp + first.fn + first.tn
        return sum(counts.tp for counts in self.classes) / total if total else None


def evaluate_pairs(
    predict: Predict, pairs: SegmentPairs, split: str, batch: int, on_done: OnDone = lambda done: None
) -> ClassScores:
    """Score every pair of a list.

    Raises:
        KeeperError: ``pairs_missing`` or ``pairs_invalid``, or what ``predict`` raises.
    """
    classes = [PixelCounts() for _ in range(pairs.segment.num_classes)]
    done, grid = 0, (0, 0)
    for names, maps in _predicted(predict, pairs, pairs.names(split), batch):
        for name, found in zip(names, maps, strict=True):
            grid = (found.shape[1], found.shape[0])
            truth = label_at(pairs.label(name), *grid)
            counted = truth != IGNORED
            for number in range(len(classes)):
                classes[number] += count_pixels((found == number)[counted], (truth == number)[counted])
        done += len(names)
        on_done(done)
    return ClassScores(done, grid, tuple(classes))


def write_masks(
    predict: Predict,
    pairs: SegmentPairs,
    split: str,
    batch: int,
    folder: Path,
    on_done: OnDone = lambda done: None,
) -> int:
    """Judge every pair of a list and write ``folder/masks`` and ``folder/overlays``; returns how many.

    A mask has its test image's size, by nearest neighbour, and holds 0 and 255, or class numbers when there are
    more than two. Both are PNG files under the image's name, with ``.png`` added unless it ends so.

    Raises:
        KeeperError: as ``evaluate_pairs``, or nothing can be written.
    """
    done = 0
    for names, maps in _predicted(predict, pairs, pairs.names(split), batch):
        for name, found in zip(names, maps, strict=True):
            test, _ = pairs.images(name)
            mask = label_at(found, test.shape[1], test.shape[0])
            shown = mask * 255 if pairs.segment.num_classes == 2 else mask
            file = name if name.lower().endswith(".png") else f"{name}.png"
            _write_png(folder / "masks" / file, shown)
            _write_png(folder / "overlays" / file, draw_overlay(test, mask > 0)[:, :, ::-1])
        done += len(names)
        on_done(done)
    return done


def engine_predict(engine: ChangeEngine) -> Predict:
    """Class maps of an ONNX file with two classes; each golden is encoded once in a row."""

    def predict(images: Sequence[Images]) -> list[ClassMap]:
        spec, maps = engine.manifest.input, []
        for test, golden in images:
            features = engine.encode_golden(to_tensor(golden, spec))
            probability = engine.compare(features, to_tensor(test, spec))[0]
            maps.append((probability > _CHANGE).astype(np.uint8))
        return maps

    return predict


def _predicted(
    predict: Predict, pairs: SegmentPairs, names: Sequence[str], batch: int
) -> Iterator[tuple[Sequence[str], Sequence[ClassMap]]]:
    for first in range(0, len(names), batch):
        chosen = names[first : first + batch]
        yield chosen, predict([pairs.images(name) for name in chosen])


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    encoded, data = cv2.imencode(".png", image)
    if not encoded:
        raise KeeperError("file_not_written", f"{path} could not be encoded.")
    ensure_folder(path.parent)
    atomic_write(path, data.tobytes())
