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
    assert whole.pop("judged_by").startswith("difference on onnxruntime CPU: threshold 0.5")
    assert folds["pooled"] == whole
    assert whole["without"]["images"] == 4
    assert sum(pixels["count"] for pixels in whole["calibration"]["pixels"]["bins"]) == 5 * 256 * 256
    assert [fold["images"] for fold in folds["folds"]] == [3, 2]
    assert folds["spread"]["IoU"]["folds"] == 2
    said = inspect("evaluate", dataset, "--folds", 2, "--model", pattern).stdout
    assert "its own fold's model" in said
    assert "standard deviation" in said

    asked = ("evaluate", dataset, "--stress", "--stress-steps", 1, "--without", "good", "--json")
    by_fold = json.loads(inspect(*asked, "--folds", 2, "--model", pattern).stdout)
    whole = json.loads(inspect(*asked, "--model", model).stdout)
    assert by_fold.pop("judged_by").count(" on ") == 2 * whole.pop("judged_by").count(" on ") == 2
    assert by_fold == whole
    asked = ("evaluate", dataset, "--calibrate")
    by_fold = json.loads(inspect(*asked, "--json", "--folds", 2, "--model", pattern).stdout)
    whole = json.loads(inspect(*asked, "--json", "--model", model).stdout)
    assert by_fold.pop("judged_by").count(" on ") == 2 * whole.pop("judged_by").count(" on ") == 2
    assert by_fold == whole
    curve = tmp_path / "curve.svg"
    said = inspect(*asked, "--folds", 2, "--model", pattern, "--plot", curve).stdout
    assert "its own fold's model" in said
    assert "cv{fold}.onnx" in curve.read_text(encoding="utf-8")


def test_a_kind_that_is_not_there_is_named(dataset: Path, inspect: Inspect, model: Path) -> None:
    said = inspect("evaluate", dataset, "--model", model, "--without", "misplaced", code=2).stderr
    assert "kind_unknown" in said


DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo" / "bearing"


@pytest.fixture
def labelled(tmp_path: Path) -> tuple[Path, Path]:
    """The demo's bearings: folders of good and of bad ones."""
    for kind in ("good", "missing_ball", "rust", "scratch"):
        for path in (DEMO / "test" / kind).iterdir():
            folder = tmp_path / ("ok" if kind == "good" else f"nok/{kind}")
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / path.name)
    return tmp_path / "ok", tmp_path / "nok"


