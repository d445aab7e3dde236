"""Three ways to the same pixel counts: score, evaluate, and an independent calculation from saved masks."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.e2e.conftest import Inspect
from tests.pictures import mask_of, plain, spoiled, write

SIDE = 300


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """TAO's layout with images that are neither square multiples of the grid nor named alike."""
    names = []
    for i in range(5):
        box = (17 * i, 31 * i + 3, 21 + 5 * i, 13)
        name = f"{'good' if i == 0 else 'chip'}_{i:03d}.png"
        write(tmp_path / "A" / name, spoiled([] if i == 0 else [box], SIDE))
        write(tmp_path / "B" / name, plain(SIDE))
        write(
            tmp_path / "label" / name, mask_of([] if i == 0 else [(box[0] + 4, box[1], box[2], box[3])], SIDE)
        )
        names.append(name)
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "val.txt").write_text("\n".join(names) + "\n")
    return tmp_path


def test_score_evaluate_and_saved_masks_agree(dataset: Path, inspect: Inspect, model: Path) -> None:
    report = json.loads(inspect("evaluate", dataset, "--model", model, "--json").stdout)
    inspect(
        "score", dataset / "A", "--golden", dataset / "B", "--truth", dataset / "label", "--model", model,
        "--measure-at", "256", "--csv", dataset / "out.csv", "--save-masks", dataset / "masks",
    )  # fmt: skip
    with (dataset / "out.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    scored = {key: sum(int(row[f"{key}_px"]) for row in table) for key in ("tp", "fp", "fn")}
    assert scored == {key: report[key] for key in scored}
    masked = {"tp": 0, "fp": 0, "fn": 0}
    for path in sorted((dataset / "masks").iterdir()):
        predicted = np.asarray(Image.open(path)) > 0
        truth = Image.open(dataset / "label" / path.name).resize((256, 256), Image.Resampling.NEAREST)
        expected = np.asarray(truth) > 0
        masked["tp"] += int((predicted & expected).sum())
        masked["fp"] += int((predicted & ~expected).sum())
        masked["fn"] += int((~predicted & expected).sum())
    assert masked == scored
    assert report["images"] == 5
    assert set(report["by_kind"]) == {"good", "chip"}


def test_the_cards_five_measures_are_printed(dataset: Path, inspect: Inspect, model: Path) -> None:
    said = inspect("evaluate", dataset, "--model", model).stdout
    for name in ("precision", "recall", "IoU", "F1", "accuracy"):
        assert f"{name}, pooled at 256" in said


def test_a_split_that_is_not_there_is_named(dataset: Path, inspect: Inspect, model: Path) -> None:
    assert "test.txt" in inspect("evaluate", dataset, "--split", "test", "--model", model, code=2).stderr


def test_folds_are_scored_each_by_its_own_model_and_pooled(
    dataset: Path, inspect: Inspect, model: Path, tmp_path: Path
) -> None:
    names = (dataset / "list" / "val.txt").read_text().split()
    for fold, held_out in enumerate((names[:3], names[3:])):
        (dataset / "list" / f"fold{fold}_val.txt").write_text("\n".join(held_out) + "\n")
        shutil.copy(model, tmp_path / f"cv{fold}.onnx")
    pattern = tmp_path / "cv{fold}.onnx"
    told = inspect(
        "evaluate", dataset, "--folds", 2, "--model", pattern, "--without", "good", "--pixel-threshold", "0.5",
        "--json",
    )  # fmt: skip
    folds = json.loads(told.stdout)
    whole = json.loads(inspect("evaluate", dataset, "--model", model, "--without", "good", "--json").stdout)
    assert folds["pooled"] == whole
    assert whole["without"]["images"] == 4
    assert sum(pixels["count"] for pixels in whole["calibration"]["pixels"]["bins"]) == 5 * 256 * 256
    assert [fold["images"] for fold in folds["folds"]] == [3, 2]
    assert folds["spread"]["IoU"]["folds"] == 2
    said = inspect("evaluate", dataset, "--folds", 2, "--model", pattern).stdout
    assert "its own fold's model" in said
    assert "standard deviation" in said


def test_a_kind_that_is_not_there_is_named(dataset: Path, inspect: Inspect, model: Path) -> None:
    said = inspect("evaluate", dataset, "--model", model, "--without", "misplaced", code=2).stderr
    assert "kind_unknown" in said
