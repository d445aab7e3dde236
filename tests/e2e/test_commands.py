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


def test_bench_prints_ratios(inspect: Inspect, model: Path) -> None:
    report = json.loads(
        inspect("bench", "--model", model, "--batches", "1,2", "--repeats", 2, "--json").stdout
    )
    assert [row["batch"] for row in report["rows"]] == [1, 2]
    assert report["rows"][0]["ratio"] == 1.0
    inspect("bench", "--model", model, "--batches", "0", code=2)


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
    inspect("dataset", "mvtec", tmp_path / "nowhere", tmp_path / "tao2", code=2)
