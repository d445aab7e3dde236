"""The keys of ``train``, ``evaluate``, ``inference``, ``export`` and ``gen_trt_engine``."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator, model_validator

from inspector_app.core.tao_spec.data_keys import CLASSIFY
from inspector_app.core.tao_spec.keys import OtherTask, Section, block, key

_ONE_DEVICE = "one process judges the list"
_ALL = "every pair's result is written"
_PLAN = "plans are the TensorRT engine's own: name the ONNX file as checkpoint, and give --engine tensorrt"
_ENGINE = "--engine tensorrt builds its plan itself from the ONNX file, with settings of its own"
_CPU = "the graph is written on the CPU"


class Optim(Section):
    """``train.optim``."""

    monitor_name: str = key(
        "val_loss", "What TAO's other policies watch.", "neither policy watches a measure"
    )
    optim: Literal["adamw", "adam", "sgd"] = key("adamw", "The optimiser; Adam's betas are 0.9 and 0.999.")
    lr: float = key(1e-4, "Learning rate at the start.", gt=0)
    policy: Literal["linear", "step"] = key(
        "linear", "Each epoch: down towards 0 over `num_epochs` + 1, or to a tenth after each third of them."
    )
    momentum: float = key(0.9, "Of SGD.", ge=0, lt=1)
    weight_decay: float = key(0.01, "Weight decay.", ge=0)


class TrainSegment(Section):
    """``train.segment``."""

    loss: Literal["ce"] = key("ce", "Cross-entropy of each pixel.")
    weights: tuple[float, float, float, float, float] = key(
        (0.5, 0.5, 0.5, 0.8, 1.0), "Of the five outputs, coarsest first; with `multi_scale_train` only."
    )

    @field_validator("weights")
    @classmethod
    def _not_negative(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if min(weights) < 0 or max(weights) == 0:
            raise ValueError(f"must not be negative, nor all zero: {list(weights)}")
        return weights


class Tensorboard(Section):
    """``train.tensorboard``."""

    enabled: bool = key(False, "TAO's logger.", "the log is a CSV file, metrics.csv")
    infrequent_logging_frequency: int = key(2, "TAO's logger.", "the log is a CSV file, metrics.csv")


class Cudnn(Section):
    """``train.cudnn``."""

    benchmark: bool = key(False, "Let cuDNN measure its kernels.")
    deterministic: bool = key(True, "Only cuDNN's kernels that repeat themselves.")


class Train(Section):
    """``train``."""

    num_gpus: int = key(1, "GPUs of a node; without a GPU the CPU trains.", ge=1)
    gpu_ids: tuple[int, ...] = key((0,), "Which ones; by default the first `num_gpus`.", min_length=1)
    num_nodes: int = key(1, "Machines, as Lightning takes them.", ge=1)
    seed: int = key(1234, "Of weights, order and augmentation; below 0: another one every time.", ge=-1)
    cudnn: Cudnn = block(Cudnn)
    num_epochs: int = key(10, "Epochs in all.", ge=1)
    checkpoint_interval: int = key(1, "Epochs between checkpoints; the last epoch has one in any case.", ge=1)
    validation_interval: int = key(1, "Epochs between validations.", ge=1)
    val_interval: int | None = key(None, "The older name of `validation_interval`.", ge=1)
    resume_training_checkpoint_path: str | None = key(None, "Checkpoint to go on from.")
    results_dir: str | None = key(None, "Checkpoints and log; by default `train` in `results_dir`.")
    pretrained_model_path: str | None = key(None, "Checkpoint of a whole network to start from.")
    optim: Optim = block(Optim)
    segment: TrainSegment = block(TrainSegment)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = key(
        "32-true", "Lightning's; `16-mixed` needs a GPU."
    )
    sync_batchnorm: bool = key(False, "One statistic over all GPUs.")
    use_distributed_sampler: bool = key(
        False, "Of several GPUs.", "several GPUs share the pairs out in any case"
    )
    tensorboard: Tensorboard = block(Tensorboard)
    classify: OtherTask = key({}, "Of task classify.", CLASSIFY)

    @model_validator(mode="after")
    def _agree(self) -> Train:
        if {"val_interval", "validation_interval"} <= self.model_fields_set and (
            self.val_interval != self.validation_interval
        ):
            raise ValueError("val_interval and validation_interval are one setting; give one of them")
        if "gpu_ids" in self.model_fields_set and len(self.gpu_ids) != self.num_gpus:
            raise ValueError(f"gpu_ids names {len(self.gpu_ids)} GPUs, num_gpus says {self.num_gpus}")
        return self

    @property
    def validate_every(self) -> int:
        """Epochs between validations."""
        return self.val_interval or self.validation_interval


class Judging(Section):
    """What ``evaluate`` and ``inference`` share."""

    checkpoint: str = key("", "A checkpoint (`.pth`, `.ckpt`), or an ONNX file. Needed.")
    batch_size: int = key(-1, "Pairs at a time, of a checkpoint; -1: `dataset.segment.batch_size`.")
    results_dir: str | None = key(None, "Where results go; by default the section's name in `results_dir`.")
    num_gpus: int = key(1, "GPUs.", _ONE_DEVICE)
    gpu_ids: tuple[int, ...] = key((0,), "Which ones.", _ONE_DEVICE)
    num_nodes: int = key(1, "Machines.", _ONE_DEVICE)
    trt_engine: str | None = key(None, "A plan of TAO.", _PLAN)
    vis_after_n_batches: int = key(16, "How often TAO writes a picture.", _ALL)

    @field_validator("batch_size")
    @classmethod
    def _a_size(cls, size: int) -> int:
        if size != -1 and size < 1:
            raise ValueError(f"must be -1 or at least 1, not {size}")
        return size


class Evaluate(Judging):
    """``evaluate``."""

    results_dir: str | None = key(
        None, "TAO's pictures of results.", "evaluate prints its measures; infer writes masks"
    )
    vis_after_n_batches: int = key(
        16, "How often TAO writes a picture.", "evaluate prints its measures; infer writes masks"
    )


class Inference(Judging):
    """``inference``."""


class Export(Section):
    """``export``."""

    checkpoint: str = key("", "The checkpoint to export. Needed.")
    onnx_file: str | None = key(None, "The file to write; by default the checkpoint's name with `.onnx`.")
    input_channel: Literal[3] = key(3, "Only 3.")
    input_width: int = key(256, "Width of the graph's images, a multiple of 16.", ge=32, multiple_of=16)
    input_height: int = key(256, "Height of the graph's images, a multiple of 16.", ge=32, multiple_of=16)
    opset_version: int = key(17, "17 or newer.", ge=17, le=23)
    batch_size: int = key(-1, "Pairs in a batch; -1: free.")
    results_dir: str | None = key(None, "TAO's status file.", "only the file named in onnx_file is written")
    gpu_id: int = key(0, "The GPU.", _CPU)
    on_cpu: bool = key(False, "Where TAO exports.", _CPU)
    verbose: bool = key(False, "TAO's log.", "there is nothing more to tell")
    serialize_nvdsinfer: bool = key(False, "Files for DeepStream.", "no files for DeepStream are written")

    @field_validator("batch_size")
    @classmethod
    def _a_batch(cls, size: int) -> int:
        if size != -1 and size < 1:
            raise ValueError(f"must be -1 or at least 1, not {size}")
        return size


class Calibration(Section):
    """``gen_trt_engine.tensorrt.calibration``."""

    cal_image_dir: tuple[str, ...] | str | None = key(None, "Of INT8.", _ENGINE)
    cal_cache_file: str | None = key(None, "Of INT8.", _ENGINE)
    cal_batch_size: int = key(1, "Of INT8.", _ENGINE)
    cal_batches: int = key(1, "Of INT8.", _ENGINE)


class Tensorrt(Section):
    """``gen_trt_engine.tensorrt``."""

    data_type: str = key(
        "fp32", "Precision.", "TensorRT takes its precision from the file: export with --fp16"
    )
    workspace_size: int = key(1024, "Memory of the builder.", _ENGINE)
    min_batch_size: int = key(1, "Least batch.", _ENGINE)
    opt_batch_size: int = key(1, "Best batch.", _ENGINE)
    max_batch_size: int = key(1, "Greatest batch.", _ENGINE)
    calibration: Calibration = block(Calibration)

    @field_validator("data_type")
    @classmethod
    def _lower(cls, text: str) -> str:
        return text.lower()


class GenTrtEngine(Section):
    """``gen_trt_engine``: no command runs it, since the TensorRT engine builds plans when it needs them."""

    results_dir: str | None = key(None, "TAO's status file.", _ENGINE)
    gpu_id: int = key(0, "The GPU.", _ENGINE)
    onnx_file: str | None = key(None, "The graph.", _ENGINE)
    trt_engine: str | None = key(None, "The plan.", _ENGINE)
    input_channel: int = key(3, "Of the graph.", _ENGINE)
    input_width: int = key(256, "Of the graph.", _ENGINE)
    input_height: int = key(256, "Of the graph.", _ENGINE)
    opset_version: int = key(17, "Of the graph.", _ENGINE)
    batch_size: int = key(-1, "Of the graph.", _ENGINE)
    verbose: bool = key(False, "TAO's log.", _ENGINE)
    tensorrt: Tensorrt = block(Tensorrt)
