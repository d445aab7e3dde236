"""Recorded results as CSV: one row an image, or one row a defect."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from inspector_app.core.change_map import Affine
from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_file, write_fault
from inspector_app.core.inspection import DefectRecord, InspectionRecord, RegistrationNote, Truth
from inspector_app.core.protocols import HistoryFilter, RecordStore
from inspector_app.core.verdict import Verdict, final_verdict

Cell = str | int | float | bool | None
"""None is an empty cell: there is no value."""

_IMAGE_COLUMNS = """
    run_id inspection_id attempt timestamp station operator product recipe recipe_revision golden
    golden_sha256 lot serial image_path image_sha256 width height um_per_px
    registered shift_x shift_y rotation_deg registration_residual
    model model_sha256 engine precision app_version
    threshold min_area_px max_defects
    max_score n_defects defect_px defect_pct largest_area_px largest_area_mm2 verdict reason
    disposition reviewer review_time review_reason final_verdict
    truth_verdict outcome iou dice px_precision px_recall tp_px fp_px fn_px
    load_ms register_ms infer_ms post_ms total_ms error_code error_text
    goldens_used view view_scale mirrored
"""
_DEFECT_COLUMNS = """
    inspection_id defect_id serial x y w h cx cy area_px area_mm2 length_mm score_max score_mean region rule
    disposition truth_iou
