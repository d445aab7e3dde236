"""Weights that are a function of their names, and inputs, on which the published network's outputs are known."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

REFERENCE = Path(__file__).parent / "reference"


def named_value(name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """The reference's weight of that name."""
    last = name.rpartition(".")[2]
    random = np.random.RandomState(zlib.crc32(name.encode()))
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if last == "running_var":
        values = random.uniform(0.5, 1.5, shape)
    elif len(shape) >= 2:
        values = random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
    elif last == "weight":
        values = 1 + 0.1 * random.standard_normal(shape)
    else:
        values = 0.05 * random.standard_normal(shape)
    return np.asarray(values, np.float32)


def reference_image(seed: int, shape: tuple[int, ...] = (1, 3, 256, 256)) -> NDArray[np.float32]:
    """Seed 1 is the test image, 2 the golden."""
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32)


def fill(network: Any) -> Any:
    """Give ``network`` the reference's weights."""
    import torch

    state = network.state_dict()
    network.load_state_dict({k: torch.from_numpy(named_value(k, tuple(v.shape))) for k, v in state.items()})
    return network.eval()
