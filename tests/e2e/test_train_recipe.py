"""A recipe's model trained further on the station's own records, as its engineer does it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.conftest import Inspect
from tests.pictures import mask_of, plain, spoiled, write

pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("lightning", reason="the training extra is not installed")

TINY = ("--steps", 2, "--batch", 2, "--size", 64, "--threads", 1)


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """11 good plates, no two alike, 4 with a bright spot and its annotation, and a golden."""
    rng = np.random.default_rng(0)
    for number in range(15):
        kind, boxes = ("good", []) if number < 11 else ("spot", [(8 + 10 * (number - 11), 44, 9, 8)])
        noise = rng.integers(-2, 3, (64, 64, 3))
        pixels = np.clip(spoiled(boxes).astype(int) + noise, 0, 255).astype(np.uint8)
        write(tmp_path / "test" / kind / f"{number:03d}.png", pixels)
        if boxes:
            write(tmp_path / "ground_truth" / kind / f"{number:03d}_mask.png", mask_of(boxes))
    write(tmp_path / "golden.png", plain())
    return tmp_path


def test_from_records_to_the_next_revision(inspect: Inspect, plates: Path, home: Path) -> None:
    inspect("recipe", "new", "Plate 7", "--golden", plates / "golden.png", "--model", "generic")
    inspect("score", plates / "test", "--recursive", "--recipe", "Plate 7", "--truth", plates)
    assert "nothing_to_resume" in inspect("train", "--recipe", "Plate 7", "--resume", code=2).stderr
    (plates / "test" / "good" / "004.png").unlink()

    first = inspect("train", "--recipe", "Plate 7", *TINY)
    assert "Left out: 1, its picture was not kept, is gone, or has changed: good/004.png." in first.stdout
    assert "Trained on: 7 good, 3 defective" in first.stdout
    assert 'recipe set-model "Plate 7" plate-7-1' in first.stdout
    assert "revision 1" in inspect("recipe", "show", "Plate 7").stdout
    assert not (home / "training" / "plate-7-1" / "pairs").exists()
    report = json.loads((home / "models" / "plate-7-1" / "training.json").read_text())
    assert report["serving"]["name"] == "generic"
    assert (report["after"]["good"], report["after"]["defective"]) == (3, 1)
    trained, held = ({one["sha256"] for one in report[side]} for side in ("trained", "held_out"))
    assert not trained & held
    shown = json.loads(inspect("models", "show", "plate-7-1", "--json").stdout)
    assert shown["manifest"]["scores"]["val_pairs"] == 4
    assert shown["manifest"]["licence"] == "Apache-2.0"

    inspect("recipe", "set-model", "Plate 7", "plate-7-1", "--note", "trained on its own parts")
    assert 'model = "plate-7-1"' in inspect("recipe", "show", "Plate 7@2").stdout
    second = inspect("train", "--recipe", "Plate 7", *TINY, "--adopt", "--truth", plates, code=None)
    again = json.loads((home / "models" / "plate-7-2" / "training.json").read_text())
    assert again["start"]["name"] == "plate-7-1"
    assert {one["sha256"] for one in again["held_out"]} == held
    before, after = again["before"], again["after"]
    fell = [(one["escapes"], one["false_calls"], -one["iou"]) for one in (before, after)]
    if fell[1] > fell[0]:
        assert second.returncode == 4
        assert "Not adopted" in second.stderr
    else:
        assert second.returncode == 0
        assert "Plate 7 is now at revision 3" in second.stdout


def test_what_cannot_be_trained_is_told_in_a_sentence(
    inspect: Inspect, plates: Path, model: Path, home: Path
) -> None:
    assert "no recipe" in inspect("train", "--recipe", "plate", code=2).stderr
    inspect("recipe", "new", "plate", "--golden", plates / "golden.png", "--model", model)
    assert "hold 0 good pictures" in inspect("train", "--recipe", "plate", *TINY, code=2).stderr
    inspect("score", plates / "test", "--recursive", "--recipe", "plate", "--truth", plates)
    assert "model_foreign" in inspect("train", "--recipe", "plate", *TINY, code=2).stderr
    assert "usage" in inspect("train", "plate", "--recipe", "plate", code=2).stderr
    assert "usage" in inspect("train", "--recipe", "plate", "--resume", "--steps", 3, code=2).stderr
    assert "truth_missing" in inspect("train", "--recipe", "plate", "--truth", plates / "no", code=2).stderr
    assert not (home / "models").exists()
