"""Settings of a training: frozen and validated, stored inside every checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from platformdirs import user_data_dir
from pydantic import BaseModel, ConfigDict, Field, model_validator

Mode = Literal["object", "generic"]
Precision = Literal["auto", "bf16", "fp32"]


class TrainConfig(BaseModel):
    """How a network is trained.

    ``object``: ``data`` holds real pairs of one object; goldens are exchanged and defects synthesised.
    ``generic``: ``data`` holds ready-made pairs of many objects, or, without ``data``, pairs are rendered on
    the fly.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60)
    data: Path | None = None
    train_list: str = Field(default="train", min_length=1)
    """Which list of ``data`` is trained on: ``list/<train_list>.txt``."""
    out_dir: Path | None = None
    mode: Mode = "object"
    families: tuple[str, ...] | None = None
    """Part families to render on the fly; None means all."""
    size: int = Field(default=256, ge=64, le=1024, multiple_of=32)
    warm_size: int = Field(default=192, ge=64, le=1024, multiple_of=32)
    """Side of the training images during the first ``warm_share`` of the steps, for speed: with ``object``
    half of them are pieces cut out of pictures of ``size``, the others pictures made smaller."""
    warm_share: float = Field(default=0.5, ge=0.0, le=1.0)
    cache_size: int | None = Field(default=None, ge=64, le=1024)
    """Side at which pictures are kept in memory or rendered; None means 320 for ``object``, or 1.4 times a ``size`` above
    256, as stored for ``generic`` pairs (which must be square then), ``size`` for rendered ones."""
    steps: int = Field(default=3000, ge=1)
    epoch_steps: int = Field(default=100, ge=1)
    """Steps between two checkpoints."""
    batch: int = Field(default=8, ge=2)
    golden_share: int = Field(default=4, ge=1)
    """With ``object``: at most so many pairs of a batch have one golden, which is encoded once for them. Almost all of
    the network is its encoder, so that four take 10 encodings for 8 pairs in place of 16."""
    lr: float = Field(default=2e-3, gt=0)
    encoder_lr: float = Field(default=5e-4, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    ema_decay: float = Field(default=0.996, gt=0, lt=1)
    frozen_blocks: int = Field(default=3, ge=0, le=16)
    dice_weight: float = Field(default=0.5, ge=0)
    tversky_weight: float = Field(default=0.5, ge=0)
    """Of the overlap of each changed image by itself, whatever its size; ``dice_weight`` is of all pixels together."""
    missed_weight: float = Field(default=0.7, ge=0, le=1)
    """What a missed pixel counts in it; a false one counts the rest to 1."""
    pretrained: bool = True
    precision: Precision = "auto"
    threads: int = Field(default=2, ge=1)
    workers: int = Field(default=0, ge=0)
    """Processes that prepare pairs; 0 is quickest unless pairs are rendered on the fly."""
    seed: int = Field(default=0, ge=0)
    start_from: Path | None = None
    """What to start from instead of ImageNet's weights: a checkpoint (its averaged weights), an ONNX file that was
    exported from one, or a model's folder. The schedule begins anew."""
    resume: bool = False

    @model_validator(mode="after")
    def _has_a_source(self) -> TrainConfig:
        if self.mode == "object" and self.data is None:
            raise ValueError("mode 'object' needs data, a folder of pairs")
        return self

    @property
    def tests_a_golden(self) -> int:
        """How many pairs in a row have the same golden: a divisor of the batch, at most ``golden_share``."""
        if self.mode == "generic":
            return 1
        return next(count for count in range(self.golden_share, 0, -1) if self.batch % count == 0)

    @property
    def folder(self) -> Path:
        """Where checkpoints and the log go: ``out_dir``, or the app's data folder."""
        return self.out_dir or data_folder() / "training" / self.name

    @property
    def stretch(self) -> int:
        """Steps between two checkpoints, never more than there are steps."""
        return min(self.epoch_steps, self.steps)

    @property
    def epochs(self) -> int:
        """Number of stretches; the last one may be shorter."""
        return -(-self.steps // self.stretch)


def data_folder() -> Path:
    """Return the app's data folder for this user."""
    return Path(user_data_dir("inspector-app", appauthor=False))
