from __future__ import annotations

import csv
import json
import re
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.conftest import Inspect
from tests.pictures import plain, spoiled, write


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def score(inspect: Inspect, parts: Path, model: Path, *more: object, code: int = 0) -> str:
    return inspect(
        "score", parts / "test", "--recursive", "--golden", parts / "golden.png", "--truth",
        parts / "ground_truth", "--model", model, *more, code=code,
    ).stdout  # fmt: skip


def test_one_row_an_image_the_same_in_the_database_and_from_export(
    inspect: Inspect, parts: Path, model: Path, home: Path, tmp_path: Path
) -> None:
    images, defects = tmp_path / "out.csv", tmp_path / "defects.csv"
    said = score(inspect, parts, model, "--csv", images, "--defects-csv", defects)
    assert "escapes" in said
    assert re.search(r"engine\W+onnxruntime CPU, float32|engine\W+OpenVINO CPU, float32", said)
    table = rows(images)
    assert len(table) == 9
    assert [row["verdict"] for row in table].count("FAIL") == 6
    assert [row["iou"] for row in table if row["truth_verdict"] == "PASS"] == ["", "", ""]
    assert len(rows(defects)) == 6
    with sqlite3.connect(home / "inspector.sqlite3") as database:
        stored = database.execute("select count(*), sum(defect_px) from inspections").fetchone()
    database.close()
    assert stored == (9, sum(int(row["defect_px"]) for row in table))
    inspect("export", "--run", 1, "--csv", tmp_path / "2.csv", "--defects-csv", tmp_path / "d2.csv")
    assert (tmp_path / "2.csv").read_bytes() == images.read_bytes()
    assert (tmp_path / "d2.csv").read_bytes() == defects.read_bytes()


def test_only_the_lot_that_was_named_is_exported(
    inspect: Inspect, parts: Path, model: Path, tmp_path: Path
) -> None:
    for lot in ("1", "10"):
        score(inspect, parts, model, "--lot", lot)
    inspect("export", "--lot", "1", "--csv", tmp_path / "one.csv")
    assert {row["lot"] for row in rows(tmp_path / "one.csv")} == {"1"}
    told = inspect("export", "--csv", tmp_path / "x.csv", "--defects-csv", tmp_path / "x.csv", code=2).stderr
    assert "the same file" in told


def test_the_operator_the_unit_and_the_revision_that_were_named_are_exported(
    inspect: Inspect, parts: Path, model: Path, tmp_path: Path
) -> None:
    table = tmp_path / "some.csv"

    def exported(*which: object) -> list[dict[str, str]]:
        inspect("export", *which, "--csv", table)
        return rows(table)

    made = ("recipe", "new", "chips", "--golden", parts / "golden.png", "--model", model, "--threshold")
    for threshold, operator in ((0.5, "Ada"), (0.6, "Bo")):
        inspect(*made, threshold)
        inspect("score", parts / "test", "--recursive", "--recipe", "chips", "--operator", operator)
    assert {row["operator"] for row in exported("--operator", "ada")} == {"Ada"}
    assert {row["recipe_revision"] for row in exported("--recipe", "chips", "--revision", 2)} == {"2"}
    assert exported("--recipe", "chips", "--revision", 9) == []
    assert exported("--serial", "B-17") == []
    assert "--recipe" in inspect("export", "--revision", 2, "--csv", table, code=2).stderr


def test_resume_scores_nothing_anew_and_writes_the_same_table(
    inspect: Inspect, parts: Path, model: Path, tmp_path: Path
) -> None:
    score(inspect, parts, model, "--csv", tmp_path / "1.csv")
    said = score(inspect, parts, model, "--csv", tmp_path / "2.csv", "--resume")
    assert "9 images were scored before; 0 anew" in said
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
    assert "9" in inspect("runs").stdout


def test_the_stages_are_told_when_asked_for(
    inspect: Inspect, parts: Path, model: Path, tmp_path: Path
) -> None:
    assert "processor time each" not in score(inspect, parts, model)
    said = score(inspect, parts, model, "--stages", "--stages-json", tmp_path / "stages.json")
    assert "9 images in" in said
    assert "database" in said
    costs = json.loads((tmp_path / "stages.json").read_text())
    assert costs["images"] == 9
    assert (
        0
        < costs["share_of_possible"]
        == pytest.approx(sum(costs["stages"].values()) / (costs["wall_s"] * costs["cores"]))
    )
    score(inspect, parts, model, "--stages-json", tmp_path / "nowhere" / "stages.json", code=2)


@pytest.mark.parametrize(
    "options", [("--threads", 2), ("--workers", 4, "--batch-size", 2), ("--batch-size", 9)]
)
def test_options_of_speed_change_no_verdict(
    inspect: Inspect, parts: Path, model: Path, tmp_path: Path, options: tuple[object, ...]
) -> None:
    score(inspect, parts, model, "--csv", tmp_path / "a.csv")
    score(inspect, parts, model, "--csv", tmp_path / "b.csv", *options)
    volatile = {"run_id", "inspection_id", "timestamp"}

    def lasting(path: Path) -> list[dict[str, str]]:
        return [
            {k: v for k, v in row.items() if k not in volatile and not k.endswith("_ms")}
            for row in rows(path)
        ]

    assert lasting(tmp_path / "a.csv") == lasting(tmp_path / "b.csv")


def test_json_is_one_line_an_image(inspect: Inspect, parts: Path, model: Path) -> None:
    lines = score(inspect, parts, model, "--json").splitlines()
    assert len(lines) == 9
    images = [json.loads(line) for line in lines]
    assert {image["verdict"] for image in images} == {"PASS", "FAIL"}
    assert all(image["inspection_id"] for image in images)


