"""The pair that proves an engine: a test and a golden made up for a model, with what the model said to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.files import atomic_file
from inspector_app.core.manifest import ModelManifest


@dataclass(frozen=True, eq=False)
class SelfCheck:
    """``test`` and ``golden`` are ``1 x 3 x H x W`` float32 tensors, ``probability`` is ``1 x H x W``."""

    test: NDArray[np.float32]
    golden: NDArray[np.float32]
    probability: NDArray[np.float32]


def write_self_check(path: Path, check: SelfCheck) -> None:
    """Write the arrays to ``path``, whole or not at all.

    Raises:
        KeeperError: when the file cannot be written.
    """
    with atomic_file(path) as file:
        np.savez_compressed(
            file, allow_pickle=False, test=check.test, golden=check.golden, probability=check.probability
        )


def made_up_pair(manifest: ModelManifest) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Test and golden, ``1 x 3 x H x W``, at the size that the model works at: an engine has that one ready."""
    spec = manifest.input
    height, width = spec.height, spec.width
    rng = np.random.default_rng(20)
    ramp = np.add.outer(np.linspace(0, 1, height), np.linspace(0, 1, width)) / 2
    golden = np.clip(0.5 + (ramp - 0.5) * 0.8 + rng.normal(0, 0.02, (3, height, width)), 0, 1)
    test = np.clip(golden + rng.normal(0, 0.01, golden.shape), 0, 1)
    patch = (slice(height * 5 // 16, height * 9 // 16), slice(width * 7 // 16, width * 25 // 32))
    test[:, patch[0], patch[1]] = rng.uniform(0, 1, (3, 1, 1))
    return _tensor(test, spec.mean, spec.std), _tensor(golden, spec.mean, spec.std)


def _tensor(
    picture: NDArray[np.floating], mean: tuple[float, ...], std: tuple[float, ...]
) -> NDArray[np.float32]:
    """Grey levels of 8 bits, as from a picture: they also pack better than noise."""
    levels = np.round(picture * 255) / 255
    shape = (3, 1, 1)
    return np.asarray((levels - np.reshape(mean, shape)) / np.reshape(std, shape), dtype=np.float32)[None]
