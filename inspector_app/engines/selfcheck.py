"""The pair that is stored beside a model with what the model said to it: made, written, and read with care."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_file
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import ChangeEngine
from inspector_app.engines.models import Model

SMALL_SIDE = 64
LARGEST = 512 << 20
"""Bytes that the arrays of a self-check may take; a file says what it unpacks to, and may lie."""
NAMES = ("test", "golden", "probability")


@dataclass(frozen=True, eq=False)
class SelfCheck:
    """``test`` and ``golden`` are ``1 x 3 x H x W`` float32 tensors, ``probability`` is ``1 x H x W``."""

    test: NDArray[np.float32]
    golden: NDArray[np.float32]
    probability: NDArray[np.float32]


def run_self_check(engine: ChangeEngine) -> SelfCheck:
    """Run a made-up pair, a ramp with and without a patch, and keep what comes out.

    Raises:
        KeeperError: what the engine raises; ``engine_output`` when the map has another size than the pair.
    """
    test, golden = _made_up_pair(engine.manifest)
    probability = engine.compare(engine.encode_golden(golden), test)
    if probability.shape != (1, *test.shape[2:]):
        raise KeeperError(
            "engine_output",
            f"The network gave a map of {probability.shape[1:]} for a pair of {test.shape[2:]}.",
        )
    return SelfCheck(test, golden, probability)


def write_self_check(path: Path, check: SelfCheck) -> None:
    """Write the arrays to ``path``, whole or not at all.

    Raises:
        KeeperError: when the file cannot be written.
    """
    with atomic_file(path) as file:
        np.savez_compressed(
            file, allow_pickle=False, test=check.test, golden=check.golden, probability=check.probability
        )


def read_self_check(model: Model) -> SelfCheck | None:
    """What is stored beside ``model``, None when nothing is.

    Raises:
        KeeperError: ``self_check_failed`` when the file is damaged, or claims to unpack to more than memory.
    """
    path = model.selfcheck
    if not path.is_file():
        return None
    try:
        _check_sizes(path)
        with np.load(path, allow_pickle=False) as stored:
            arrays = [np.asarray(stored[name], dtype=np.float32) for name in NAMES]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise KeeperError("self_check_failed", f"{path} cannot be read: {error}.") from error
    return SelfCheck(*arrays)


def _check_sizes(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
            raise ValueError("it unpacks to more than 512 MB")
        for entry in archive.infolist():
            with archive.open(entry) as file:
                version = np.lib.format.read_magic(file)
                read = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, _, kind = read(file)
                # numpy reserves what the header asks for before it reads.
                if math.prod(shape) * kind.itemsize > entry.file_size:
                    raise ValueError(f"{entry.filename} is cut off")


def _made_up_pair(manifest: ModelManifest) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    spec = manifest.input
    height, width = (SMALL_SIDE, SMALL_SIDE) if spec.dynamic else (spec.height, spec.width)
    if spec.dynamic and SMALL_SIDE % spec.multiple:
        height = width = spec.multiple * math.ceil(SMALL_SIDE / spec.multiple)
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
