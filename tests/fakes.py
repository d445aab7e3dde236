"""Stand-ins for the parts behind the protocols."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import InputSpec, ModelManifest
from inspector_app.core.protocols import EngineInfo, Features, Tensor


@dataclass
class DifferenceEngine:
    """Probability of change = the largest absolute difference of the channels, doubled, at most 1.

    ``fail_on`` names calls (counted from 1) that raise; ``poison`` raises for any batch whose mean reaches it.
    ``mixed`` holds, for each call that named a golden for each test, how many tests each golden had in turn.
    """

    size: int = 64
    fail_on: frozenset[int] = frozenset()
    poison: float | None = None
    calls: int = 0
    goldens: int = 0
    batches: list[int] = field(default_factory=list)
    closed: bool = False
    parallel: int = 1
    pairs_per_call: int = 1
    mixed: list[list[int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("fake", "CPU", "float32")

    @property
    def manifest(self) -> ModelManifest:
        return ModelManifest(
            name="difference",
            file="none.onnx",
            sha256="0" * 64,
            input=InputSpec(height=self.size, width=self.size),
        )

    def encode_golden(self, golden: Tensor) -> Features:
        self.goldens += 1
        return golden

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        with self.lock:
            self.calls += 1
            call = self.calls
            self.batches.append(len(tests))
        assert isinstance(features, np.ndarray)
        if call in self.fail_on:
            raise KeeperError("engine_failed", "The engine failed, as it was told to.")
        if self.poison is not None and any(float(test.mean()) >= self.poison for test in tests):
            raise KeeperError("engine_failed", "This image breaks the engine.")
        difference = np.abs(tests - features).max(axis=1)
        return np.minimum(difference, 1.0).astype(np.float32)

    def compare_each(self, features: Sequence[Features], tests: Tensor) -> NDArray[np.float32]:
        assert len(features) == len(tests)
        runs = [list(run) for _, run in groupby(range(len(tests)), key=lambda index: id(features[index]))]
        with self.lock:
            self.mixed.append([len(run) for run in runs])
        return np.concatenate([self.compare(features[run[0]], tests[run]) for run in runs])

    def kept_bytes(self, features: Features) -> int:
        return features.nbytes if isinstance(features, np.ndarray) else 0

    def close(self) -> None:
        self.closed = True