def test_a_calibration_is_printed_drawn_and_saved_when_told_to(
    labelled: tuple[Path, Path], inspect: Inspect, tmp_path: Path
) -> None:
    good, bad = labelled
    inspect("recipe", "new", "bearing", "--golden", DEMO / "golden.png", "--max-defects", 0)
    asked = ("evaluate", "--good", good, "--bad", bad, "--recipe", "bearing", "--calibrate", "--review")
    said = inspect(*asked, "--plot", tmp_path / "curve.svg").stdout
    assert said.startswith("Judged by bearing@1, generic on ")
    assert "For the target no-escapes: threshold" in said
    assert "the escape rate would be below 63.2 % with 95 % sureness" in " ".join(said.split())
    assert "expected calibration error" in said
    assert (tmp_path / "curve.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "revision 1" in inspect("recipe", "show", "bearing").stdout

    refused = inspect(*asked, "--save", code=2).stderr
    assert "--save needs --recipe and a --note" in refused
    found = json.loads(inspect(*asked, "--json", "--save", "--note", "known parts").stdout)
    wanted = found["recommended"]
    assert (found["good"], found["bad"], wanted["false_calls"], wanted["escapes"]) == (3, 3, 0, 0)
    assert (wanted["false_call_interval"][0], wanted["escape_interval"][0]) == (0.0, 0.0)
    shown = inspect("recipe", "show", "bearing").stdout
    assert "revision 2" in shown
    assert "known parts" in shown
    assert f"threshold = {wanted['threshold']}" in shown
    assert f"min_area_px = {wanted['min_area_px']}" in shown
    saving = ("--save", "--note", "again")
    old = ("--recipe", "bearing@1")
    parts = ("evaluate", "--good", good, "--bad", bad, "--calibrate")
    assert "would make an old revision (1) the newest" in inspect(*parts, *old, *saving, code=2).stderr
    other = inspect(*parts, "--recipe", "bearing", "--model", "mvtec-transistor", *saving, code=2).stderr
    assert "limits that were found with mvtec-transistor, but it judges with" in " ".join(other.split())
    judged = json.loads(
        inspect("evaluate", "--good", good, "--bad", bad, "--recipe", "bearing", "--json").stdout
    )
    assert (judged["false_calls"], judged["escapes"]) == (0, 0)
    assert (judged["good"], judged["defective"]) == (3, 3)
    assert (judged["unmarked"], judged["mistakes"]) == (3, [])
    told = inspect("evaluate", "--good", bad, "--bad", good, "--golden", DEMO / "golden.png").stdout
    assert "Judged by generic on" in told
    assert "escape: bad/" in told
    assert "false call: good/" in told
    assert "3 defective images have no annotation of the pixels" in " ".join(told.split())
    assert "probabilities of pixels" not in told


def test_stress_compares_with_the_images_as_they_are(dataset: Path, inspect: Inspect, model: Path) -> None:
    asked = ("evaluate", dataset, "--model", model, "--stress", "--stress-steps", 1, "--without", "good")
    found = json.loads(inspect(*asked, "--json").stdout)
    plain = json.loads(inspect("evaluate", dataset, "--model", model, "--without", "good", "--json").stdout)
    del plain["judged_by"]
    assert found["plain"] == plain
    assert {row["nuisance"] for row in found["rows"]} == {
        "shift", "turn", "scale", "brighter", "darker", "gradient", "blur", "jpeg",
    }  # fmt: skip
    for row in found["rows"]:
        assert row["iou_fall"] == pytest.approx(plain["IoU"] - row["IoU"])
    assert found == json.loads(inspect(*asked, "--json").stdout)
    said = inspect(*asked).stdout
    assert said.startswith(f"Judged by {found['judged_by']}"[:40])
    assert "5.0 degrees" in said
    assert "2 points of IoU and 4 without good" in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "Give a data set, or --good and --bad"),
        (("--good", "."), "Give both --good and --bad"),
        (("--good", ".", "--bad", ".."), "need --golden or --recipe"),
        (("--good", ".", "--bad", "..", "--golden", "gone.png"), "There is no golden"),
        (("x", "--golden", "g.png"), "names its goldens itself"),
        (("x", "--recipe", "r", "--threshold", "0.4"), "brings its own limits, alignment and view"),
        (("x", "--stress", "--calibrate"), "Give one of --stress and --calibrate"),
        (("x", "--calibrate", "--target", "perfect"), "is no target"),
        (("x", "--calibrate", "--target", "false-calls=0.5"), "Say false-calls=0.5%, or false-calls=50%"),
        (("x", "--calibrate", "--plot", "curve.png"), "“curve.png” does not end in .svg"),
        (("x", "--calibrate", "--plot", "gone/curve.svg"), "There is no folder"),
        (("gone",), "There is no data set gone."),
        (("x", "--review"), "--review belongs to --calibrate"),
        (("x", "--plot", "curve.svg", "--target", "no-escapes"), "--target, --plot belong to --calibrate"),
        (("x", "--stress-steps", "2"), "--stress-steps belongs to --stress"),
        (("--good", ".", "--bad", ".", "--golden", "g.png"), "name the same folder"),
        (("--good", ".", "--bad", "x", "--recipe", "r", "--split", "val"), "--split belongs to a data set"),
        (("x", "--recipe", "r", "--view", "tiles"), "A recipe brings its own limits, alignment and view"),
        (("x", "--calibrate", "--without", "chip"), "leave --without out"),
        (("-e", "spec.yaml", "--stress", "--split", "x"), "leave out --split, --stress"),
    ],
)
def test_options_that_do_not_fit_are_told(
    options: tuple[str, ...], sentence: str, inspect: Inspect, tmp_path: Path
) -> None:
    told = inspect("evaluate", *options, code=2).stderr
    assert sentence in " ".join(told.split())


