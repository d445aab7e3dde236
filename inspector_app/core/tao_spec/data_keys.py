"""The keys of ``dataset`` and ``model``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from inspector_app.core.tao_spec.keys import OtherTask, Section, block, key

BACKBONES = (
    "fan_tiny_8_p4_hybrid",
    "fan_small_12_p4_hybrid",
    "fan_base_16_p4_hybrid",
    "fan_large_16_p4_hybrid",
)
"""The backbones that can be built here."""

_MULTIPLE = 16
CLASSIFY = "belongs to task classify, which is out of scope"
QUANTIZE = "belongs to TAO's quantisation"


class Backbone(Section):
    """``model.backbone``."""

    type: str = key("fan_small_12_p4_hybrid", f"One of {', '.join(f'`{name}`' for name in BACKBONES)}.")
    feat_downsample: bool = key(False, "Only `false`: with it TAO's own decoder does not fit its backbone.")
    pretrained_backbone_path: str | None = key(None, "Weights to start the backbone from.")
    freeze_backbone: bool = key(
        False, "Train the decoder alone; the backbone's statistics stand still too. Needs pretrained weights."
    )

    @field_validator("type")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in BACKBONES:
            raise ValueError(f"there is no backbone {name!r} here; known are {', '.join(BACKBONES)}")
        return name

    @field_validator("feat_downsample")
    @classmethod
    def _not_downsampled(cls, wanted: bool) -> bool:
        if wanted:
            raise ValueError("is not supported; the published networks are trained without it")
        return wanted


class DecoderParams(Section):
    """``model.decode_head.decoder_params``."""

    embed_dim: int = key(256, "Channels inside the decoder.", ge=1)


class DecodeHead(Section):
    """``model.decode_head``."""

    in_channels: tuple[int, ...] = key(
        (128, 256, 384, 384), "Follows from the backbone.", "it follows from the backbone"
    )
    in_index: tuple[int, ...] = key((0, 1, 2, 3), "Only this.")
    feature_strides: tuple[int, ...] = key((4, 8, 16, 16), "Only this: the strides of FAN's maps.")
    align_corners: bool = key(False, "Only `false`.")
    decoder_params: DecoderParams = block(DecoderParams)
    use_summary_token: bool = key(False, "For other backbones.", "FAN backbones have no summary token")

    @model_validator(mode="after")
    def _as_published(self) -> DecodeHead:
        for name in ("in_index", "feature_strides", "align_corners"):
            only = type(self).model_fields[name].default
            if getattr(self, name) != only:
                shown = list(only) if isinstance(only, tuple) else only
                raise ValueError(f"{name} must be {shown}, the published network's")
        return self


class Model(Section):
    """``model``."""

    backbone: Backbone = block(Backbone)
    decode_head: DecodeHead = block(DecodeHead)
    classify: OtherTask = key({}, "Of task classify.", CLASSIFY)


class RandomFlip(Section):
    """``random_flip``."""

    vflip_probability: float = key(0.5, "Chance of turning upside down.", ge=0, le=1)
    hflip_probability: float = key(0.5, "Chance of mirroring.", ge=0, le=1)
    enable: bool = key(True, "Whether to flip at all.")


class RandomRotate(Section):
    """``random_rotate``."""

    rotate_probability: float = key(0.5, "Chance of turning.", ge=0, le=1)
    angle_list: tuple[float, ...] = key(
        (90, 180, 270), "Degrees to choose from, counter-clockwise.", min_length=1
    )
    enable: bool = key(True, "Whether to turn at all.")


class RandomColor(Section):
    """``random_color``."""

    brightness: float = key(0.3, "Largest relative change.", ge=0, le=2)
    contrast: float = key(0.3, "Largest relative change about the mean grey.", ge=0, le=2)
    saturation: float = key(0.3, "Largest relative change.", ge=0, le=2)
    hue: float = key(0.3, "Largest turn, in parts of the colour circle.", ge=0, le=0.5)
    enable: bool = key(
        True, "Whether to change colours at all; golden and test image each by draws of their own."
    )
    color_probability: float = key(0.5, "Chance that a pair's colours are changed.", ge=0, le=1)


class ScaleRandomCrop(Section):
    """``with_scale_random_crop``."""

    scale_range: tuple[float, float] = key(
        (1, 1.2),
        "Least and largest enlargement before a crop of the image's size; what is not covered is not trained.",
    )
    enable: bool = key(True, "Whether to crop so.")

    @field_validator("scale_range")
    @classmethod
    def _in_order(cls, scales: tuple[float, float]) -> tuple[float, float]:
        if not 0.25 <= scales[0] <= scales[1] <= 4:
            raise ValueError(f"must rise, from 0.25 at least to 4 at most, not {list(scales)}")
        return scales


class Augmentation(Section):
    """``dataset.segment.augmentation``: what is done to training pairs, in TAO's order."""

    random_flip: RandomFlip = block(RandomFlip)
    random_rotate: RandomRotate = block(RandomRotate)
    random_color: RandomColor = block(RandomColor)
    with_scale_random_crop: ScaleRandomCrop = block(ScaleRandomCrop)
    with_random_blur: bool = key(True, "Blur by a Gaussian of 0 to 1 pixels, golden and test image alike.")
    with_random_crop: bool = key(True, "Cut out a square of 80 to 100% of the area and enlarge it again.")
    mean: tuple[float, float, float] = key((0.5, 0.5, 0.5), "Taken off each channel of 0..1.")
    std: tuple[float, float, float] = key((0.5, 0.5, 0.5), "Divides each channel.")

    @field_validator("std")
    @classmethod
    def _above_zero(cls, std: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(std) <= 0:
            raise ValueError(f"must be above 0, not {list(std)}")
        return std


class Segment(Section):
    """``dataset.segment``."""

    root_dir: str = key("", "Folder of the data set. Needed.")
    label_transform: Literal["norm", "None"] = key(
        "norm",
        "Masks of two classes may hold 0 and 1 or 0 and 255 with either; of more classes they hold class numbers.",
    )
    data_name: str = key(
        "LEVIR", "TAO's colours for pictures of results.", "masks are written as they are, without a palette"
    )
    dataset: Literal["CNDataset"] = key("CNDataset", "Only this.")
    multi_scale_train: bool = key(True, "Train all five outputs, not the final one alone.")
    multi_scale_infer: bool = key(False, "Judge by the mean of the five outputs (from a checkpoint).")
    num_classes: int = key(2, "Classes, 0 being no change. An ONNX file serves two.", ge=2, le=255)
    img_size: int = key(
        256,
        "Side at which images are trained and judged, a multiple of 16.",
        ge=32,
        le=4096,
        multiple_of=_MULTIPLE,
    )
    batch_size: int = key(8, "Pairs a step; the last step of an epoch may have fewer.", ge=1)
    workers: int = key(8, "Processes that prepare training pairs; 0: none.", ge=0)
    shuffle: bool = key(True, "Train in a new order every epoch.")
    image_folder_name: str = key("A", "Folder of test images.", min_length=1)
    change_image_folder_name: str = key("B", "Folder of goldens.", min_length=1)
    list_folder_name: str = key("list", "Folder of lists.", min_length=1)
    annotation_folder_name: str = key("label", "Folder of masks.", min_length=1)
    augmentation: Augmentation = block(Augmentation)
    train_split: str = key("train", "List to train on.", min_length=1)
    validation_split: str = key("val", "List to validate on.", min_length=1)
    test_split: str = key("test", "List that `evaluate` measures.", min_length=1)
    predict_split: str = key(
        "predict", "List that `infer` judges; TAO's classes say `test`, its documentation this.", min_length=1
    )
    label_suffix: str = key(".png", "Suffix of a mask whose name differs from its image's.")
    color_map: dict[str, Any] | None = key(
        None, "TAO's colours.", "masks are written as they are, without a palette"
    )
    quant_calibration_dataset: OtherTask = key({}, "Of TAO's quantisation.", QUANTIZE)

    @field_validator("label_transform", mode="before")
    @classmethod
    def _null_is_none(cls, given: object) -> object:
        return "None" if given is None else given


class Dataset(Section):
    """``dataset``."""

    segment: Segment = Field(default_factory=Segment)
    classify: OtherTask = key({}, "Of task classify.", CLASSIFY)
