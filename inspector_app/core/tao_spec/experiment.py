"""The whole spec, and what has to be said about one that was read."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator

from inspector_app.core.manifest import InputSpec
from inspector_app.core.tao_spec.data_keys import QUANTIZE, Dataset, Model
from inspector_app.core.tao_spec.keys import KeyNote, OtherTask, Section, idle_keys, key
from inspector_app.core.tao_spec.task_keys import Evaluate, Export, GenTrtEngine, Inference, Train


class Task(StrEnum):
    """What a command does with a spec; the value is its section."""

    TRAIN = "train"
    EVALUATE = "evaluate"
    INFERENCE = "inference"
    EXPORT = "export"


NEEDED: dict[Task, tuple[str, ...]] = {
    Task.TRAIN: ("dataset.segment.root_dir",),
    Task.EVALUATE: ("dataset.segment.root_dir", "evaluate.checkpoint"),
    Task.INFERENCE: ("dataset.segment.root_dir", "inference.checkpoint"),
    Task.EXPORT: ("export.checkpoint",),
}
"""The keys that a task cannot do without."""


class Experiment(Section):
    """A spec of ``task: segment``."""

    task: str = key("segment", "Only `segment`; Visual ChangeNet-Classification is out of scope.")
    results_dir: str = key(
        "results", "Parent of every section's results. TAO's default is `/results`.", min_length=1
    )
    model: Model = Field(default_factory=Model)
    dataset: Dataset = Field(default_factory=Dataset)
    train: Train = Field(default_factory=Train)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    inference: Inference = Field(default_factory=Inference)
    export: Export = Field(default_factory=Export)
    gen_trt_engine: GenTrtEngine = Field(default_factory=GenTrtEngine)
    encryption_key: str | None = key(None, "TAO's.", "checkpoints are neither encrypted nor decrypted")
    model_name: str | None = key(None, "TAO's.", "the commands know which network they serve")
    wandb: OtherTask = key({}, "TAO's logger.", "nothing is sent anywhere")
    quantize: OtherTask = key({}, "Of TAO's quantisation.", QUANTIZE)

    @field_validator("task")
    @classmethod
    def _segment(cls, task: str) -> str:
        if task == "classify":
            raise ValueError(
                "classify (Visual ChangeNet-Classification) is out of scope here; only segment is read"
            )
        if task != "segment":
            raise ValueError(f"must be segment, not {task!r}")
        return task

    @property
    def input_spec(self) -> InputSpec:
        """How images are fed: as TAO trains, at ``img_size``."""
        segment = self.dataset.segment
        augmentation = segment.augmentation
        return InputSpec(
            height=segment.img_size,
            width=segment.img_size,
            multiple=16,
            resize="bicubic_antialias",
            mean=augmentation.mean,
            std=augmentation.std,
        )

    def folder(self, task: Task) -> Path:
        """Where a task's results go."""
        own = {Task.TRAIN: self.train.results_dir, Task.INFERENCE: self.inference.results_dir}.get(task)
        return Path(own) if own else Path(self.results_dir) / task.value

    def notes(self, task: Task) -> tuple[KeyNote, ...]:
        """What was given, concerns this task, and has no effect; sorted by key."""
        others = tuple(f"{other.value}." for other in Task if other is not task)
        if task is not Task.EXPORT:
            others += ("gen_trt_engine.",)
        found = [*idle_keys(self), *self._idle_here()]
        return tuple(sorted((n for n in found if not n.path.startswith(others)), key=lambda note: note.path))

    def _idle_here(self) -> Iterator[KeyNote]:
        """Keys whose effect hangs on others."""
        train, segment = self.train, self.dataset.segment
        if train.optim.optim != "sgd" and train.optim.momentum != 0.9:
            yield KeyNote("train.optim.momentum", f"{train.optim.optim} has betas of its own, 0.9 and 0.999")
        given = "weights" in train.segment.model_fields_set
        if given and not segment.multi_scale_train:
            yield KeyNote(
                "train.segment.weights", "without multi_scale_train the final output alone is trained"
            )
