"""Scores of a network on pairs of a split: pixels by one confusion matrix, images by the decision limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from inspector_app.changenet.arrays import Mask
from inspector_app.changenet.fold import fold_batch_norm
from inspector_app.changenet.judgement import Probability, largest_region
from inspector_app.changenet.lite import ChangeNetLite, Features
from inspector_app.changenet.pair_folder import PairFolder
from inspector_app.core.manifest import InputSpec, Judgement
from inspector_app.core.metrics import PixelCounts, auroc, count_pixels, pool
from inspector_app.vision.annotations import truth_at
from inspector_app.vision.tensors import to_tensor

Tensor4 = NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """One pair's probability map and truth on the network's grid, H x W."""

    name: str
    probability: Probability
    truth: NDArray[np.bool_]
    defective: bool


@dataclass(frozen=True)
class SplitScores:
    """Scores of a split: pooled pixel counts at the network's size, and images by outcome."""

    pairs: int
    defective: int
    pixels: PixelCounts
    false_calls: int
    escapes: int
    image_auroc: float | None

    def as_dict(self) -> dict[str, float]:
        """Return the five measures of the change class, then the counts, as a manifest stores them."""
        pixels = self.pixels
        measures = {
            "precision": pixels.precision,
            "recall": pixels.recall,
            "iou": pixels.iou,
            "f1": pixels.dice,
            "accuracy": pixels.accuracy,
            "image_auroc": self.image_auroc,
        }
        counts = {
            "pairs": self.pairs,
            "defective_pairs": self.defective,
            "false_calls": self.false_calls,
            "escapes": self.escapes,
            "tp_px": pixels.tp,
            "fp_px": pixels.fp,
            "fn_px": pixels.fn,
            "tn_px": pixels.tn,
        }
        known = {f"val_{name}": round(value, 6) for name, value in measures.items() if value is not None}
        return known | {f"val_{name}": float(value) for name, value in counts.items()}


def predict_split(
    network: ChangeNetLite, folder: PairFolder, split: str, spec: InputSpec, mirrored: bool = False
) -> tuple[Prediction, ...]:
    """Return the predictions of every pair of ``split``, fed through the app's own preprocessing; with ``mirrored``
    each pair is looked at a second time as the app does it."""
    folded = fold_batch_norm(network)
    return tuple(_predict(folded, folder, name, spec, mirrored) for name in folder.names(split))


def predict_exchanged(
    network: ChangeNetLite, folder: PairFolder, split: str, spec: InputSpec, mirrored: bool = False
) -> tuple[Prediction, ...]:
    """Return the predictions of every test image of ``split`` against *every* golden of that split.

    For pairs of one object only, where any golden serves any test image.
    """
    folded = fold_batch_norm(network)
    names = folder.names(split)
    goldens = {(pair := folder.read(name)).golden.tobytes(): pair.golden for name in names}
    with torch.inference_mode():
        pictures = [torch.from_numpy(to_tensor(golden, spec)) for golden in goldens.values()]
        every = _encoded(folded, pictures)
        mirror = _encoded(folded, [picture.flip(-1) for picture in pictures]) if mirrored else None
        return tuple(
            found for name in names for found in _against_all(folded, every, mirror, folder, name, spec)
        )


def _encoded(network: ChangeNetLite, pictures: Sequence[torch.Tensor]) -> Features:
    """The features of all pictures, stacked; one picture at a time takes less memory."""
    return tuple(torch.cat(level) for level in zip(*map(network.encode, pictures), strict=True))


def _against_all(
    network: ChangeNetLite,
    goldens: Features,
    mirrored: Features | None,
    folder: PairFolder,
    name: str,
    spec: InputSpec,
) -> Iterator[Prediction]:
    """One test image against all goldens in one pass, which is quicker than one after the other."""
    pair = folder.read(name)
    test = torch.from_numpy(to_tensor(pair.test, spec))

    def compared(features: Features, picture: torch.Tensor) -> torch.Tensor:
        copies = tuple(level.expand(len(features[0]), -1, -1, -1) for level in network.encode(picture))
        return network.compare(features, copies)

    logits = compared(goldens, test)
    if mirrored is not None:
        logits = _both_looks(logits, compared(mirrored, test.flip(-1)))
    truth = _truth(pair.mask, spec)
    for probability in change_probability(logits.numpy()):
        yield Prediction(name, probability, truth, bool(pair.mask.any()))


def _predict(
    network: ChangeNetLite, folder: PairFolder, name: str, spec: InputSpec, mirrored: bool
) -> Prediction:
    pair = folder.read(name)
    test, golden = (torch.from_numpy(to_tensor(picture, spec)) for picture in (pair.test, pair.golden))
    with torch.inference_mode():
        logits = network(test, golden)
        if mirrored:
            logits = _both_looks(logits, network(test.flip(-1), golden.flip(-1)))
    probability = change_probability(logits.numpy())[0]
    return Prediction(name, probability, _truth(pair.mask, spec), bool(pair.mask.any()))


def _both_looks(plain: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """The logits of a pair and of its mirror image made into one. Their difference is the log odds: the mean of both is
    what the app fuses by."""
    return 0.5 * (plain + mirrored.flip(-1))


def _truth(mask: Mask, spec: InputSpec) -> Mask:
    """Return the mask on the network's grid, by nearest neighbour."""
    return truth_at(mask, (spec.width, spec.height))


def change_probability(logits: Tensor4) -> Tensor4:
    """Return the softmax of the change class, N x H x W, of logits N x 2 x H x W."""
    margin = (logits[:, 1] - logits[:, 0]).astype(np.float64)
    return (0.5 * (1.0 + np.tanh(0.5 * margin))).astype(np.float32)


def score(predictions: Sequence[Prediction], judgement: Judgement) -> SplitScores:
    """Return the scores; pixels by argmax (probability above one half), images by ``judgement``."""
    pixels = pool(count_pixels(p.probability > 0.5, p.truth) for p in predictions)
    rejected = [
        largest_region(p.probability, judgement.threshold) >= judgement.min_area_px for p in predictions
    ]
    defective = [p.defective for p in predictions]
    return SplitScores(
        pairs=len(predictions),
        defective=sum(defective),
        pixels=pixels,
        false_calls=sum(r and not d for r, d in zip(rejected, defective, strict=True)),
        escapes=sum(d and not r for r, d in zip(rejected, defective, strict=True)),
        image_auroc=auroc([_peak(p.probability, judgement.min_area_px) for p in predictions], defective),
    )


def _peak(probability: Probability, pixels: int) -> float:
    """The probability that so many pixels reach, or all where there are fewer."""
    return float(np.sort(probability, axis=None)[-min(pixels, probability.size)])
