from __future__ import annotations

import csv
import errno
import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from inspector_app.core.change_map import Affine, Registration
from inspector_app.core.errors import KeeperError, OperatorError
from inspector_app.core.inspection import DispositionEntry, ImageRef, InspectionResult, Settings, Truth
from inspector_app.core.metrics import Outcome, PixelCounts
from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.recipe import Limits
from inspector_app.core.verdict import Disposition, Verdict
from inspector_app.services.export import (
    DEFECT_COLUMNS,
    IMAGE_COLUMNS,
    cell_text,
    export_defects,
    export_images,
    image_row,
    measure,
)
from inspector_app.storage.store import SqlRecordStore
from tests.makers import START, FakeClock, make_defect, make_map, make_request, make_result

ALL = HistoryFilter()
IMAGE_HEADER = (
    "run_id,inspection_id,attempt,timestamp,station,operator,product,recipe,recipe_revision,golden,"
    "golden_sha256,lot,serial,image_path,image_sha256,width,height,um_per_px,"
    "registered,shift_x,shift_y,rotation_deg,registration_residual,"
    "model,model_sha256,engine,precision,app_version,threshold,min_area_px,max_defects,"
    "max_score,n_defects,defect_px,defect_pct,largest_area_px,largest_area_mm2,verdict,reason,"
    "disposition,reviewer,review_time,review_reason,final_verdict,"
    "truth_verdict,outcome,iou,dice,px_precision,px_recall,tp_px,fp_px,fn_px,"
    "load_ms,register_ms,infer_ms,post_ms,total_ms,error_code,error_text,"
    "goldens_used,view,view_scale,mirrored"
)
DEFECT_HEADER = (
    "inspection_id,defect_id,serial,x,y,w,h,cx,cy,area_px,area_mm2,length_mm,score_max,score_mean,region,rule,"
    "disposition,truth_iou"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlRecordStore]:
    opened = SqlRecordStore(tmp_path / "records.sqlite3", FakeClock(), "0.1")
    yield opened
    opened.close()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def failed() -> InspectionResult:
    turn = Registration(Affine(0.0, -1.0, 31.0, 1.0, 0.0, 2.0), 0.0312345678, 0.97)
    return make_result(
        Verdict.FAIL,
        serial="S1",
        settings=Settings(Limits(threshold=0.3), um_per_px=50.0, recipe="board", revision=2, product="P"),
        defects=[make_defect(20, score_max=0.123456789), make_defect(3)],
        truth=Truth(True, Outcome.TP, PixelCounts(10, 5, 5, 748)),
        change_map=make_map(registration=turn),
        registration=turn,
        score=0.123456789,
    )


def test_the_headers_are_the_agreed_ones(store: SqlRecordStore, tmp_path: Path) -> None:
    assert export_images(store, ALL, tmp_path / "a.csv") == 0
    assert export_defects(store, ALL, tmp_path / "d.csv") == 0
    assert (tmp_path / "a.csv").read_bytes() == IMAGE_HEADER.encode() + b"\r\n"
    assert (tmp_path / "d.csv").read_bytes() == DEFECT_HEADER.encode() + b"\r\n"
    assert ",".join(IMAGE_COLUMNS) == IMAGE_HEADER
    assert ",".join(DEFECT_COLUMNS) == DEFECT_HEADER


def test_an_image_row(store: SqlRecordStore, tmp_path: Path) -> None:
    [record] = store.add([failed()], [None])
    store.dispose(record.id, DispositionEntry(Disposition.FALSE_CALL, "Grace", "dust", START))
    assert export_images(store, ALL, tmp_path / "a.csv") == 1
    [row] = rows(tmp_path / "a.csv")
    request = failed().request
    expected = {
        "run_id": "",
        "inspection_id": "1",
        "attempt": "1",
        "timestamp": record.time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "station": "station 1",
        "operator": "Ada",
        "product": "P",
        "recipe": "board",
        "recipe_revision": "2",
        "golden": "golden.png",
        "golden_sha256": request.golden_ref.sha256,
        "lot": "lot 7",
        "serial": "S1",
        "image_path": request.image.path,
        "image_sha256": request.image.sha256,
        "width": "32",
        "height": "24",
        "um_per_px": "50.0",
        "registered": "true",
        "shift_x": "4.0",
        "shift_y": "6.0",
        "rotation_deg": "90.0",
        "registration_residual": "0.0312346",
        "model": "generic",
        "model_sha256": "c" * 64,
        "engine": "onnxruntime CPU",
        "precision": "float32",
        "app_version": "0.1",
        "threshold": "0.3",
        "min_area_px": "1",
        "max_defects": "0",
        "max_score": "0.123457",
        "n_defects": "2",
        "defect_px": "23",
        "defect_pct": "2.99479",
        "largest_area_px": "20",
        "largest_area_mm2": "0.05",
        "verdict": "FAIL",
        "reason": "because",
        "disposition": "false call",
        "reviewer": "Grace",
        "review_time": "2026-03-01T06:00:00.000Z",
        "review_reason": "dust",
        "final_verdict": "PASS",
        "truth_verdict": "FAIL",
        "outcome": "TP",
        "iou": "0.5",
        "dice": "0.666667",
        "px_precision": "0.666667",
        "px_recall": "0.666667",
        "tp_px": "10",
        "fp_px": "5",
        "fn_px": "5",
        "load_ms": "1.5",
        "register_ms": "0.25",
        "infer_ms": "10.0",
        "post_ms": "2.0",
        "total_ms": "13.75",
        "error_code": "",
        "error_text": "",
        "goldens_used": "golden.png",
        "view": "whole",
        "view_scale": "",
        "mirrored": "false",
    }
    assert row == expected


