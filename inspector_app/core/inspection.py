"""What is asked of an inspection, what came of it, and what was recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import PurePath

from inspector_app.core.change_map import ChangeMap, Mask, Registration
from inspector_app.core.defects import Defect
from inspector_app.core.errors import InspectorError
from inspector_app.core.frame import Frame
from inspector_app.core.geometry import Region
from inspector_app.core.metrics import Outcome, PixelCounts
from inspector_app.core.recipe import GOLDENS_USED, Alignment, Limits, View
from inspector_app.core.verdict import Disposition, Verdict


class MeasureAt(StrEnum):
    """The grid on which predicted and true pixels are counted."""

    NATIVE = "native"
    GRID_256 = "256"


@dataclass(frozen=True)
class Settings:
    """What decides, captured for one inspection.

    ``recipe`` and ``revision`` are "" and None for a bare golden.
    """

    limits: Limits = Limits()
    alignment: Alignment = Alignment()
    regions: tuple[Region, ...] = ()
    um_per_px: float | None = None
    recipe: str = ""
    revision: int | None = None
    product: str = ""
    measure_at: MeasureAt = MeasureAt.NATIVE
    view: View = View()
    goldens_used: int = GOLDENS_USED


@dataclass(frozen=True)
class Identity:
    """Who and what: the unit and the station, as the operator entered them."""

    serial: str = ""
    lot: str = ""
    operator: str = ""
    station: str = ""


def printable(path: PurePath | str) -> str:
    """A path as text that every database and file can hold: bytes that are no UTF-8 become ``\\xNN``."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class ImageRef:
    """An image as a record names it: without its pixels."""

    name: str
    sha256: str = ""
    width: int = 0
    height: int = 0
    path: str = ""

    @staticmethod
    def of(frame: Frame) -> ImageRef:
        """The reference of a decoded frame."""
        path = printable(frame.path) if frame.path else ""
        return ImageRef(frame.name, frame.sha256, frame.width, frame.height, path)


@dataclass(frozen=True, eq=False)
class InspectionRequest:
    """One image to inspect.

    Attributes:
        test: the frame, or the reason for which it could not be had.
        image: how the test image is named in the record (known even when it could not be read).
        golden: the reference frame, or the reason for which it could not be had.
        golden_ref: how the golden is named in the record.
        others: further goldens that judge along with it, the better match first, all of its size.
        truth: ``H x W`` bool in the test image's own frame, or None when it is not annotated.
        truth_error: why an annotation that exists could not be used.
        truth_ref: the annotation's file, as the record names it; the name "good" without a path says that
            the truth is all zero; None when the image is not annotated.
        known_good: the unit is good, even if its image (and so the size of its truth) could not be had.
        keep_image: archive the test image's pixels (live images; batch images stay where they are).
    """

    test: Frame | InspectorError
    image: ImageRef
    golden: Frame | InspectorError
    golden_ref: ImageRef
    settings: Settings
    identity: Identity = Identity()
    truth: Mask | None = None
    truth_error: InspectorError | None = None
    truth_ref: ImageRef | None = None
    known_good: bool = False
    run_id: int | None = None
    keep_image: bool = False
    others: tuple[Frame, ...] = ()


@dataclass(frozen=True)
class EngineStamp:
    """Which model and engine gave a verdict."""

    model: str
    model_sha256: str
    engine: str
    precision: str


@dataclass(frozen=True)
class Timing:
    """Milliseconds spent on one image."""

    load_ms: float = 0.0
    register_ms: float = 0.0
    infer_ms: float = 0.0
    post_ms: float = 0.0

    @property
    def total_ms(self) -> float:
        """The sum of all stages."""
        return self.load_ms + self.register_ms + self.infer_ms + self.post_ms


@dataclass(frozen=True)
class Truth:
    """The annotation's say on one image.

    ``counts`` is None when the truth is only known for the unit, not for its pixels.
    """

    defective: bool
    outcome: Outcome
    counts: PixelCounts | None = None


@dataclass(frozen=True, eq=False)
class InspectionResult:
    """What one inspection gave; complete, but not yet recorded.

    ``change_map`` is None for an ERROR that came before the network.
    """

    request: InspectionRequest
    verdict: Verdict
    reason: str
    engine: EngineStamp
    change_map: ChangeMap | None = None
    defects: tuple[Defect, ...] = ()
    score: float | None = None
    defect_px: int = 0
    inspected_px: int = 0
    truth: Truth | None = None
    timing: Timing = Timing()
    error: InspectorError | None = None
    registration: Registration | None = None
    """The alignment that was found; set for an ERROR too, when it is what went wrong."""


@dataclass(frozen=True)
class DispositionEntry:
    """A person's decision on a recorded unit."""

    disposition: Disposition
    reviewer: str
    reason: str
    time: datetime


@dataclass(frozen=True)
class RegistrationNote:
    """The alignment as a record keeps it: ``matrix`` is the six numbers of ``Affine``, row by row."""

    matrix: tuple[float, float, float, float, float, float]
    residual: float
    quality: float


@dataclass(frozen=True)
class InspectionRecord:
    """One committed inspection, as the store gives it back."""

    id: int
    run_id: int | None
    attempt: int
    time: datetime
    image: ImageRef
    golden: ImageRef
    settings: Settings
    identity: Identity
    engine: EngineStamp
    app_version: str
    verdict: Verdict
    reason: str
    score: float | None
    n_defects: int
    defect_px: int
    inspected_px: int
    largest_area_px: int
    truth: Truth | None
    timing: Timing
    registration: RegistrationNote | None = None
    error_code: str = ""
    error_text: str = ""
    truth_ref: ImageRef | None = None
    archive_key: str | None = None
    """Key of the archived test image, or None when only its path is known."""
    has_map: bool = False
    dispositions: tuple[DispositionEntry, ...] = field(default=())
    other_goldens: tuple[ImageRef, ...] = ()
    """Goldens that judged along with ``golden``, the better match first."""

    @property
    def disposition(self) -> DispositionEntry | None:
        """The last word of a person, if any."""
        return self.dispositions[-1] if self.dispositions else None


@dataclass(frozen=True)
class DefectRecord:
    """A defect with its place in the store."""

    inspection_id: int
    defect_id: int
    serial: str
    um_per_px: float | None
    disposition: Disposition | None
    defect: Defect
    rule: str = ""
    """The limits that made it count, e.g. ``score>=0.5 area>=12px``."""
