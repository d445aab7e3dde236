"""A training by TAO's spec, on Lightning: GPUs and nodes are settings, and every pair counts."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger

from inspector_app.changenet.callbacks import OnProgress, ProgressMeter
from inspector_app.changenet.quiet import quiet
from inspector_app.changenet.resuming import check_resumable
from inspector_app.changenet.tao.feed import SpecFeed
from inspector_app.changenet.tao.module import SpecModule
from inspector_app.changenet.tao.start import start_network
from inspector_app.changenet.train import plain_interrupt
from inspector_app.core.errors import KeeperError
from inspector_app.core.files import ensure_folder
from inspector_app.core.metrics import PixelCounts
from inspector_app.core.tao_spec.experiment import Experiment, Task

NAME = "changenet_model_segment"
LATEST = f"{NAME}_latest.pth"


@dataclass(frozen=True)
class EpochReport:
    """What an epoch came to; the validation's parts are None when there was none.

    Attributes:
        epoch: from 1.
        pixels: of class 1 against all others, pooled over the validation list at the network's size.
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    pixels: PixelCounts | None


@dataclass(frozen=True)
class SpecTraining:
    """What a training left: its newest checkpoint, and steps and epochs done in all."""

    checkpoint: Path
    steps: int
    epochs: int


@dataclass(frozen=True)
class Listener:
    """Whoever is told about a training."""

    said: Callable[[str], None] = lambda text: None
    progress: OnProgress | None = None
    epoch: Callable[[EpochReport], None] = lambda report: None


def train_spec(experiment: Experiment, listener: Listener | None = None) -> SpecTraining:
    """Train by a spec; checkpoints ``changenet_model_segment_epoch_NNN.pth`` and ``..._latest.pth``.

    Raises:
        KeeperError: the pairs, a checkpoint or a setting do not serve, or the loss is no longer a number.
    """
    listener, train = listener or Listener(), experiment.train
    resumed = Path(train.resume_training_checkpoint_path) if train.resume_training_checkpoint_path else None
    if resumed is not None:
        check_resumable(resumed)
    devices = _devices(experiment, listener)
    if train.seed < 0 and devices.count > 1:
        raise KeeperError(
            "spec_invalid",
            "train.seed below 0 draws another seed in each process, which would deal the pairs out otherwise.",
            "Give a seed where several GPUs train.",
        )
    seed = train.seed if train.seed >= 0 else secrets.randbelow(2**31)
    folder = experiment.folder(Task.TRAIN)
    ensure_folder(folder)
    # Lightning advertises, and warns of what is meant here (few worker processes, a last batch that is smaller).
    with quiet("lightning.pytorch", r"lightning\."):
        lightning.seed_everything(seed, verbose=False)
        start = start_network(experiment)
        for sentence in start.told:
            listener.said(sentence)
        feed = SpecFeed(experiment, seed)
        keeper = _Keeper(folder, experiment, listener)
        meter = ProgressMeter(_pace(experiment, feed, devices), listener.progress)
        trainer = _trainer(experiment, devices, [meter, keeper])
        module = SpecModule(experiment, start.network)
        with plain_interrupt(trainer):
            trainer.fit(module, datamodule=feed, ckpt_path=resumed, weights_only=True)
    return SpecTraining(folder / LATEST, trainer.global_step, trainer.current_epoch)


@dataclass(frozen=True)
class _Devices:
    accelerator: str
    devices: int | list[int]
    count: int


@dataclass(frozen=True)
class _Pace:
    """What the progress meter asks of a training's settings."""

    batch: int
    steps: int


def _devices(experiment: Experiment, listener: Listener) -> _Devices:
    train = experiment.train
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if there == 0:
        if train.precision == "16-mixed":
            raise KeeperError("spec_invalid", "train.precision 16-mixed needs a GPU.", "bf16-mixed does not.")
        if {"num_gpus", "gpu_ids", "cudnn"} & train.model_fields_set:
            listener.said("train.num_gpus, gpu_ids and cudnn have no effect: there is no GPU, the CPU trains")
        return _Devices("cpu", 1, train.num_nodes)
    if train.num_gpus > there:
        raise KeeperError("spec_invalid", f"train.num_gpus says {train.num_gpus}; there are {there}.")
    torch.backends.cudnn.benchmark = train.cudnn.benchmark
    torch.backends.cudnn.deterministic = train.cudnn.deterministic
    named = list(train.gpu_ids) if "gpu_ids" in train.model_fields_set else train.num_gpus
    return _Devices("gpu", named, train.num_gpus * train.num_nodes)


def _pace(experiment: Experiment, feed: SpecFeed, devices: _Devices) -> _Pace:
    batch = experiment.dataset.segment.batch_size
    mine = -(-len(feed.train_names) // devices.count)
    return _Pace(batch, experiment.train.num_epochs * -(-mine // batch))


def strategy_of(experiment: Experiment, devices: int) -> str:
    """Lightning's strategy. Where only the final output is trained, the heads of the other four get no gradient."""
    if devices == 1:
        return "auto"
    return "ddp" if experiment.dataset.segment.multi_scale_train else "ddp_find_unused_parameters_true"


def _trainer(experiment: Experiment, devices: _Devices, callbacks: list[Callback]) -> lightning.Trainer:
    train, folder = experiment.train, experiment.folder(Task.TRAIN)
    return lightning.Trainer(
        accelerator=devices.accelerator,
        devices=devices.devices,
        num_nodes=train.num_nodes,
        strategy=strategy_of(experiment, devices.count),
        # The feed deals the pairs out itself: Lightning's own sampler repeats validation pairs to fill up.
        use_distributed_sampler=False,
        precision=train.precision,
        sync_batchnorm=train.sync_batchnorm,
        max_epochs=train.num_epochs,
        check_val_every_n_epoch=train.validate_every,
        num_sanity_val_steps=0,
        default_root_dir=folder,
        logger=CSVLogger(folder, name="log"),
        log_every_n_steps=1,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        reload_dataloaders_every_n_epochs=1,
    )


class _Keeper(Callback):
    """Writes checkpoints, beside and then moved into place, and reports each epoch."""

    def __init__(self, folder: Path, experiment: Experiment, listener: Listener) -> None:
        self._folder, self._train, self._listener = folder, experiment.train, listener

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Runs behind the epoch's validation."""
        epoch = trainer.current_epoch + 1
        if epoch % self._train.checkpoint_interval == 0 or epoch == self._train.num_epochs:
            self._save(trainer, epoch)
        if trainer.is_global_zero and isinstance(pl_module, SpecModule):
            self._listener.epoch(self._report(trainer, pl_module, epoch))

    def _report(self, trainer: lightning.Trainer, module: SpecModule, epoch: int) -> EpochReport:
        measured = trainer.callback_metrics
        validated = epoch % self._train.validate_every == 0
        return EpochReport(
            epoch,
            float(measured["train_loss"]),
            float(measured["val_loss"]) if validated else None,
            module.validated if validated else None,
        )

    def _save(self, trainer: lightning.Trainer, epoch: int) -> None:
        target = self._folder / f"{NAME}_epoch_{epoch:03d}.pth"
        beside = target.with_suffix(".tmp")
        # Every process takes part in this, one of them writes.
        trainer.save_checkpoint(beside)
        if trainer.is_global_zero:
            os.replace(beside, target)
            _link(target, beside)
            os.replace(beside, self._folder / LATEST)


def _link(target: Path, name: Path) -> None:
    """A second name for a file, or a copy where the file system has no such thing."""
    try:
        os.link(target, name)
    except OSError:
        shutil.copyfile(target, name)
