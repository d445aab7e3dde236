"""A network that needs no model: what differs in grey is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.bootstrap import Inspector, open_inspector
from inspector_app.core.clock import SystemClock
from inspector_app.core.manifest import InputSpec, ModelManifest
from inspector_app.core.protocols import EngineInfo, Features, Refusal, Tensor
from inspector_app.engines.models import Model
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.inspect import InspectionService
from inspector_app.ui.jobs import JobRunner

Settle = Callable[[JobRunner], None]


class GreyEngine:
    """``ChangeEngine``: the probability is twice the grey difference."""

    def __init__(self, side: int = 128) -> None:
        self.manifest = ModelManifest(
            name="grey", file="grey.onnx", sha256="0" * 64, input=InputSpec(width=side, height=side)
        )
        refusal = Refusal(
            "onnxruntime CUDA", "this onnxruntime was built without CUDA", "install a GPU build"
        )
        self.info = EngineInfo("fake", "CPU", "float32", "test bench", (refusal,))
        self.closed = False
        self.compared = 0

    @property
    def parallel(self) -> int:
        return 1

    @property
    def pairs_per_call(self) -> int:
        return 1

    def encode_golden(self, golden: Tensor) -> Features:
        return golden

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        assert isinstance(features, np.ndarray)
        self.compared += len(tests)
        difference = np.abs(tests - features).mean(axis=1)
        return np.clip(difference, 0.0, 1.0).astype(np.float32)

    def compare_each(self, features: Sequence[Features], tests: Tensor) -> NDArray[np.float32]:
        pairs = zip(features, tests, strict=True)
        return np.concatenate([self.compare(golden, test[None]) for golden, test in pairs])

    def kept_bytes(self, features: Features) -> int:
        return features.nbytes if isinstance(features, np.ndarray) else 0

    def close(self) -> None:
        self.closed = True


class BenchInspector(Inspector):
    """The wired program with the grey engine."""

    def models(self) -> dict[str, Path]:
        return {"grey": Path("grey"), "generic": Path("generic")}

    def find_model(self, name: str) -> Model:
        return Model(GreyEngine().manifest, Path("grey.onnx"))

    def open_service(
        self, model: str, choice: EngineChoice = EngineChoice.AUTO, threads: int = 0, parallel: int = 1
    ) -> InspectionService:
        return InspectionService(GreyEngine(), self.store, self.archive, SystemClock())


def bench_inspector(folder: Path) -> BenchInspector:
    """A real store and archive in ``folder``."""
    real = open_inspector(folder, {})
    return BenchInspector(**vars(real))


def write_pair(folder: Path, side: int = 200) -> tuple[Path, Path, Path]:
    """A golden, a test image with two marks, and their annotation."""
    rng = np.random.default_rng(1)
    golden = np.full((side, side, 3), 120, np.uint8) + rng.integers(0, 6, (side, side, 3), dtype=np.uint8)
    test = golden.copy()
    truth = np.zeros((side, side), np.uint8)
    for x, y, w, h in ((40, 50, 30, 20), (140, 120, 24, 36)):
        test[y : y + h, x : x + w] = 250
        truth[y : y + h, x : x + w] = 255
    paths = folder / "golden.png", folder / "test.png", folder / "test_mask.png"
    for path, image in zip(paths, (golden, test, truth), strict=True):
        assert cv2.imwrite(str(path), image)
    return paths
