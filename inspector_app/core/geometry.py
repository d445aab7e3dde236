"""Boxes and regions, in pixels; x to the right, y down, the origin at the image's top left corner."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Box(BaseModel):
    """An axis-aligned box that covers pixels ``x .. x+w-1`` by ``y .. y+h-1``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: int
    y: int
    w: int = Field(ge=1)
    h: int = Field(ge=1)


class Region(BaseModel):
    """A named polygon in the golden's frame that is to be inspected or ignored.

    With no ``inspect`` region the whole image is inspected; ``ignore`` always wins over ``inspect``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", max_length=100)
    mode: Literal["inspect", "ignore"]
    points: tuple[tuple[float, float], ...] = Field(min_length=3, max_length=1000)
