from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from inspector_app import __version__
from tests.e2e.conftest import Inspect
from tests.pictures import mask_of, plain, spoiled, write


def test_version_and_help(inspect: Inspect) -> None:
    assert __version__ in inspect("--version").stdout
    said = inspect("--help").stdout
    for name in (
        "score",
        "export",
        "runs",
        "demo",
        "doctor",
        "bench",
        "recipe",
        "train",
        "evaluate",
        "dataset",
    ):
        assert name in said


def test_doctor_says_which_engines_work_and_why_the_others_do_not(inspect: Inspect, model: Path) -> None:
    said = inspect("doctor", "--model", model).stdout
    assert "onnxruntime CPU" in said
    assert "works" in said
    assert "TensorRT" in said


def test_doctor_looks_at_the_rest_where_the_records_are_damaged(
    inspect: Inspect, home: Path, model: Path
) -> None:
    home.mkdir(exist_ok=True)
    (home / "inspector.sqlite3").write_bytes(b"no database" * 1000)
    told = inspect("doctor", "--model", model, code=3)
    assert "onnxruntime CPU" in told.stdout
    assert "Something is wrong" in told.stdout
    assert "database_" in told.stderr


def test_bench_compares_all_engines_with_the_reference_loop(
    inspect: Inspect, model: Path, tmp_path: Path
) -> None:
    plot = tmp_path / "bench.svg"
    bench = ("bench", "--model", model, "--rounds", 5, "--calls", 1)
    report = json.loads(inspect(*bench, "--batches", "1,2", "--plot", plot, "--json").stdout)
    # Nothing of this network depends on the golden alone, so there is nothing to keep.
    rows = [(row["batch"], row["golden"]) for row in report["rows"] if row["engine"] == "onnxruntime CPU"]
    assert rows == [(1, "anew"), (2, "anew")]
    assert all(row["ratio"] > 0 and row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"] for row in report["rows"])
    assert any(
        refusal["engine"].startswith("tensorrt") and refusal["reason"] for refusal in report["refusals"]
    )
    assert report["reference"]["per_second"] > 0
    assert report["machine"]["runtimes"]
    assert plot.read_text().startswith("<svg")
    said = inspect(*bench, "--batches", "1", "--engine", "cpu", "--golden", "anew").stdout
    assert "x reference: median of each round's own ratio to the reference loop" in said
    assert "reference loop" in said
    assert "tensorrt" not in said


def test_bench_refuses_what_it_cannot_do_before_it_measures(
    inspect: Inspect, model: Path, tmp_path: Path
) -> None:
    for wrong in (
        ("--batches", "0"),
        ("--rounds", "4"),
        ("--plot", tmp_path / "bench.png"),
        ("--plot", tmp_path / "nowhere" / "bench.svg"),
    ):
        inspect("bench", "--model", model, *wrong, code=2)


def test_settings_that_are_wrong_are_told_before_anything_runs(inspect: Inspect, home: Path) -> None:
    home.mkdir()
    (home / "settings.json").write_text('{"theme": "pink", "overlay_opacity": 7}')
    said = inspect("runs", code=2).stderr
    assert "theme" in said
    assert "overlay_opacity" in said


def test_a_damaged_database_is_told_and_left_alone(inspect: Inspect, home: Path) -> None:
    home.mkdir()
    damaged = home / "inspector.sqlite3"
    damaged.write_bytes(b"this is no database at all" * 100)
    assert "database" in inspect("runs", code=2).stderr
    assert damaged.read_bytes().startswith(b"this is no database")


def test_mvtec_is_converted_and_evaluated(inspect: Inspect, model: Path, tmp_path: Path) -> None:
    src = tmp_path / "part"
    rng = np.random.default_rng(0)
    for i in range(30):
        write(src / "train" / "good" / f"{i:03d}.png", plain())
    for i in range(10):
        box = tuple(int(v) for v in rng.integers(2, 40, 2))
        defect = (box[0], box[1], 12, 9)
        write(src / "test" / "chip" / f"{i:03d}.png", spoiled([defect]))
        write(src / "ground_truth" / "chip" / f"{i:03d}_mask.png", mask_of([defect]))
        write(src / "test" / "good" / f"{i:03d}.png", plain())
    inspect("dataset", "mvtec", src, tmp_path / "tao")
    report = json.loads(inspect("evaluate", tmp_path / "tao", "--model", model, "--json").stdout)
    assert report["false_calls"] == report["escapes"] == 0
    assert report["images"] == 15
    assert set(report["by_kind"]) == {"chip", "test_good", "train_good"}
    told = inspect("dataset", "mvtec", tmp_path / "nowhere", tmp_path / "tao2", code=2).stderr
    assert f"There is no folder {tmp_path / 'nowhere'}." in told


def test_names_that_look_like_markup_break_no_table(inspect: Inspect, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "[bold] x [" / "[red]"
    write(folder / "[b].png", plain())
    write(tmp_path / "golden.png", plain())
    inspect("score", folder, "--golden", tmp_path / "golden.png", "--model", model)
    # A long path is folded over several lines of its cell.
    assert "[bold]" in inspect("runs").stdout.replace(" ", "").replace("│", "").replace("\n", "")
    inspect("recipe", "new", "a[b]", "--golden", tmp_path / "golden.png", "--model", model, "--note", "[i]")
    assert "a[b]" in inspect("recipe", "list").stdout
    assert "inspector-app[" in inspect("doctor", "--model", model).stdout


def test_what_could_not_be_written_in_the_end_is_told_at_the_start(
    inspect: Inspect, model: Path, tmp_path: Path
) -> None:
    write(tmp_path / "in" / "a.png", plain())
    write(tmp_path / "golden.png", plain())
    scoring = ("score", tmp_path / "in", "--golden", tmp_path / "golden.png", "--model", model)
    inspect(*scoring, "--csv", tmp_path / "in", code=2)
    inspect(*scoring, "--csv", tmp_path / "a.csv", "--defects-csv", tmp_path / "a.csv", code=2)
    before = (tmp_path / "in" / "a.png").read_bytes()
    inspect(*scoring, "--save-masks", tmp_path / "in", code=2)
    assert (tmp_path / "in" / "a.png").read_bytes() == before
