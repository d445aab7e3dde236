"""Core objects to rows and back."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import TypeAdapter

from inspector_app.core.change_map import Affine, ChangeMap, Registration
from inspector_app.core.defects import Defect
from inspector_app.core.geometry import Box
from inspector_app.core.inspection import (
    DefectRecord,
    DispositionEntry,
    EngineStamp,
    Identity,
    ImageRef,
    InspectionRecord,
    InspectionResult,
    RegistrationNote,
    Settings,
    Timing,
    Truth,
)
from inspector_app.core.metrics import Outcome, PixelCounts
from inspector_app.core.verdict import Disposition, Verdict
from inspector_app.storage.faults import damaged
from inspector_app.storage.png import decode_levels, encode_levels
from inspector_app.storage.tables import (
    DefectRow,
    DispositionRow,
    GoldenRow,
    InspectionRow,
    MapRow,
    ModelRow,
    SettingsRow,
)

Values = dict[str, Any]
"""A row's columns by name, as an INSERT takes them."""
_SETTINGS = TypeAdapter(Settings)


@dataclass(frozen=True)
class NewRows:
    """The rows of one result, before any of them has an id."""

    inspection: Values
    golden: Values
    model: Values
    settings: Values
    search: Values
    defects: list[Values]
    change_map: Values | None
    other_goldens: list[Values]


def fold(text: str) -> str:
    """How texts are compared when case does not matter."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text.casefold())


def rows_of(result: InspectionResult, archive_key: str | None, app_version: str) -> NewRows:
    """All that is stored of a result; PNG encoding, the costly part, happens before any transaction."""
    request = result.request
    image, who = request.image, request.identity
    return NewRows(
        inspection=_inspection(result, archive_key, app_version),
        golden=_golden(request.golden_ref),
        model={"name": result.engine.model, "sha256": result.engine.model_sha256},
        settings=_settings(request.settings),
        search={
            "name": fold(image.name),
            "serial": fold(who.serial),
            "lot": fold(who.lot),
            "operator": fold(who.operator),
            "recipe": fold(request.settings.recipe),
        },
        defects=_defects(result.defects),
        change_map=None if result.change_map is None else _map(result.change_map),
        other_goldens=[_golden(ImageRef.of(golden)) for golden in request.others],
    )


def new_record(new: NewRows, inspection: Values) -> InspectionRecord:
    """What reading back a row just inserted would give; ``inspection`` has its id, attempt and time as well."""
    golden, model, settings = (SimpleNamespace(**values) for values in (new.golden, new.model, new.settings))
    others = [SimpleNamespace(**values) for values in new.other_goldens]
    return record_of(SimpleNamespace(**inspection), golden, model, settings, (), others)


def record_of(
    row: InspectionRow | SimpleNamespace,
    golden: GoldenRow | SimpleNamespace,
    model: ModelRow | SimpleNamespace,
    settings: SettingsRow | SimpleNamespace,
    dispositions: Sequence[DispositionRow],
    other_goldens: Sequence[GoldenRow | SimpleNamespace] = (),
) -> InspectionRecord:
    """A stored inspection as a core object."""
    return InspectionRecord(
        id=row.id,
        run_id=row.run_id,
        attempt=row.attempt,
        time=row.time,
        image=ImageRef(row.image_name, row.image_sha256, row.image_width, row.image_height, row.image_path),
        golden=_golden_ref(golden),
        settings=settings_of(settings.content),
        identity=Identity(row.serial, row.lot, row.operator, row.station),
        engine=EngineStamp(model.name, model.sha256, row.engine, row.precision),
        app_version=row.app_version,
        verdict=Verdict(row.verdict),
        reason=row.reason,
        score=row.score,
        n_defects=row.n_defects,
        defect_px=row.defect_px,
        inspected_px=row.inspected_px,
        largest_area_px=row.largest_area_px,
        truth=_truth(row),
        truth_ref=_truth_ref(row),
        timing=Timing(row.load_ms, row.register_ms, row.infer_ms, row.post_ms),
        registration=_note(row),
        error_code=row.error_code,
        error_text=row.error_text,
        archive_key=row.archive_key,
        has_map=row.has_map,
        dispositions=tuple(
            DispositionEntry(Disposition(each.disposition), each.reviewer, each.reason, each.time)
            for each in dispositions
        ),
        other_goldens=tuple(map(_golden_ref, other_goldens)),
    )


@lru_cache(maxsize=256)
def settings_of(content: str) -> Settings:
    """The settings from their JSON; frozen, so that equal texts may share one object."""
    return _SETTINGS.validate_json(content)


def defect_of(row: DefectRow, serial: str, disposition: str | None, settings: Settings) -> DefectRecord:
    """A stored defect as a core object."""
    limits = settings.limits
    return DefectRecord(
        inspection_id=row.inspection_id,
        defect_id=row.number,
        serial=serial,
        um_per_px=settings.um_per_px,
        disposition=None if disposition is None else Disposition(disposition),
        defect=Defect(
            box=Box(x=row.x, y=row.y, w=row.w, h=row.h),
            cx=row.cx,
            cy=row.cy,
            area_px=row.area_px,
            length_px=row.length_px,
            score_max=row.score_max,
            score_mean=row.score_mean,
            region=row.region,
            truth_iou=row.truth_iou,
        ),
        rule=f"score>={limits.threshold:g} area>={limits.min_area_px}px",
    )


def map_of(row: MapRow, inspection: InspectionRow, path: Path) -> ChangeMap:
    """A stored map as it was judged.

    Raises:
        KeeperError: ``database_damaged`` when the picture does not decode.
    """
    levels = decode_levels(row.png)
    if levels is None:
        raise damaged(path, f"the map of inspection {row.inspection_id} cannot be read")
    note = _note(inspection) if row.aligned else None
    registration = Registration(Affine(*note.matrix), note.residual, note.quality) if note else None
    return ChangeMap(
        levels,
        (row.frame_width, row.frame_height),
        (row.golden_width, row.golden_height),
        registration,
        row.in_test_frame,
    )


def disposition_values(entry: DispositionEntry, inspection_id: int) -> Values:
    """A person's decision as a row."""
    return {
        "inspection_id": inspection_id,
        "disposition": entry.disposition.value,
        "reviewer": entry.reviewer,
        "reason": entry.reason,
        "time": entry.time,
    }


