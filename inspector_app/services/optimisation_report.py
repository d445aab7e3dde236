"""What was tried to make a model faster, in numbers; kept with the model."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Timed(_Part):
    """An engine's median milliseconds a pair with the golden kept, batch 1."""

    engine: str
    ms: float


class CandidateReport(_Part):
    """One copy of lower precision.

    Attributes:
        setting: how it was made.
        engine: where it was judged, the fastest that ran it; "" when none did.
        ratio: speed against the fastest float32 engine of the same run; None where it was not timed.
        changed: images whose verdict changed.
        iou: pooled, as ``reference_iou`` of the report; None where it was not measured.
        mask_agreement: IoU with the float32 masks.
        accepted: whether it became a model; ``reason`` says why not, or what is not known.
    """

    precision: Literal["float16", "bfloat16", "int8"]
    setting: str
    engine: str = ""
    times: tuple[Timed, ...] = ()
    ratio: float | None = None
    changed: tuple[str, ...] = ()
    iou: float | None = None
    iou_fall: float | None = None
    mask_agreement: float | None = None
    accepted: bool = False
    installed: str = ""
    reason: str = ""


class OptimisationReport(_Part):
    """Everything that decided; ``installed`` of a candidate is the name of the model that it became."""

    schema_version: Literal[1] = 1
    base: str
    base_sha256: str
    made: datetime
    program: str
    processor: str
    threads: int
    calibration: tuple[str, ...]
    calibrated_on: int
    accepted_on: int
    disjoint: bool
    annotated: bool
    threshold: float
    min_area_px: int
    verdicts: dict[str, int] = Field(default_factory=dict)
    reference_iou: float | None = None
    times: tuple[Timed, ...] = ()
    candidates: tuple[CandidateReport, ...] = ()

    @property
    def accepted(self) -> tuple[CandidateReport, ...]:
        """Those that became models."""
        return tuple(candidate for candidate in self.candidates if candidate.installed)
