"""The manifest that stands beside a model file and says how to feed and read it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Resize = Literal["area", "bicubic_antialias"]
ModelPrecision = Literal["float32", "float16", "bfloat16", "int8"]


class InputSpec(BaseModel):
    """How an image becomes the network's input tensor ``1 x 3 x height x width`` (float32, RGB, NCHW).

    ``area``: OpenCV's INTER_AREA when shrinking, INTER_LINEAR when enlarging.
    ``bicubic_antialias``: Pillow's BICUBIC, which widens its kernel when shrinking (how TAO trains).
    The value is ``(x / 255 - mean) / std`` for each channel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    height: int = Field(default=256, ge=32, le=4096)
    width: int = Field(default=256, ge=32, le=4096)
    dynamic: bool = False
    """True if the graph takes other sizes (multiples of ``multiple``) too."""
    multiple: int = Field(default=32, ge=1)
    resize: Resize = "area"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)


class Judgement(BaseModel):
    """What a model suggests to a recipe that has nothing of its own: limits, and how often to look."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(default=0.5, gt=0, le=1)
    min_area_px: int = Field(default=1, ge=1)
    """In pixels of the network's grid (``height x width`` of the input); scaled to the image's own."""
    mirrored: bool = False
    """Whether to look at each pair a second time, mirrored."""


class ModelManifest(BaseModel):
    """Everything that the app knows of a model file; stored as ``manifest.json`` beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1, max_length=100)
    version: str = "1"
    description: str = ""
    file: str = Field(min_length=1)
    """The ONNX file's name, in the manifest's own folder."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    test_input: str = "input0"
    golden_input: str = "input1"
    output: str = "output_final"
    classes: tuple[str, ...] = ("no change", "change")
    input: InputSpec = InputSpec()
    batch: int | None = Field(default=None, ge=1)
    """The fixed batch of the graph, or None when its batch axis is dynamic."""
    judgement: Judgement = Judgement()
    precision: ModelPrecision = "float32"
    optimised_from: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Of a variant of lower precision: the sha256 of the file that it was made from."""
    training_data: str = ""
    scores: dict[str, float] = Field(default_factory=dict)
    licence: str = ""
