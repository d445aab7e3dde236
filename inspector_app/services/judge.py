"""From a change map to a verdict: pure functions, used by the line and by everything that judges again."""

from __future__ import annotations

import numpy as np

from inspector_app.core.calibration import LevelCounts
from inspector_app.core.change_map import ChangeMap, Levels, Mask, Registration
from inspector_app.core.errors import InspectorError
from inspector_app.core.inspection import (
    EngineStamp,
    InspectionRequest,
    InspectionResult,
    MeasureAt,
    Settings,
    Timing,
    Truth,
)
from inspector_app.core.metrics import count_pixels, outcome, rejects
from inspector_app.core.verdict import Verdict, decide
from inspector_app.vision.annotations import truth_at
from inspector_app.vision.maps import levels_at
from inspector_app.vision.masks import change_mask
from inspector_app.vision.regions import find_defects, inspect_mask


def judge(
    request: InspectionRequest, change_map: ChangeMap, stamp: EngineStamp, timing: Timing
) -> InspectionResult:
    """Defects, decision and pixel measures of one map under the request's settings; pure."""
    settings = request.settings
    findings = find_defects(change_map, settings.limits, settings.regions, request.truth)
    decision = decide(findings, settings.limits, settings.um_per_px)
    return InspectionResult(
        request=request,
        verdict=decision.verdict,
        reason=decision.reason,
        engine=stamp,
        change_map=change_map,
        defects=findings.defects,
        score=findings.score,
        defect_px=findings.defect_px,
        inspected_px=findings.inspected_px,
        truth=measure(change_map, settings, request.truth, decision.verdict),
        timing=timing,
        # A truth that exists but cannot be used leaves its cells empty; the record says why.
        error=request.truth_error,
        registration=change_map.registration,
    )


def failed(
    request: InspectionRequest,
    error: InspectorError,
    stamp: EngineStamp,
    timing: Timing,
    registration: Registration | None = None,
) -> InspectionResult:
    """The ERROR result of an image that could not be inspected; its annotated pixels count as missed."""
    return InspectionResult(
        request=request,
        verdict=Verdict.ERROR,
        reason=error.message,
        engine=stamp,
        truth=_missed(request),
        timing=timing,
        error=error,
        registration=registration,
    )


def _missed(request: InspectionRequest) -> Truth | None:
    """The truth of an image without a map: all annotated pixels are missed.

    Regions cut the truth as for any other image where the test image lies on the golden as it is; where it was
    to be aligned and could not be, nobody knows where they lie, and the whole annotation counts.
    """
    if request.truth is None:
        return Truth(False, outcome(rejects(Verdict.ERROR), False)) if request.known_good else None
    truth = request.truth
    native = (truth.shape[1], truth.shape[0])
    if request.settings.alignment.method == "none":
        nowhere = ChangeMap(np.zeros((1, 1), dtype=np.uint8), native, native)
        inspected = inspect_mask(nowhere, request.settings.regions)
        truth = truth if inspected is None else truth & inspected
    expected = truth_at(truth, measure_size(request.settings.measure_at, native))
    defective = bool(truth.any())
    counts = count_pixels(np.zeros_like(expected), expected)
    return Truth(defective, outcome(rejects(Verdict.ERROR), defective), counts)


def measure(change_map: ChangeMap, settings: Settings, truth: Mask | None, verdict: Verdict) -> Truth | None:
    """Compare the measured mask with the truth, pixel by pixel, on the grid that the settings name."""
    if truth is None:
        return None
    expected = _measured_truth(change_map, settings, truth)
    inspected = inspect_mask(change_map, settings.regions)
    # The unit is defective by its native truth: a defect too thin for a coarse grid is a defect all the same.
    defective = bool((truth & inspected).any() if inspected is not None else truth.any())
    counts = count_pixels(measured_mask(change_map, settings), expected)
    return Truth(defective, outcome(rejects(verdict), defective), counts)


def measure_levels(result: InspectionResult) -> LevelCounts | None:
    """The pixels of a result by level, on the same grid as its counts; None when it has no pixel truth.

    Pixels outside the inspected regions have level 0, as have all of an image that could not be inspected.
    """
    request, change_map = result.request, result.change_map
    if request.truth is None or result.truth is None or result.truth.counts is None:
        return None
    if change_map is None:
        missed = result.truth.counts
        nothing = LevelCounts.none()
        nothing.change[0], nothing.same[0] = missed.fn, missed.tn
        return nothing
    expected = _measured_truth(change_map, request.settings, request.truth)
    return LevelCounts.of(_measured_levels(change_map, request.settings), expected)


def measured_mask(change_map: ChangeMap, settings: Settings) -> Mask:
    """The pixels at or above the threshold inside the inspected regions, on the measuring grid.

    This is what IoU is computed from and what ``--save-masks`` writes; the least area plays no part in it.
    """
    size = measure_size(settings.measure_at, change_map.frame_size)
    mask = change_mask(change_map, settings.limits.threshold, size)
    inspected = inspect_mask(change_map, settings.regions)
    return mask if inspected is None else mask & truth_at(inspected, size)


def _measured_levels(change_map: ChangeMap, settings: Settings) -> Levels:
    """The map on the measuring grid, 0 outside the inspected regions."""
    size = measure_size(settings.measure_at, change_map.frame_size)
    levels = levels_at(change_map, size)
    inspected = inspect_mask(change_map, settings.regions)
    return levels if inspected is None else np.where(truth_at(inspected, size), levels, np.uint8(0))


def _measured_truth(change_map: ChangeMap, settings: Settings, truth: Mask) -> Mask:
    """The truth on the measuring grid, inside the inspected regions."""
    size = measure_size(settings.measure_at, change_map.frame_size)
    inspected = inspect_mask(change_map, settings.regions)
    expected = truth_at(truth, size)
    return expected if inspected is None else expected & truth_at(inspected, size)


def measure_size(measure_at: MeasureAt, frame_size: tuple[int, int]) -> tuple[int, int]:
    """``(width, height)`` of the grid on which pixels are counted."""
    return (256, 256) if measure_at is MeasureAt.GRID_256 else frame_size
