"""Feeds pairs to the trainer, numbered from the start of the training so that a resumed one goes on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from inspector_app.changenet.arrays import Image, Pair
from inspector_app.changenet.config import TrainConfig
from inspector_app.changenet.sources import PairSource

Item = tuple[Tensor, Tensor, Tensor]
"""Test and golden, 3 x H x W uint8, and truth, H x W bool."""


class EpochPairs(Dataset[Item]):
    """The pairs of one epoch at one size."""

    def __init__(self, source: PairSource, first: int, count: int, size: int, threads: int = 1) -> None:
        """``first`` is the number of this epoch's first pair, ``count`` how many there are; ``threads`` share a batch."""
        self._source, self._first, self._count, self._size = source, first, count, size
        self._threads = threads

    def __len__(self) -> int:
        """Return the number of pairs."""
        return self._count

    def __getitem__(self, index: int) -> Item:
        """Return the ``index``-th pair of the epoch."""
        return item_of(self._source.pair(self._first + index, self._size))

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """Return several pairs, as the loader asks for a batch; neighbours, which may have one golden, by one thread."""
        each = -(-len(indices) // self._threads)
        parts = [indices[first : first + each] for first in range(0, len(indices), each)]
        if len(parts) == 1:
            return self._in_turn(indices)
        with ThreadPoolExecutor(len(parts), "pairs") as pool:
            return [item for items in pool.map(self._in_turn, parts) for item in items]

    def _in_turn(self, indices: Sequence[int]) -> list[Item]:
        return [self[index] for index in indices]


class PairFeed(lightning.LightningDataModule):
    """Gives each epoch its own pairs, small ones during the warm share of the training."""

    def __init__(self, source: PairSource, config: TrainConfig) -> None:
        """Feed from ``source`` by the sizes and numbers of ``config``."""
        super().__init__()
        self._source, self._config = source, config

    def train_dataloader(self) -> DataLoader[Item]:
        """Return the loader of the trainer's current epoch."""
        config = self._config
        epoch, done = 0, 0
        if self.trainer is not None:
            epoch, done = self.trainer.current_epoch, self.trainer.global_step
        left = config.steps - done
        # A training that ended within a stretch may go on to more steps than it was begun with.
        steps = left if epoch + 1 >= config.epochs else min(config.stretch, left)
        # Worker processes have a core each as it is.
        threads = 1 if config.workers else config.threads
        size = config.warm_size if epoch < config.warm_share * config.epochs else config.size
        pairs = EpochPairs(self._source, done * config.batch, steps * config.batch, size, threads)
        return DataLoader(pairs, config.batch, num_workers=config.workers)


def item_of(pair: Pair) -> Item:
    """Return a pair as the trainer takes it."""
    return _tensor(pair.test), _tensor(pair.golden), torch.from_numpy(pair.mask)


def _tensor(image: Image) -> Tensor:
    """Return 3 x H x W of an H x W x 3 image without copying: its memory is channels-last already."""
    return torch.from_numpy(image).permute(2, 0, 1)