"""
IMAGE_COLUMNS: tuple[str, ...] = tuple(_IMAGE_COLUMNS.split())
DEFECT_COLUMNS: tuple[str, ...] = tuple(_DEFECT_COLUMNS.split())
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_images(store: RecordStore, wanted: HistoryFilter, path: Path) -> int:
    """Write one row an image to ``path``, whole or not at all; returns the number of rows.

    Raises:
        KeeperError: the file cannot be written, or the database cannot be read.
    """
    return _export(IMAGE_COLUMNS, map(image_row, store.iterate(wanted)), path)


def export_defects(store: RecordStore, wanted: HistoryFilter, path: Path) -> int:
    """Write one row a defect to ``path``, whole or not at all; returns the number of rows.

    Raises:
        KeeperError: the file cannot be written, or the database cannot be read.
    """
    return _export(DEFECT_COLUMNS, map(defect_row, store.iterate_defects(wanted)), path)


def image_row(record: InspectionRecord) -> dict[str, Cell]:
    """A record by the columns of the image CSV, in their order; measures have six significant digits.

    What an ERROR could not measure stays None.
    """
    golden, who, settings = record.golden, record.identity, record.settings
    return {
        "run_id": record.run_id,
        "inspection_id": record.id,
        "attempt": record.attempt,
        "timestamp": _time(record.time),
        "station": who.station,
        "operator": who.operator,
        "product": settings.product,
        "recipe": settings.recipe,
        "recipe_revision": settings.revision,
        "golden": golden.name,
        "golden_sha256": golden.sha256,
        "lot": who.lot,
        "serial": who.serial,
        "image_path": record.image.path or record.archive_key or record.image.name,
        "image_sha256": record.image.sha256,
        "width": record.image.width or None,
        "height": record.image.height or None,
        "um_per_px": settings.um_per_px,
        **_alignment(record),
        "model": record.engine.model,
        "model_sha256": record.engine.model_sha256,
        "engine": record.engine.engine,
        "precision": record.engine.precision,
        "app_version": record.app_version,
        "threshold": settings.limits.threshold,
        "min_area_px": settings.limits.min_area_px,
        "max_defects": settings.limits.max_defects,
        **_result(record),
        **_review(record),
        **_truth(record.truth),
        **_cost(record),
        "goldens_used": "; ".join(each.name for each in (golden, *record.other_goldens)),
        "view": settings.view.mode,
        "view_scale": None if settings.view.mode == "whole" else settings.view.scale,
        "mirrored": settings.view.mirrored,
    }


def defect_row(record: DefectRecord) -> dict[str, Cell]:
    """A defect by the columns of the defect CSV, in their order."""
    defect, scale = record.defect, record.um_per_px
    return {
        "inspection_id": record.inspection_id,
        "defect_id": record.defect_id,
        "serial": record.serial,
        "x": defect.box.x,
        "y": defect.box.y,
        "w": defect.box.w,
        "h": defect.box.h,
        "cx": measure(defect.cx),
        "cy": measure(defect.cy),
        "area_px": defect.area_px,
        "area_mm2": _mm2(defect.area_px, scale),
        "length_mm": None if scale is None else measure(defect.length_px * scale / 1000.0),
        "score_max": measure(defect.score_max),
        "score_mean": measure(defect.score_mean),
        "region": defect.region,
        "rule": record.rule,
        "disposition": record.disposition.value if record.disposition else None,
        "truth_iou": measure(defect.truth_iou),
    }


def measure(value: float | None) -> float | None:
    """Six significant digits; None where there is no number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def cell_text(value: Cell) -> str:
    """A cell as the CSV holds it; text that a spreadsheet would run as a formula gets a leading apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return repr(value)


def check_target(path: Path) -> None:
    """An export replaces nothing but an earlier export: not a picture, not a database, not another's table.

    Raises:
        KeeperError: ``file_taken`` when ``path`` is a file that begins otherwise than these tables do.
    """
    if not path.is_file():
        return
    starts = tuple(",".join(columns[:2]).encode() for columns in (IMAGE_COLUMNS, DEFECT_COLUMNS))
    try:
        with path.open("rb") as file:
            begin = file.read(64).removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise write_fault(error, path) from error
    if begin and not begin.startswith(starts):
        raise KeeperError(
            "file_taken", f"{path} is there already and is no table of Inspector's.", "Choose another name."
        )


def _export(columns: tuple[str, ...], rows: Iterable[Mapping[str, Cell]], path: Path) -> int:
    check_target(path)
    with atomic_file(path) as stream:
        return _write(stream, columns, rows)


def _write(stream: BinaryIO, columns: tuple[str, ...], rows: Iterable[Mapping[str, Cell]]) -> int:
    # File names that are not valid Unicode are written with escapes, so that the file stays UTF-8.
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    number = 0
    for row in rows:
        writer.writerow([cell_text(row[column]) for column in columns])
        number += 1
    text.detach()
    return number


def _alignment(record: InspectionRecord) -> dict[str, Cell]:
    note = record.registration
    if note is None:
        return {
            "registered": False,
            **dict.fromkeys(("shift_x", "shift_y", "rotation_deg", "registration_residual")),
        }
    shift_x, shift_y = _shift(note, record.image.width, record.image.height)
    return {
        "registered": record.error_code != "not_aligned",
        "shift_x": measure(shift_x),
        "shift_y": measure(shift_y),
        "rotation_deg": measure(Affine(*note.matrix).rotation_deg),
        "registration_residual": measure(note.residual),
    }


def _shift(note: RegistrationNote, width: int, height: int) -> tuple[float, float]:
    """How far the test image's centre was moved: unlike the matrix' last column, it does not grow with a
    turn about a far corner."""
    xx, xy, tx, yx, yy, ty = note.matrix
    x, y = (width - 1) / 2, (height - 1) / 2
    return xx * x + xy * y + tx - x, yx * x + yy * y + ty - y


def _result(record: InspectionRecord) -> dict[str, Cell]:
    found: dict[str, Cell] = dict.fromkeys(
        ("max_score", "n_defects", "defect_px", "defect_pct", "largest_area_px", "largest_area_mm2")
    )
    if record.verdict is not Verdict.ERROR:
        share = 100.0 * record.defect_px / record.inspected_px if record.inspected_px else None
        found = {
            "max_score": measure(record.score),
            "n_defects": record.n_defects,
            "defect_px": record.defect_px,
            "defect_pct": measure(share),
            "largest_area_px": record.largest_area_px,
            "largest_area_mm2": _mm2(record.largest_area_px, record.settings.um_per_px),
        }
    return {**found, "verdict": record.verdict.value, "reason": record.reason}


def _review(record: InspectionRecord) -> dict[str, Cell]:
    entry = record.disposition
    return {
        "disposition": entry.disposition.value if entry else None,
        "reviewer": entry.reviewer if entry else None,
        "review_time": _time(entry.time) if entry else None,
        "review_reason": entry.reason if entry else None,
        "final_verdict": final_verdict(record.verdict, entry.disposition if entry else None).value,
    }


def _truth(truth: Truth | None) -> dict[str, Cell]:
    counts = truth.counts if truth else None
    verdict = (Verdict.FAIL if truth.defective else Verdict.PASS) if truth else None
    return {
        "truth_verdict": verdict.value if verdict else None,
        "outcome": truth.outcome.value if truth else None,
        "iou": measure(counts.iou) if counts else None,
        "dice": measure(counts.dice) if counts else None,
        "px_precision": measure(counts.precision) if counts else None,
        "px_recall": measure(counts.recall) if counts else None,
        "tp_px": counts.tp if counts else None,
        "fp_px": counts.fp if counts else None,
        "fn_px": counts.fn if counts else None,
    }


def _cost(record: InspectionRecord) -> dict[str, Cell]:
    timing = record.timing
    return {
        "load_ms": measure(timing.load_ms),
        "register_ms": measure(timing.register_ms),
        "infer_ms": measure(timing.infer_ms),
        "post_ms": measure(timing.post_ms),
        "total_ms": measure(timing.total_ms),
        "error_code": record.error_code or None,
        "error_text": record.error_text or None,
    }


def _mm2(area_px: int, um_per_px: float | None) -> float | None:
    return None if um_per_px is None else measure(area_px * (um_per_px / 1000.0) ** 2)


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
