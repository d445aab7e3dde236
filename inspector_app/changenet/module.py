"""The Lightning module: one training step, its schedule, and the averaged weights that are shipped."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from inspector_app.changenet.checkpoint_file import CheckpointError, read_checkpoint
from inspector_app.changenet.config import TrainConfig
from inspector_app.changenet.lite import ChangeNetLite, build_network
from inspector_app.changenet.losses import change_loss
from inspector_app.core.errors import KeeperError

_WARM_UP_STEPS = 60


class ChangeModule(lightning.LightningModule):
    """Trains ``network`` and keeps ``averaged``, an exponential moving average of it, for use."""

    def __init__(self, config: TrainConfig, network: ChangeNetLite) -> None:
        """Train ``network`` by ``config``."""
        super().__init__()
        self.config = config
        self.network = network
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.encoder.freeze(config.frozen_blocks)
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(False)

    def on_train_epoch_start(self) -> None:
        """Keep the encoder's BatchNorm statistics: batches are small and unlike ImageNet's."""
        self.network.train()
        self.network.encoder.eval()
        self.averaged.eval()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the settings beside the weights, as plain values."""
        checkpoint["train_config"] = self.config.model_dump(mode="json")

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], index: int) -> Tensor:
        """Return the loss of the batch, and log it."""
        loss = self.loss_of(*batch)
        self.log("loss", loss, prog_bar=False)
        return loss

    def loss_of(self, test: Tensor, golden: Tensor, truth: Tensor) -> Tensor:
        """Return the loss of uint8 test and golden (N x 3 x H x W) and truth (N x H x W)."""
        goldens = normalised(golden[:: self.config.tests_a_golden])
        outputs = self.network.forward_train(normalised(test), goldens)
        return change_loss(
            outputs,
            truth,
            dice_weight=self.config.dice_weight,
            tversky_weight=self.config.tversky_weight,
            missed_weight=self.config.missed_weight,
        )

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the average towards the network; early on faster, so that the start is forgotten."""
        decay = min(self.config.ema_decay, (1 + self.global_step) / (10 + self.global_step))
        update_average(self.averaged, self.network, decay)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW; the encoder learns slower; linear warm-up, then cosine down to a hundredth."""
        config = self.config
        encoder = [p for p in self.network.encoder.parameters() if p.requires_grad]
        known = {id(p) for p in self.network.encoder.parameters()}
        decoder = [p for p in self.network.parameters() if id(p) not in known]
        groups = [{"params": decoder, "lr": config.lr}, {"params": encoder, "lr": config.encoder_lr}]
        optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, config.steps))
        return OptimizerLRSchedulerConfig(
            optimizer=optimizer, lr_scheduler={"scheduler": schedule, "interval": "step"}
        )


def normalised(image: Tensor) -> Tensor:
    """Map uint8 0..255 to float32 -1..1, as the manifests of these models say."""
    return (image.float() / 255.0 - 0.5) / 0.5


def rate_at(step: int, steps: int) -> float:
    """Return the share of the learning rate at ``step``: 0..1."""
    warm = min(1.0, (step + 1) / _WARM_UP_STEPS)
    done = min(1.0, step / max(1, steps))
    return warm * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done)))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Set every floating tensor of ``average`` to decay * itself + (1 - decay) * the network's."""
    current = network.state_dict()
    for name, kept in average.state_dict().items():
        if kept.is_floating_point():
            kept.lerp_(current[name], 1.0 - decay)
        else:
            kept.copy_(current[name])


def load_averaged(state: dict[str, Tensor]) -> ChangeNetLite:
    """Return the averaged network of a checkpoint's ``state_dict``, in evaluation mode."""
    network = build_network(pretrained=False)
    own = {k.removeprefix("averaged."): v for k, v in state.items() if k.startswith("averaged.")}
    network.load_state_dict(own, strict=True)
    return network.eval()


class ForeignCheckpointError(KeeperError):
    """The file is no checkpoint of a ``changenet-lite`` training."""


def load_checkpoint(checkpoint: Path) -> ChangeNetLite:
    """Return the averaged network of a training checkpoint, in evaluation mode.

    Raises ForeignCheckpointError.
    """
    with _our_checkpoint(checkpoint):
        saved: Any = read_checkpoint(checkpoint)
        return load_averaged(saved["state_dict"])


def training_config(checkpoint: Path) -> TrainConfig:
    """Return the settings of the training that wrote a checkpoint.

    Raises ForeignCheckpointError.
    """
    with _our_checkpoint(checkpoint):
        saved: Any = read_checkpoint(checkpoint)
        return TrainConfig.model_validate(saved["train_config"])


@contextmanager
def _our_checkpoint(checkpoint: Path) -> Iterator[None]:
    try:
        yield
    except (CheckpointError, RuntimeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise ForeignCheckpointError(
            "checkpoint_foreign",
            f"{checkpoint} cannot be read as a checkpoint of a changenet-lite training.",
            "Name the last.ckpt that `train` wrote. A checkpoint of NVIDIA TAO is read by the commands with -e.",
        ) from error
