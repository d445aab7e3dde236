"""Batches of pairs: the same ones, in order, however many threads prepare them."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from torch.utils.data import DataLoader  # noqa: E402

from inspector_app.changenet.augment import AugmentStrength  # noqa: E402
from inspector_app.changenet.feed import EpochPairs  # noqa: E402
from inspector_app.changenet.pair_folder import PairFolder  # noqa: E402
from inspector_app.changenet.sources import ObjectMix, ObjectSource  # noqa: E402


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_threads_prepare_the_batches_that_one_prepares(pair_folder: Path, threads: int) -> None:
    folder = PairFolder(pair_folder)
    pairs = [folder.read(name) for name in folder.names("train")]
    alone, shared = (
        list(
            DataLoader(
                EpochPairs(
                    ObjectSource(pairs, 3, AugmentStrength(), ObjectMix(), golden_share=4), 8, 24, 64, each
                ),
                batch_size=8,
            )
        )
        for each in (1, threads)
    )
    assert len(alone) == len(shared) == 3
    for one, other in zip(alone, shared, strict=True):
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(one, other, strict=True))
