"""Recipe: all that is needed to inspect one product."""

from __future__ import annotations

import hashlib
import math
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from inspector_app.core.geometry import Region

AlignmentMethod = Literal["none", "translation", "rigid", "affine"]
ViewMode = Literal["whole", "tiles", "both"]
GOLDENS_USED = 3
"""How many of a recipe's goldens judge an image unless the recipe says otherwise; see docs/accuracy.md."""


class Alignment(BaseModel):
    """How the test image is brought onto the golden's frame before it is compared.

    ``max_residual`` bounds the mean absolute grey difference left after alignment, on a 0..1 scale, and
    ``min_quality`` the correlation of the two pictures (1 is identical): past either the verdict is ERROR.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: AlignmentMethod = "none"
    max_residual: float = Field(default=0.25, gt=0, le=1)
    min_quality: float = Field(default=0.2, ge=-1, le=1)


class View(BaseModel):
    """How an image is shown to the network.

    ``whole``: shrunk (or enlarged) to the network's size. ``tiles``: piece by piece, at ``scale`` network pixels
    for each pixel of the image, by overlapping tiles that are blended. ``both``: the two, fused. ``scale`` and
    ``tile`` (the side of a tile in network pixels, None: the network's own size) only matter for tiles. ``mirrored``:
    each pair is looked at a second time, both images mirrored left to right, and the two maps are fused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: ViewMode = "whole"
    scale: float = Field(default=1.0, gt=0, le=4)
    tile: int | None = Field(default=None, ge=32, le=4096)
    mirrored: bool = False

    @model_serializer(mode="wrap")
    def _mirrored_only_where_told(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        """So that what older versions stored, recipes and runs, keeps its fingerprint."""
        content: dict[str, object] = plain(self)
        if not self.mirrored:
            content.pop("mirrored", None)
        return content

    @property
    def looks(self) -> int:
        """How often the network looks at each pair."""
        return 2 if self.mirrored else 1

    def grid(self, network: tuple[int, int], frame: tuple[int, int]) -> tuple[int, int]:
        """The size of the change map of a frame; all sizes are ``(width, height)``."""
        if self.mode == "whole":
            return network
        return max(1, round(frame[0] * self.scale)), max(1, round(frame[1] * self.scale))


class Limits(BaseModel):
    """What decides: FAIL, REVIEW or PASS, from the regions of a change map.

    ``min_area_px`` counts pixels of the test image. ``review_threshold`` None means that nothing is sent to
    REVIEW.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(default=0.5, gt=0, le=1)
    review_threshold: float | None = Field(default=None, gt=0, le=1)
    min_area_px: int = Field(default=1, ge=1)
    max_defects: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _review_below_fail(self) -> Self:
        if self.review_threshold is not None and self.review_threshold >= self.threshold:
            raise ValueError("review_threshold must lie below threshold")
        return self


class GoldenRef(BaseModel):
    """One approved reference image, by its encoded bytes' hash; ``data`` embeds those bytes (base64)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=255)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    data: str | None = None


class Recipe(BaseModel):
    """One revision's content. Stored revisions never change; a change is a new revision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1, max_length=100)
    product: str = Field(default="", max_length=100)
    model: str = Field(default="generic", min_length=1)
    """A shipped model's name, or the path of an ONNX file."""
    goldens: tuple[GoldenRef, ...] = Field(min_length=1)
    goldens_used: int = Field(default=GOLDENS_USED, ge=1, le=10)
    """So many of the goldens, the best-matching ones, judge each image together."""
    view: View = View()
    alignment: Alignment = Alignment()
    regions: tuple[Region, ...] = ()
    limits: Limits = Limits()
    um_per_px: float | None = Field(default=None, gt=0)
    """Micrometres per pixel of the golden; files give it as ``mm_per_px``."""

    @field_validator("name")
    @classmethod
    def _name_is_plain(cls, value: str) -> str:
        if value != value.strip() or any(ord(c) < 32 for c in value):
            raise ValueError("a recipe's name may not begin or end with a space or hold control characters")
        return value

    @model_validator(mode="after")
    def _goldens_agree(self) -> Self:
        hashes = [golden.sha256 for golden in self.goldens]
        if len(set(hashes)) != len(hashes):
            raise ValueError("the same golden stands in the recipe twice")
        if len({(golden.width, golden.height) for golden in self.goldens}) > 1:
            raise ValueError("all goldens of a recipe must have one size")
        return self

    def fingerprint(self) -> str:
        """Sha256 of what decides (everything but embedded pixels, which their hashes stand for)."""
        content = self.model_dump_json(exclude={"goldens": {"__all__": {"data"}}})
        return hashlib.sha256(content.encode()).hexdigest()


def native_min_area(grid_area: int, grid_size: tuple[int, int], frame_size: tuple[int, int]) -> int:
    """Scale an area from a change map's grid to a frame; sizes are ``(width, height)``. At least 1."""
    factor = (frame_size[0] * frame_size[1]) / (grid_size[0] * grid_size[1])
    return max(1, math.ceil(grid_area * factor - 1e-9))
