"""Small factories for the objects that walk down the line; every argument may be left out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import ChangeMap, Registration
from inspector_app.core.defects import Defect
from inspector_app.core.errors import InspectorError
from inspector_app.core.frame import Frame
from inspector_app.core.geometry import Box
from inspector_app.core.inspection import (
    EngineStamp,
    Identity,
    ImageRef,
    InspectionRequest,
    InspectionResult,
    Settings,
    Timing,
)
from inspector_app.core.protocols import RunInfo
from inspector_app.core.verdict import Verdict

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
STAMP = EngineStamp("generic", "c" * 64, "onnxruntime CPU", "float32")


class FakeClock:
    """A clock that a test sets; each look at it moves it on by ``step``."""

    def __init__(self, start: datetime = START, step: timedelta = timedelta(seconds=1)) -> None:
        self.time = start
        self.step = step

    def now(self) -> datetime:
        """UTC, aware."""
        self.time += self.step
        return self.time

    def monotonic(self) -> float:
        """Seconds."""
        return self.now().timestamp()


def make_pixels(width: int = 32, height: int = 24, seed: int = 0) -> NDArray[np.uint8]:
    """Random ``height x width x 3`` uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """RGB pixels as an encoded PNG file."""
    return bytes(cv2.imencode(".png", pixels[:, :, ::-1].copy())[1])


def make_frame(name: str = "unit.png", seed: int = 0, width: int = 32, height: int = 24) -> Frame:
    """A frame of random pixels."""
    pixels = make_pixels(width, height, seed)
    return Frame(pixels, name, hashlib.sha256(pixels.tobytes()).hexdigest(), path=Path("/images") / name)


def make_request(test: Frame | InspectorError | None = None, **changes: Any) -> InspectionRequest:
    """A request for ``test`` against a golden of the same size; ``changes`` replaces fields."""
    frame = make_frame() if test is None else test
    golden = make_frame("golden.png", seed=99)
    image = ImageRef.of(frame) if isinstance(frame, Frame) else ImageRef("broken.png")
    request = InspectionRequest(frame, image, golden, ImageRef.of(golden), Settings())
    return replace(request, **changes)


def make_map(
    size: int = 64, seed: int = 0, registration: Registration | None = None, blobs: int = 3
) -> ChangeMap:
    """A ``size x size`` map, mostly flat with a few soft blobs, as a network gives it."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 4, (size, size), dtype=np.uint8)
    for x, y in rng.integers(size // 8, size - size // 8, (blobs, 2)).tolist():
        cv2.circle(levels, (x, y), max(2, size // 16), int(rng.integers(100, 255)), -1)
    soft = np.asarray(cv2.GaussianBlur(levels, (5, 5), 0), dtype=np.uint8)
    return ChangeMap(soft, (32, 24), (32, 24), registration)


def make_defect(area_px: int = 20, x: int = 4, **changes: Any) -> Defect:
    """A defect of this area."""
    defect = Defect(Box(x=x, y=5, w=6, h=4), x + 2.5, 6.25, area_px, 6.1, 0.93, 0.71)
    return replace(defect, **changes)


def make_result(
    verdict: Verdict = Verdict.PASS,
    *,
    serial: str = "",
    name: str = "unit.png",
    seed: int = 0,
    settings: Settings | None = None,
    run_id: int | None = None,
    defects: Sequence[Defect] | None = None,
    size: int = 64,
    **changes: Any,
) -> InspectionResult:
    """A result with a map; a FAIL has one defect unless others are given; ``changes`` replaces fields."""
    found = tuple(defects) if defects is not None else (make_defect(),) * (verdict is Verdict.FAIL)
    request = make_request(
        make_frame(name, seed),
        identity=Identity(serial, "lot 7", "Ada", "station 1"),
        settings=settings or Settings(),
        run_id=run_id,
    )
    result = InspectionResult(
        request=request,
        verdict=verdict,
        reason="because",
        engine=STAMP,
        change_map=make_map(size, seed),
        defects=found,
        score=max((defect.score_max for defect in found), default=0.0),
        defect_px=sum(defect.area_px for defect in found),
        inspected_px=32 * 24,
        timing=Timing(1.5, 0.25, 10.0, 2.0),
    )
    return replace(result, **changes)


def make_run(label: str = "run", fingerprint: str = "f1") -> RunInfo:
    """A batch run's description."""
    return RunInfo(label, "/images", fingerprint, STAMP.model, STAMP.model_sha256, STAMP.engine)
