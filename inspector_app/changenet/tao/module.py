"""The Lightning module of a spec's training: its steps, optimiser, schedule and validation."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from inspector_app.changenet.tao.losses import spec_loss
from inspector_app.changenet.tao.network import VisualChangeNet
from inspector_app.core.metrics import PixelCounts
from inspector_app.core.tao_spec.experiment import Experiment
from inspector_app.vision.segment_pairs import IGNORED


class SpecModule(lightning.LightningModule):
    """Trains ``model``; its checkpoints have TAO's names, ``model.`` before each."""

    def __init__(self, experiment: Experiment, network: VisualChangeNet) -> None:
        super().__init__()
        self.experiment = experiment
        self.model = network
        self.validated = PixelCounts()

    def on_train_epoch_start(self) -> None:
        """A frozen backbone's statistics stand still too."""
        self.model.train()
        if self.experiment.model.backbone.freeze_backbone:
            self.model.backbone.eval()

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], index: int) -> Tensor:
        """The loss of a batch."""
        loss = self._loss(self.model(batch[0], batch[1]), batch[2])
        self.log("train_loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(batch[2]))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Start counting anew."""
        self.validated = PixelCounts()

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor], index: int) -> None:
        """The loss, and the pixels of class 1 against all others."""
        outputs = self.model(batch[0], batch[1])
        loss = self._loss(outputs, batch[2])
        self.log("val_loss", loss, on_epoch=True, sync_dist=True, batch_size=len(batch[2]))
        counted = batch[2] != IGNORED
        predicted = class_maps(outputs, self.experiment.dataset.segment.multi_scale_infer) == 1
        truth = batch[2] == 1
        found = [int((a & b & counted).sum()) for a in (predicted, ~predicted) for b in (truth, ~truth)]
        self.validated += PixelCounts(tp=found[0], fp=found[1], fn=found[2], tn=found[3])

    def on_validation_epoch_end(self) -> None:
        """Add the counts of all processes, and log the measures that there are."""
        counts = self.validated
        whole = torch.tensor([counts.tp, counts.fp, counts.fn, counts.tn], device=self.device)
        gathered = self.all_gather(whole)
        assert isinstance(gathered, Tensor)
        self.validated = PixelCounts(*(int(count) for count in gathered.reshape(-1, 4).sum(0)))
        for name in ("precision", "recall", "iou", "dice", "accuracy"):
            value = getattr(self.validated, name)
            if value is not None:
                self.log(f"val_{name}", float(value), sync_dist=False)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the spec beside the weights, as plain values."""
        checkpoint["experiment"] = self.experiment.model_dump(mode="json")

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The spec's optimiser and policy; the rate changes after each epoch."""
        optimizer = self._optimizer()
        epochs = self.experiment.train.num_epochs
        scheduler: torch.optim.lr_scheduler.LRScheduler
        if self.experiment.train.optim.policy == "linear":
            scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 - epoch / (epochs + 1))
        else:
            scheduler = torch.optim.lr_scheduler.StepLR(optimizer, max(1, epochs // 3), gamma=0.1)
        return OptimizerLRSchedulerConfig(
            optimizer=optimizer, lr_scheduler={"scheduler": scheduler, "interval": "epoch"}
        )

    def _optimizer(self) -> torch.optim.Optimizer:
        settings = self.experiment.train.optim
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        rate, decay = settings.lr, settings.weight_decay
        if settings.optim == "sgd":
            return torch.optim.SGD(trained, lr=rate, momentum=settings.momentum, weight_decay=decay)
        kind = torch.optim.AdamW if settings.optim == "adamw" else torch.optim.Adam
        return kind(trained, lr=rate, betas=(0.9, 0.999), weight_decay=decay)

    def _loss(self, outputs: tuple[Tensor, ...], label: Tensor) -> Tensor:
        many = self.experiment.dataset.segment.multi_scale_train
        return spec_loss(outputs, label, self.experiment.train.segment.weights if many else None)


def class_maps(outputs: tuple[Tensor, ...], multi_scale: bool) -> Tensor:
    """The most likely class of each pixel, ``N x H x W``: by the final output, or by the mean of all five."""
    final = outputs[-1]
    if multi_scale:
        size = final.shape[2:]
        enlarged = [torch.nn.functional.interpolate(part, size=size, mode="nearest") for part in outputs]
        final = torch.stack(enlarged).mean(0)
    return final.argmax(1)