def test_rejects_are_named_with_their_reason(inspect: Inspect, parts: Path, model: Path) -> None:
    said = score(inspect, parts, model)
    lines = [line for line in said.splitlines() if line.startswith("FAIL ")]
    assert lines
    assert all("limit" in line or "region" in line for line in lines)


def test_a_file_is_no_data_folder(inspect: Inspect, parts: Path, model: Path) -> None:
    told = inspect("runs", "--data-dir", parts / "golden.png", code=2).stderr
    assert "is no folder" in " ".join(told.split())


def test_exit_codes(inspect: Inspect, parts: Path, model: Path) -> None:
    score(inspect, parts, model, "--fail-on-defect", code=4)
    (parts / "test" / "good" / "000.png").write_bytes(b"")
    score(inspect, parts, model, "--fail-on-defect", code=3)
    inspect("score", parts / "test", "--model", model, code=2)
    inspect("score", parts / "nowhere", "--golden", parts / "golden.png", "--model", model, code=2)
    inspect("score", parts / "test", "--golden", parts / "golden.png", "--model", "nothing", code=2)
    inspect("score", "--no-such-option", code=2)
    score(inspect, parts, model, "--csv", parts / "nowhere" / "out.csv", code=2)


def test_masks_and_overlays_are_written(inspect: Inspect, parts: Path, model: Path, tmp_path: Path) -> None:
    score(inspect, parts, model, "--save-masks", tmp_path / "m", "--save-overlays", tmp_path / "o")
    assert len(list((tmp_path / "m").rglob("*.png"))) == len(list((tmp_path / "o").rglob("*.png"))) == 9


def test_a_folder_of_goldens_and_a_table_of_pairs(inspect: Inspect, model: Path, tmp_path: Path) -> None:
    for name, side in (("a.png", 64), ("b.png", 96)):
        write(tmp_path / "in" / name, spoiled([(10, 10, 9, 9)], side))
        write(tmp_path / "goldens" / name, plain(side))
    inspect(
        "score",
        tmp_path / "in",
        "--golden",
        tmp_path / "goldens",
        "--model",
        model,
        "--csv",
        tmp_path / "1.csv",
    )
    assert [row["verdict"] for row in rows(tmp_path / "1.csv")] == ["FAIL", "FAIL"]
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("test,golden,truth\nin/a.png,goldens/a.png,\nin/b.png,goldens/a.png,\n")
    inspect("score", "--pairs", pairs, "--model", model, "--csv", tmp_path / "2.csv", code=3)
    first, second = rows(tmp_path / "2.csv")
    assert (first["verdict"], second["verdict"], second["error_code"]) == ("FAIL", "ERROR", "size_mismatch")
    assert (first["truth_verdict"], first["iou"]) == ("", "")


def test_alignment_lets_sizes_differ(inspect: Inspect, model: Path, tmp_path: Path) -> None:
    write(tmp_path / "golden.png", plain(64))
    moved = plain(80)
    write(tmp_path / "in" / "a.png", moved)
    inspect(
        "score", tmp_path / "in", "--golden", tmp_path / "golden.png", "--align", "translation",
        "--model", model, "--csv", tmp_path / "1.csv",
    )  # fmt: skip
    (row,) = rows(tmp_path / "1.csv")
    assert row["registered"] in ("1", "true", "True", "yes")


@pytest.mark.parametrize("threshold", ["0", "1.5", "x"])
def test_limits_that_do_not_fit_are_a_usage_error(
    inspect: Inspect, parts: Path, model: Path, threshold: str
) -> None:
    score(inspect, parts, model, "--threshold", threshold, code=2)


def test_the_command_line_never_loads_qt(home: Path, parts: Path, model: Path) -> None:
    import subprocess
    import sys

    from tests.e2e.conftest import environment

    code = (
        "import sys\nfrom inspector_app.cli.app import app\n"
        f"app(['score', {str(parts / 'test')!r}, '--recursive', '--golden', {str(parts / 'golden.png')!r}, "
        f"'--model', {str(model)!r}], standalone_mode=False)\n"
        "assert not any(name.startswith(('PySide6', 'pyqtgraph', 'torch')) for name in sys.modules), 'Qt or torch'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_table_replaces_nothing_but_an_earlier_table(
    inspect: Inspect, parts: Path, model: Path, home: Path, tmp_path: Path
) -> None:
    golden = (parts / "golden.png").read_bytes()
    score(inspect, parts, model, "--csv", parts / "golden.png", code=2)
    assert (parts / "golden.png").read_bytes() == golden
    score(inspect, parts, model, "--csv", tmp_path / "out.csv")
    score(inspect, parts, model, "--csv", tmp_path / "out.csv")
    said = inspect("export", "--csv", home / "inspector.sqlite3", code=2).stderr
    assert "file_taken" in said
    assert "2" in inspect("runs").stdout


def test_what_could_not_be_inspected_is_named_with_its_reason(
    inspect: Inspect, parts: Path, model: Path, tmp_path: Path
) -> None:
    (parts / "test" / "good" / "000.png").write_bytes(b"")
    assert "good/000.png: " in score(inspect, parts, model, code=3)
    (parts / "golden.png").write_bytes(b"nothing")
    score(inspect, parts, model, code=2)
    assert "run 99" in inspect("export", "--run", 99, "--csv", tmp_path / "x.csv", code=2).stderr


def test_without_a_display_the_window_says_so(home: Path) -> None:
    import subprocess

    from tests.e2e.conftest import command, environment

    bare = {k: v for k, v in environment(home).items() if k != "QT_QPA_PLATFORM"}
    done = subprocess.run(command(), env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "no display" in done.stderr) == (2, True)
