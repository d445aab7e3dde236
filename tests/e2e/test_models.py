from __future__ import annotations

import json
import re
from pathlib import Path

from tests.e2e.conftest import Inspect


def test_a_model_is_added_listed_shown_verified_and_chosen(inspect: Inspect, model: Path, home: Path) -> None:
    inspect("models", "add", model, "--name", "plate")
    assert "already" in inspect("models", "add", model, "--name", "plate", code=2).stderr
    inspect("models", "add", model, "--name", "plate", "--replace")
    rows = {row["name"]: row for row in json.loads(inspect("models", "list", "--json").stdout)}
    assert rows["plate"]["problem"] == ""
    assert Path(rows["plate"]["folder"]) == home / "models" / "plate"
    assert rows["generic"]["default"]
    shown = json.loads(inspect("models", "show", "plate", "--json").stdout)
    assert shown["cost"]["macs"] == 64 * 64 * 2 * 3
    assert "multiply-adds" in inspect("models", "show", "generic").stdout
    assert "passed" in inspect("models", "verify", "plate").stdout
    inspect("models", "default", "plate")
    assert "plate (default)" in inspect("models", "list").stdout
    inspect("models", "default", "nowhere", code=2)
    (home / "models" / "plate" / "difference.onnx").write_bytes(b"changed")
    assert "sha256 differs" in inspect("models", "list").stdout
    (found,) = json.loads(inspect("models", "verify", "plate", "--json", code=3).stdout)
    assert not found["sound"]


def test_why_an_engine_runs_no_model_is_told_once(inspect: Inspect) -> None:
    told = inspect("models", "verify").stdout
    assert told.count("passed") >= 2
    assert told.count("cannot run") == len(set(re.findall(r"\S+(?: \S+)? cannot run", told)))


def test_variants_are_made_and_their_report_is_kept(inspect: Inspect, model: Path, parts: Path) -> None:
    inspect("models", "add", model, "--name", "plate")
    told = inspect(
        "models", "optimize", "plate", "--calibration", parts / "test", "--golden", parts / "golden.png",
        "--truth", parts / "ground_truth", "--precision", "float16", "--rounds", 3,
    )  # fmt: skip
    assert "New models: plate-fp16." in told.stdout
    shown = json.loads(inspect("models", "show", "plate-fp16", "--json").stdout)
    assert shown["manifest"]["precision"] == "float16"
    assert shown["optimisation"]["annotated"]
    assert "variants of plate" in inspect("models", "show", "plate").stdout
    said = inspect("models", "optimize", "plate-fp16", "--calibration", parts, code=2).stderr
    assert "float16 already" in said
    inspect("models", "optimize", "plate", "--calibration", parts, "--precision", "int4", code=2)