def _inspection(result: InspectionResult, archive_key: str | None, app_version: str) -> Values:
    request, who, image = result.request, result.request.identity, result.request.image
    # An annotation that could not be used must not pass without a word, though the image was inspected.
    error = result.error or request.truth_error
    return {
        "run_id": request.run_id,
        "verdict": result.verdict.value,
        "final_verdict": result.verdict.value,
        "serial": who.serial,
        "lot": who.lot,
        "operator": who.operator,
        "station": who.station,
        "recipe": request.settings.recipe,
        "recipe_revision": request.settings.revision,
        "image_name": image.name,
        "image_sha256": image.sha256,
        "image_width": image.width,
        "image_height": image.height,
        "image_path": image.path,
        "archive_key": archive_key,
        "engine": result.engine.engine,
        "precision": result.engine.precision,
        "app_version": app_version,
        "reason": result.reason,
        "score": result.score,
        "n_defects": len(result.defects),
        "defect_px": result.defect_px,
        "inspected_px": result.inspected_px,
        "largest_area_px": max((defect.area_px for defect in result.defects), default=0),
        "has_map": result.change_map is not None,
        "superseded": False,
        **_truth_ref_values(request.truth_ref),
        **_truth_values(result.truth),
        **_registration_values(result),
        "load_ms": result.timing.load_ms,
        "register_ms": result.timing.register_ms,
        "infer_ms": result.timing.infer_ms,
        "post_ms": result.timing.post_ms,
        "error_code": error.code if error else "",
        "error_text": str(error) if error else "",
    }