def test_defect_rows(store: SqlRecordStore, tmp_path: Path) -> None:
    store.add([failed(), make_result(Verdict.FAIL, defects=[make_defect(truth_iou=0.25)])], [None, None])
    assert export_defects(store, ALL, tmp_path / "d.csv") == 3
    first, second, bare = rows(tmp_path / "d.csv")
    assert (first["inspection_id"], first["defect_id"], first["serial"]) == ("1", "1", "S1")
    assert (first["x"], first["y"], first["w"], first["h"], first["cx"]) == ("4", "5", "6", "4", "6.5")
    assert (first["area_px"], first["area_mm2"], first["length_mm"]) == ("20", "0.05", "0.305")
    assert (first["score_max"], first["rule"]) == ("0.123457", "score>=0.3 area>=1px")
    assert (second["defect_id"], second["truth_iou"], second["disposition"]) == ("2", "", "")
    assert (bare["area_mm2"], bare["length_mm"], bare["truth_iou"]) == ("", "", "0.25")


def test_what_has_no_value_stays_empty(store: SqlRecordStore, tmp_path: Path) -> None:
    error = OperatorError("image_empty", "The image is empty.")
    broken = make_request(error, image=ImageRef("broken.png"))
    store.add(
        [
            make_result(truth=Truth(False, Outcome.TN, PixelCounts(0, 0, 0, 768))),
            make_result(Verdict.ERROR, request=broken, change_map=None, score=None, error=error),
        ],
        ["ab/key.png", None],
    )
    export_images(store, ALL, tmp_path / "a.csv")
    good, bad = rows(tmp_path / "a.csv")
    assert (good["iou"], good["dice"], good["px_recall"], good["tp_px"]) == ("", "", "", "0")
    assert (good["registered"], good["shift_x"], good["largest_area_mm2"]) == ("false", "", "")
    assert (good["n_defects"], good["largest_area_px"], good["defect_pct"]) == ("0", "0", "0.0")
    assert (bad["image_path"], bad["width"], bad["max_score"], bad["n_defects"]) == ("broken.png", "", "", "")
    assert (bad["verdict"], bad["final_verdict"]) == ("ERROR", "ERROR")
    assert (bad["error_code"], bad["error_text"]) == ("image_empty", "The image is empty.")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("a=1", "a=1"),
        ("", ""),
        (None, ""),
        (-1, "-1"),
        (-0.5, "-0.5"),
        (1e-7, "1e-07"),
        (True, "true"),
    ],
)
def test_text_that_a_spreadsheet_would_run_is_made_harmless(value: str | float | None, text: str) -> None:
    assert cell_text(value) == text


def test_measures() -> None:
    assert measure(1 / 3) == 0.333333
    assert measure(math.nan) is measure(math.inf) is measure(None) is None


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SqlRecordStore, Path]]:
    folder = tmp_path_factory.mktemp("hostile")
    store = SqlRecordStore(folder / "records.sqlite3", FakeClock(), "0.1")
    yield store, folder / "out.csv"
    store.close()


HOSTILE = st.text(max_size=8) | st.text("=+-@\t\r\n\",';\0 a", max_size=8)


@examples(max_examples=40, deadline=None)
@given(serial=HOSTILE, reason=HOSTILE, path=HOSTILE)
def test_hostile_text_comes_back(
    shared: tuple[SqlRecordStore, Path], serial: str, reason: str, path: str
) -> None:
    store, out = shared
    result = make_result(
        Verdict.FAIL, serial=serial, reason=reason, request=make_request(image=ImageRef("n", path=path))
    )
    [record] = store.add([result], [None])
    since = HistoryFilter(since=record.time)
    assert export_images(store, since, out) == 1
    [row] = rows(out)
    for column, value in image_row(record).items():
        expected = cell_text(value).encode("utf-8", "backslashreplace").decode()
        assert row[column] == expected
        assert not isinstance(value, str) or row[column][:1] not in set("=+-@\t\r")


def test_a_full_disk_leaves_the_file_of_before(
    store: SqlRecordStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "a.csv").write_text("run_id,inspection_id of before")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(KeeperError) as caught:
        export_images(store, ALL, folder / "a.csv")
    assert caught.value.code == "disk_full"
    assert [path.read_text() for path in folder.iterdir()] == ["run_id,inspection_id of before"]


def test_a_file_that_is_no_table_is_never_replaced(store: SqlRecordStore, tmp_path: Path) -> None:
    stranger = tmp_path / "golden.png"
    stranger.write_bytes(b"\x89PNG")
    for export in (export_images, export_defects):
        with pytest.raises(KeeperError, match="no table") as caught:
            export(store, ALL, stranger)
        assert caught.value.code == "file_taken"
    assert stranger.read_bytes() == b"\x89PNG"
