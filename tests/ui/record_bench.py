"""Records without a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inspector_app.core.inspection import (
    EngineStamp,
    Identity,
    ImageRef,
    InspectionRecord,
    Settings,
    Timing,
    Truth,
)
from inspector_app.core.metrics import Outcome, PixelCounts
from inspector_app.core.verdict import Verdict

START = datetime(2026, 1, 1, tzinfo=UTC)


def record(number: int, verdict: Verdict = Verdict.PASS, score: float | None = 0.1) -> InspectionRecord:
    """One record, the ``number``-th."""
    return InspectionRecord(
        id=number,
        run_id=1,
        attempt=1,
        time=START + timedelta(seconds=number),
        image=ImageRef(f"part_{number:05}.png", "0" * 64, 200, 200, f"/nowhere/part_{number:05}.png"),
        golden=ImageRef("golden.png", "1" * 64, 200, 200, "/nowhere/golden.png"),
        settings=Settings(),
        identity=Identity(serial=f"SN{number}"),
        engine=EngineStamp("grey", "0" * 64, "fake CPU", "float32"),
        app_version="0",
        verdict=verdict,
        reason="one region" if verdict is Verdict.FAIL else "no region reaches the limits",
        score=score,
        n_defects=int(verdict is Verdict.FAIL),
        defect_px=0,
        inspected_px=40000,
        largest_area_px=0,
        truth=Truth(False, Outcome.TN, PixelCounts(tn=40000)),
        timing=Timing(infer_ms=5.0),
    )


def records(count: int) -> list[InspectionRecord]:
    """Every third fails, every hundredth is an error."""
    made = []
    for number in range(1, count + 1):
        if number % 100 == 0:
            made.append(record(number, Verdict.ERROR, None))
        elif number % 3 == 0:
            made.append(record(number, Verdict.FAIL, (number * 7919 % 1000) / 1000))
        else:
            made.append(record(number, Verdict.PASS, (number * 104729 % 500) / 1000))
    return made