def _settings(settings: Settings) -> Values:
    content = _SETTINGS.dump_json(settings)
    return {"sha256": hashlib.sha256(content).hexdigest(), "content": content.decode()}


def _golden_ref(row: GoldenRow | SimpleNamespace) -> ImageRef:
    return ImageRef(row.name, row.sha256, row.width, row.height, row.path)


def _golden(golden: ImageRef) -> Values:
    return {
        "name": golden.name,
        "sha256": golden.sha256,
        "width": golden.width,
        "height": golden.height,
        "path": golden.path,
    }


def _truth_ref_values(truth: ImageRef | None) -> Values:
    return {
        "truth_name": truth.name if truth else None,
        "truth_sha256": truth.sha256 if truth else None,
        "truth_path": truth.path if truth else None,
    }


def _truth_values(truth: Truth | None) -> Values:
    counts = truth.counts if truth else None
    return {
        "truth_defective": truth.defective if truth else None,
        "truth_outcome": truth.outcome.value if truth else None,
        "tp_px": counts.tp if counts else None,
        "fp_px": counts.fp if counts else None,
        "fn_px": counts.fn if counts else None,
        "tn_px": counts.tn if counts else None,
    }


def _registration_values(result: InspectionResult) -> Values:
    found = result.registration or (result.change_map.registration if result.change_map else None)
    names = ("m_xx", "m_xy", "m_tx", "m_yx", "m_yy", "m_ty")
    if found is None:
        return dict.fromkeys((*names, "residual", "quality"))
    matrix = zip(names, found.transform.matrix.ravel().tolist(), strict=True)
    return {**dict(matrix), "residual": found.residual, "quality": found.quality}


def _defects(defects: Sequence[Defect]) -> list[Values]:
    largest_first = sorted(defects, key=lambda defect: -defect.area_px)
    return [
        {
            "number": number,
            **defect.box.model_dump(),
            "cx": defect.cx,
            "cy": defect.cy,
            "area_px": defect.area_px,
            "length_px": defect.length_px,
            "score_max": defect.score_max,
            "score_mean": defect.score_mean,
            "region": defect.region,
            "truth_iou": defect.truth_iou,
        }
        for number, defect in enumerate(largest_first, start=1)
    ]


def _map(change_map: ChangeMap) -> Values:
    return {
        "png": encode_levels(change_map.levels),
        "frame_width": change_map.frame_size[0],
        "frame_height": change_map.frame_size[1],
        "golden_width": change_map.golden_size[0],
        "golden_height": change_map.golden_size[1],
        "aligned": change_map.registration is not None,
        "in_test_frame": change_map.in_test_frame,
    }


def _truth_ref(row: InspectionRow | SimpleNamespace) -> ImageRef | None:
    if row.truth_name is None:
        return None
    return ImageRef(row.truth_name, row.truth_sha256 or "", path=row.truth_path or "")


def _truth(row: InspectionRow | SimpleNamespace) -> Truth | None:
    if row.truth_defective is None or row.truth_outcome is None:
        return None
    counts = None
    if row.tp_px is not None and row.fp_px is not None and row.fn_px is not None and row.tn_px is not None:
        counts = PixelCounts(row.tp_px, row.fp_px, row.fn_px, row.tn_px)
    return Truth(row.truth_defective, Outcome(row.truth_outcome), counts)


def _note(row: InspectionRow | SimpleNamespace) -> RegistrationNote | None:
    if row.m_xx is None:
        return None
    matrix = (row.m_xx, *(_number(v) for v in (row.m_xy, row.m_tx, row.m_yx, row.m_yy, row.m_ty)))
    return RegistrationNote(
        (matrix[0], matrix[1], matrix[2], matrix[3], matrix[4], matrix[5]),
        _number(row.residual),
        _number(row.quality),
    )


def _number(value: float | None) -> float:
    # SQLite keeps "not a number" as NULL.
    return math.nan if value is None else value
