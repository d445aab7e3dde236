"""Training of a change network, resumable, with its checkpoints outside the checkout."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch.loggers import CSVLogger

from inspector_app.changenet.callbacks import OnProgress, ProgressMeter, SaveLast
from inspector_app.changenet.config import Precision, TrainConfig
from inspector_app.changenet.feed import PairFeed
from inspector_app.changenet.freed_memory import keep_freed_memory
from inspector_app.changenet.module import ChangeModule
from inspector_app.changenet.quiet import quiet
from inspector_app.changenet.resuming import check_resumable
from inspector_app.changenet.sources import build_source
from inspector_app.changenet.start import first_network

LAST = "last.ckpt"


@dataclass(frozen=True)
class TrainResult:
    """What a training left: the last checkpoint, steps done in all, and seconds and pairs of this run."""

    checkpoint: Path
    steps: int
    seconds: float
    pairs: int


def run_training(config: TrainConfig, on_progress: OnProgress | None = None) -> TrainResult:
    """Train by ``config`` and return where the weights are; ``on_progress`` hears of every tenth step.

    A checkpoint is written after every ``epoch_steps`` steps, beside and then moved into place.  With
    ``resume`` the training goes on from it and sees the same pairs as an uninterrupted one.
    Raises NothingToResumeError, PairFolderError, PretrainedWeightsMissingError and, when the loss is no
    longer a number, TrainingDivergedError.
    """
    checkpoint = config.folder / LAST
    if config.resume:
        check_resumable(checkpoint)
    config.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config.threads)
    keep_freed_memory()
    meter = ProgressMeter(config, on_progress)
    # Lightning advertises, and warns of what is meant here (a frozen encoder, no worker processes).
    with quiet("lightning.pytorch", r"lightning\."):
        lightning.seed_everything(config.seed, verbose=False)
        trainer = _trainer(config, meter, SaveLast(checkpoint))
        source = build_source(config)
        feed = PairFeed(source, config)
        module = ChangeModule(config, first_network(config, source))
        resumed = checkpoint if config.resume else None
        with plain_interrupt(trainer):
            trainer.fit(module, datamodule=feed, ckpt_path=resumed, weights_only=True)
    return TrainResult(checkpoint, trainer.global_step, meter.seconds, meter.pairs)


def _trainer(config: TrainConfig, meter: ProgressMeter, saver: SaveLast) -> lightning.Trainer:
    return lightning.Trainer(
        accelerator="cpu",
        precision="bf16-mixed" if computes_bfloat16(config.precision) else "32-true",
        max_epochs=config.epochs,
        gradient_clip_val=3.0,
        default_root_dir=config.folder,
        logger=CSVLogger(config.folder, name="log"),
        log_every_n_steps=20,
        callbacks=[meter, saver],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        reload_dataloaders_every_n_epochs=1,
    )


def computes_bfloat16(precision: Precision) -> bool:
    """Whether to train in bfloat16: ``auto`` means where the processor has it; elsewhere it takes four times
    as long as float32 (measured on AVX2)."""
    if precision == "auto":
        return bool(torch.cpu._is_avx512_bf16_supported())
    return precision == "bf16"


@contextmanager
def plain_interrupt(trainer: lightning.Trainer) -> Iterator[None]:
    """Let Ctrl-C end as KeyboardInterrupt; Lightning would ignore further ones and exit with 1."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as ended:
        if trainer.interrupted:
            raise KeyboardInterrupt from ended
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)
