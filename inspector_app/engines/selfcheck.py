"""The pair that is stored beside a model with what the model said to it: run, and read with care."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import ChangeEngine
from inspector_app.core.self_check import SelfCheck, made_up_pair
from inspector_app.engines.models import Model

LARGEST = 512 << 20
"""Bytes that the arrays of a self-check may take; a file says what it unpacks to, and may lie."""
NAMES = ("test", "golden", "probability")


def run_self_check(engine: ChangeEngine) -> SelfCheck:
    """Run a made-up pair, a ramp with and without a patch, and keep what comes out.

    Raises:
        KeeperError: what the engine raises; ``engine_output`` when the map has another size than the pair.
    """
    test, golden = made_up_pair(engine.manifest)
    probability = engine.compare(engine.encode_golden(golden), test)
    if probability.shape != (1, *test.shape[2:]):
        raise KeeperError(
            "engine_output",
            f"The network gave a map of {probability.shape[1:]} for a pair of {test.shape[2:]}.",
        )
    return SelfCheck(test, golden, probability)


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
