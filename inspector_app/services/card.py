"""What a GPU does with a model: how far it is from a reference, how fast, and what was published for that card."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from inspector_app.core.manifest import InputSpec, ModelManifest
from inspector_app.core.protocols import ChangeEngine, EngineInfo, Tensor
from inspector_app.services.plan import BatchItem
from inspector_app.vision.decode import read_frame
from inspector_app.vision.tensors import to_tensor

PUBLISHED_FPS = (
    ("Orin Nano 8GB", "Orin", 15.19, ""),
    ("Orin NX", "Orin", 21.92, ""),
    ("AGX Orin", "Orin", 55.07, ""),
    ("A2", "A2", 36.02, ""),
    ("T4", "T4", 59.7, "batch 16"),
    ("L4", "L4", 131.48, ""),
    ("A30", "A30", 204.12, ""),
    ("L40", "L40", 364.0, "batch 8 and 16"),
    ("A100", "A100", 435.18, ""),
    ("H100", "H100", 841.68, "batch 32"),
)
"""Of NVIDIA's model card of Visual ChangeNet Segmentation: the card, a word of its device name, pairs a second by
``trtexec`` in float16, inference only. A Jetson's device name does not tell which Orin it is."""

Pairs = tuple[Tensor, Tensor]
"""A golden, ``1 x 3 x H x W``, and the test images that belong to it, ``N x 3 x H x W``."""


@dataclass(frozen=True)
class Agreement:
    """How far one engine is from another over all pixels of some images.

    Attributes:
        worst: the largest difference in probability.
        crossing: the share of pixels that are changed, by the model's threshold, for one of the two only.
    """

    images: int
    worst: float
    crossing: float


def published_fps(device: str) -> tuple[tuple[str, float, str], ...]:
    """Card, pairs a second and remark, of every published card that ``device`` may be."""
    return tuple(
        (card, fps, remark)
        for card, word, fps, remark in PUBLISHED_FPS
        if re.search(rf"\b{word}\b", device) is not None
    )


def pairs_of_files(items: Sequence[BatchItem], spec: InputSpec) -> Iterator[Pairs]:
    """The images of a plan, by golden.

    Raises:
        OperatorError: a file cannot be read.
    """
    paired = [(item.golden, item.path) for item in items if item.golden is not None]
    for golden, group in groupby(paired, key=lambda pair: pair[0]):
        tests = np.concatenate([_tensor(path, spec) for _, path in group])
        yield _tensor(golden, spec), tests


def rendered_pairs(count: int, spec: InputSpec) -> Iterator[Pairs]:
    """``count`` pairs of the renderer, of any family, the same every time."""
    # The renderer is large, and every other command starts without it.
    from inspector_app.synthesis.pairs import render_pair

    for seed in range(count):
        pair = render_pair(np.random.default_rng((seed, 2)))
        yield to_tensor(pair.golden, spec), to_tensor(pair.test, spec)


def compare_engines(engine: ChangeEngine, reference: ChangeEngine, pairs: Iterable[Pairs]) -> Agreement:
    """Run all pairs on both, every golden's images as one batch."""
    threshold = engine.manifest.judgement.threshold
    images, worst, crossing, pixels = 0, 0.0, 0, 0
    for golden, tests in pairs:
        got, expected = (each.compare(each.encode_golden(golden), tests) for each in (engine, reference))
        worst = max(worst, float(np.abs(got - expected).max()))
        crossing += int(np.count_nonzero((got >= threshold) != (expected >= threshold)))
        images, pixels = images + len(tests), pixels + got.size
    return Agreement(images, worst, crossing / pixels if pixels else 0.0)


class Borrowed:
    """An engine lent to who would close it: closing leaves it to its owner."""

    def __init__(self, engine: ChangeEngine) -> None:
        self._engine = engine
        self.encode_golden = engine.encode_golden
        self.compare, self.compare_each = engine.compare, engine.compare_each
        self.kept_bytes = engine.kept_bytes

    @property
    def info(self) -> EngineInfo:
        """The engine's."""
        return self._engine.info

    @property
    def manifest(self) -> ModelManifest:
        """The engine's."""
        return self._engine.manifest

    @property
    def parallel(self) -> int:
        """The engine's."""
        return self._engine.parallel

    @property
    def pairs_per_call(self) -> int:
        """The engine's."""
        return self._engine.pairs_per_call

    def close(self) -> None:
        """The engine is its owner's."""


def _tensor(path: Path, spec: InputSpec) -> Tensor:
    return to_tensor(read_frame(path).pixels, spec)
