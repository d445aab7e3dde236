"""Feeds a spec's pairs to the trainer; what an epoch shows depends on seed and epoch alone."""

from __future__ import annotations

from dataclasses import dataclass

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Sampler

from inspector_app.changenet.tao.augment import LabelledPair, augment
from inspector_app.core.manifest import InputSpec
from inspector_app.core.tao_spec.experiment import Experiment
from inspector_app.vision.segment_pairs import SegmentPairs, label_at
from inspector_app.vision.tensors import resize, to_tensor

Item = tuple[Tensor, Tensor, Tensor]
"""Test and golden, 3 x H x W float32, and classes, H x W int64."""


@dataclass(frozen=True)
class FedPairs(Dataset[Item]):
    """Pairs in a given order at the network's size, augmented when ``seed`` is given."""

    pairs: SegmentPairs
    names: tuple[str, ...]
    spec: InputSpec
    seed: tuple[int, int] | None = None

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.names)

    def __getitem__(self, index: int) -> Item:
        """The ``index``-th pair; KeeperError when it cannot be read."""
        name, spec = self.names[index], self.spec
        test, golden = self.pairs.images(name)
        label = label_at(self.pairs.label(name), spec.width, spec.height)
        pair = LabelledPair(resize(test, spec), resize(golden, spec), label)
        if self.seed is not None:
            rng = np.random.default_rng([*self.seed, index])
            pair = augment(pair, self.pairs.segment.augmentation, rng)
        first, second = (torch.from_numpy(to_tensor(image, spec)[0]) for image in (pair.test, pair.golden))
        return first, second, torch.from_numpy(pair.label.astype(np.int64))


class SpecFeed(lightning.LightningDataModule):
    """Training pairs in a new order every epoch, validation pairs as listed; no pair is ever left out.

    Several GPUs share the pairs out. All must take the same number of training steps, so a few pairs may be trained
    twice in an epoch; none is validated twice, unless there are fewer than GPUs.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        """Read both lists; KeeperError when one is missing or names nothing."""
        super().__init__()
        segment = experiment.dataset.segment
        self._segment, self._seed, self._input = segment, seed, experiment.input_spec
        self._pairs = SegmentPairs(segment)
        self.train_names = self._pairs.names(segment.train_split)
        self.validation_names = self._pairs.names(segment.validation_split)

    def train_dataloader(self) -> DataLoader[Item]:
        """The loader of the trainer's current epoch."""
        epoch = self.trainer.current_epoch if self.trainer is not None else 0
        names = list(self.train_names)
        if self._segment.shuffle:
            order = np.random.default_rng([self._seed, epoch]).permutation(len(names))
            names = [names[int(place)] for place in order]
        pairs = FedPairs(self._pairs, tuple(names), self._input, (self._seed, epoch))
        rank, world = self._place
        if world == 1:
            return self._loader(pairs)
        return self._loader(pairs, DistributedSampler(pairs, world, rank, shuffle=False))

    def val_dataloader(self) -> DataLoader[Item]:
        """The loader of the validation list."""
        rank, world = self._place
        mine = self.validation_names[rank::world] or self.validation_names[:1]
        return self._loader(FedPairs(self._pairs, mine, self._input))

    @property
    def _place(self) -> tuple[int, int]:
        """Which of how many processes this is."""
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _loader(self, pairs: FedPairs, sampler: Sampler[int] | None = None) -> DataLoader[Item]:
        return DataLoader(
            pairs,
            self._segment.batch_size,
            sampler=sampler,
            num_workers=min(self._segment.workers, len(pairs)),
            drop_last=False,
        )
