"""Batches of pairs: the same ones, in order, however many threads prepare them."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from torch.utils.data import DataLoader  # noqa: E402

from inspector_app.changenet.config import TrainConfig  # noqa: E402
from inspector_app.changenet.feed import EpochPairs  # noqa: E402
from inspector_app.changenet.sources import build_source  # noqa: E402


@pytest.mark.parametrize("kind", ["of one object", "stored", "rendered"])
@pytest.mark.parametrize("threads", [2, 16])
def test_threads_prepare_the_batches_that_one_prepares(pair_folder: Path, kind: str, threads: int) -> None:
    config = TrainConfig(
        name="a",
        data=None if kind == "rendered" else pair_folder,
        mode="object" if kind == "of one object" else "generic",
        size=64,
        cache_size=96,
        batch=8,
    )
    alone, shared = (
        list(DataLoader(EpochPairs(build_source(config), 8, 16, 64, each), config.batch))
        for each in (1, threads)
    )
    assert len(alone) == len(shared) == 2
    for one, other in zip(alone, shared, strict=True):
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(one, other, strict=True))