def test_a_model_may_suggest_a_second_look_in_the_mirror(
    dataset: Path, inspect: Inspect, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "twice"
    inspect("models", "add", model, "--name", "twice")
    shutil.copytree(tmp_path / "home" / "models" / "twice", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["judgement"]["mirrored"] = True
    (folder / "manifest.json").write_text(json.dumps(manifest))

    def judged_by(*options: object) -> str:
        return str(json.loads(inspect("evaluate", dataset, *options, "--json").stdout)["judged_by"])

    assert judged_by("--model", folder).endswith(", mirrored too")
    assert "mirrored" not in judged_by("--model", folder, "--no-mirror")
    assert "mirrored" not in judged_by("--model", folder, "--view", "tiles")
    assert judged_by("--model", model, "--mirror", "--view", "tiles").endswith(", mirrored too")
    assert "mirrored too" in inspect("models", "show", folder).stdout
    inspect("recipe", "new", "plate", "--golden", dataset / "B" / "good_000.png", "--model", folder)
    assert "mirrored = true" in inspect("recipe", "show", "plate").stdout
    assert judged_by("--recipe", "plate").endswith(", mirrored too")
    refused = inspect("evaluate", dataset, "--recipe", "plate", "--no-mirror", code=2).stderr
    assert "A recipe brings its own limits, alignment and view" in refused


def test_what_cannot_be_inspected_is_named_with_its_reason_and_ends_in_3(
    dataset: Path, inspect: Inspect, model: Path
) -> None:
    write(dataset / "A" / "chip_002.png", plain(SIDE + 20))
    done = inspect("evaluate", dataset, "--model", model, code=3)
    assert "ERROR chip_002.png: " in done.stdout
    assert "(size_mismatch)" in done.stdout
    (error,) = json.loads(inspect("evaluate", dataset, "--model", model, "--json", code=3).stdout)["errors"]
    assert (error["name"], error["code"]) == ("chip_002.png", "size_mismatch")
    assert error["text"]
    for more in (("--stress", "--stress-steps", 1), ("--calibrate",)):
        done = inspect("evaluate", dataset, "--model", model, *more, code=3)
        assert "ERROR chip_002.png: " in done.stdout


def test_masks_beside_the_images_are_not_judged(tmp_path: Path, inspect: Inspect, model: Path) -> None:
    write(tmp_path / "golden.png", plain())
    for n in range(2):
        write(tmp_path / "good" / f"{n}.png", plain())
        write(tmp_path / "bad" / f"{n}.png", spoiled([(5, 5, 9, 9)]))
        write(tmp_path / "bad" / f"{n}_mask.png", mask_of([(5, 5, 9, 9)]))
    folders = ("--good", tmp_path / "good", "--bad", tmp_path / "bad", "--golden", tmp_path / "golden.png")
    report = json.loads(inspect("evaluate", *folders, "--model", model, "--json").stdout)
    assert (report["images"], report["good"], report["defective"]) == (4, 2, 2)
    # No change is marked in any of them.
    assert [report[name] for name in ("precision", "recall", "IoU", "F1")] == [None] * 4
    assert report["accuracy"] == 1.0


@pytest.mark.parametrize(
    "option", [("--align", "none"), ("--view", "whole"), ("--scale", "1"), ("--no-mirror",)]
)
def test_what_a_recipe_decides_is_refused_even_where_it_says_the_usual(
    dataset: Path, inspect: Inspect, model: Path, option: tuple[str, ...]
) -> None:
    inspect("recipe", "new", "plate", "--golden", dataset / "B" / "good_000.png", "--model", model)
    for command in (("evaluate", dataset), ("score", dataset / "A")):
        told = inspect(*command, "--recipe", "plate", *option, code=2).stderr
        assert f"leave {option[0]} out" in told


def test_the_grid_of_tiles_is_not_called_the_networks(dataset: Path, inspect: Inspect, model: Path) -> None:
    told = json.loads(inspect("evaluate", dataset, "--model", model, "--view", "tiles", "--json").stdout)
    assert "px of the tiles' grid" in told["judged_by"]
