"""What watches a training: the checkpoint writer and the progress meter."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import lightning
from lightning.pytorch.callbacks import Callback

from inspector_app.core.errors import KeeperError

_TELL_EVERY = 10
_WINDOW = 50


@dataclass(frozen=True)
class TrainProgress:
    """Where a training stands: steps done, running loss, speed in pairs a second, seconds left."""

    step: int
    steps: int
    loss: float
    pairs_per_s: float
    seconds_left: float


OnProgress = Callable[[TrainProgress], None]


class Pace(Protocol):
    """What the meter must know of a training's settings."""

    @property
    def batch(self) -> int:
        """Pairs a step."""

    @property
    def steps(self) -> int:
        """Steps in all."""


class TrainingDivergedError(KeeperError):
    """The loss is no longer a finite number; the last checkpoint is older than that."""


class SaveLast(Callback):
    """Writes the checkpoint at the end of each epoch, atomically."""

    def __init__(self, target: Path) -> None:
        """``target`` is the checkpoint's path."""
        self._target = target

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write beside, then replace."""
        beside = self._target.with_suffix(".tmp")
        trainer.save_checkpoint(beside)
        os.replace(beside, self._target)


class ProgressMeter(Callback):
    """Measures loss and speed, and tells the caller how far the training is."""

    def __init__(self, config: Pace, tell: OnProgress | None) -> None:
        """``tell`` is called in the training's own thread."""
        self._config, self._tell = config, tell
        self._start = time.monotonic()
        self._loss = 0.0
        self._recent: list[float] = []
        self.pairs = 0

    @property
    def seconds(self) -> float:
        """Seconds since the training started."""
        return time.monotonic() - self._start

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clock after everything is loaded."""
        self._start = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count the step; tell every tenth and the last."""
        loss = float(outputs["loss"])
        if not math.isfinite(loss):
            raise TrainingDivergedError(
                "training_diverged",
                f"The loss became {loss} at step {trainer.global_step}.",
                "Train again with a smaller learning rate.",
            )
        self._loss = loss if self.pairs == 0 else 0.97 * self._loss + 0.03 * loss
        self.pairs += self._config.batch
        self._recent = [*self._recent[-_WINDOW:], time.monotonic()]
        step, steps = trainer.global_step, self._config.steps
        if self._tell is not None and (step % _TELL_EVERY == 0 or step == steps):
            self._tell(self._progress(step, steps))

    def _progress(self, step: int, steps: int) -> TrainProgress:
        elapsed = self._recent[-1] - (self._recent[0] if len(self._recent) > 1 else self._start)
        per_step = max(elapsed / max(1, len(self._recent) - 1), 1e-9)
        rate = self._config.batch / per_step
        return TrainProgress(step, steps, self._loss, rate, (steps - step) * per_step)
