from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import pytest

import inspector_app
from inspector_app.vision.decode import read_frame
from tests.e2e.conftest import Inspect
from tests.pictures import write


def test_a_recipe_from_new_to_score(inspect: Inspect, parts: Path, model: Path, tmp_path: Path) -> None:
    new = ("recipe", "new", "chips", "--golden", parts / "golden.png", "--model", model, "--author", "Ada")
    inspect(*new, "--note", "first")
    inspect(*new, "--min-area", 10_000, "--note", "blind")
    assert "chips" in inspect("recipe", "list").stdout
    shown = inspect("recipe", "show", "chips").stdout
    assert "min_area_px = 10000" in shown
    assert "revision 2" in shown
    assert "min_area_px = 1\n" in inspect("recipe", "show", "chips@1").stdout
    scoring = ("score", parts / "test", "--recursive", "--fail-on-defect", "--recipe")
    inspect(*scoring, "chips", code=0)
    inspect(*scoring, "chips@1", code=4)
    told = inspect("recipe", "history", "chips").stdout
    assert told.index("blind") < told.index("first")
    assert "10000 px" in told
    assert "chips@1" in inspect("runs").stdout
    inspect(*scoring, "chip", code=2)
    inspect(*scoring, "chips", "--threshold", 0.4, code=2)


def test_a_model_that_only_this_folder_holds_is_told(
    inspect: Inspect, parts: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = (str(Path(inspector_app.__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    shutil.copy(model, tmp_path / "my net.onnx")
    monkeypatch.chdir(tmp_path)
    new = ("recipe", "new", "chips", "--golden", parts / "golden.png", "--model")
    assert "only from this folder" not in inspect(*new, tmp_path / "my net.onnx").stderr
    assert "only from this folder" not in inspect(*new, "generic").stderr
    told = inspect(*new, "my net.onnx").stderr
    assert "found only from this folder" in told
    assert "models add 'my net.onnx', then: inspector-app recipe set-model chips 'my net'" in told

    inspect("--data-dir", tmp_path / "other", "models", "add", "my net.onnx", "--name", "net")
    shutil.copytree(tmp_path / "other" / "models", tmp_path / "models")
    told = inspect("recipe", "set-model", "chips", "net").stderr
    assert told.rstrip().endswith("For everywhere: inspector-app models add models/net")
    inspect("models", "add", "models/net")
    assert "model_in_use" in inspect("recipe", "set-model", "chips", "net", code=2).stderr
    inspect("recipe", "set-model", "chips", "generic")
    assert "only from this folder" not in inspect("recipe", "set-model", "chips", "net").stderr


def test_a_recipe_travels_in_one_file(inspect: Inspect, parts: Path, model: Path, tmp_path: Path) -> None:
    inspect("recipe", "new", "chips", "--golden", parts / "golden.png", "--model", model)
    for suffix in ("toml", "json"):
        file = tmp_path / f"chips.{suffix}"
        inspect("recipe", "export", "chips", file)
        station = tmp_path / f"station {suffix}"
        inspect("--data-dir", station, "recipe", "import", file)
        inspect("--data-dir", station, "score", parts / "test", "--recursive", "--recipe", "chips")
        inspect("score", parts / "test", "--recursive", "--recipe", "chips", "--data-dir", station)
        assert (station / "inspector.sqlite3").is_file()


def test_every_problem_of_a_bad_file_is_told_at_once(inspect: Inspect, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('name = ""\nmodle = "generic"\n[limits]\nthreshold = 2\nmin_area_px = 0\n')
    said = inspect("recipe", "import", bad, code=2).stderr
    for word in ("name", "modle", "threshold", "min_area_px", "goldens"):
        assert word in said


def test_a_recipe_with_tiles_and_several_goldens(
    inspect: Inspect, parts: Path, model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    pixels = read_frame(parts / "golden.png").pixels.copy()
    pixels[:4, :4] += 1
    write(other, pixels)
    goldens = ("--golden", parts / "golden.png", "--golden", other)
    inspect("recipe", "new", "both", *goldens, "--model", model, "--view", "both", "--goldens-used", 2)
    file = tmp_path / "both.toml"
    inspect("recipe", "export", "both", file)
    assert 'mode = "both"' in file.read_text()
    table = tmp_path / "images.csv"
    inspect("score", parts / "test", "--recursive", "--recipe", "both", "--csv", table)
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["view"] for row in rows} == {"both"}
    assert {len(row["goldens_used"].split("; ")) for row in rows} == {2}
    assert {row["verdict"] for row in rows} == {"PASS", "FAIL"}


def test_a_view_that_does_not_fit_is_refused(inspect: Inspect, parts: Path, model: Path) -> None:
    score = ("score", parts / "test", "--recursive", "--golden", parts / "golden.png", "--model", model)
    assert "whole" in inspect(*score, "--view", "pieces", code=2).stderr
    assert "--view tiles" in inspect(*score, "--scale", 0.5, code=2).stderr
    assert "scale" in inspect(*score, "--view", "tiles", "--scale", 9, code=2).stderr
    assert "tile" in inspect(*score, "--view", "tiles", "--tile", 77, code=2).stderr
    told = inspect(*score, "--align", "foo", code=2).stderr
    assert "This alignment does not fit: --align: must be" in told


def test_a_recipe_whose_tiles_its_model_cannot_take_is_refused(
    inspect: Inspect, parts: Path, model: Path, tmp_path: Path
) -> None:
    inspect("recipe", "new", "tiles", "--golden", parts / "golden.png", "--model", model, "--view", "tiles")
    file = tmp_path / "tiles.toml"
    inspect("recipe", "export", "tiles", file)
    for tile in (77, 96):
        said = file.read_text().replace('mode = "tiles"', f'mode = "tiles"\ntile = {tile}')
        bad = tmp_path / "bad.toml"
        bad.write_text(said)
        told = inspect("recipe", "import", bad, code=2).stderr
        assert "tile_size" in told
    assert "revision 1" in inspect("recipe", "show", "tiles").stdout
    # A tile's size says nothing where the image is shown whole.
    whole = tmp_path / "whole.toml"
    whole.write_text(
        said.replace('mode = "tiles"', 'mode = "whole"').replace('name = "tiles"', 'name = "whole"')
    )
    inspect("recipe", "import", whole)
    # Where the model is not at hand yet, it cannot be asked.
    bad.write_text(said.replace(str(model), "not-yet-here"))
    inspect("recipe", "import", bad)
    assert "tile_size" in inspect("recipe", "set-model", "tiles", model, code=2).stderr


def test_a_scale_that_is_none_is_refused_by_its_own_name(inspect: Inspect, parts: Path, model: Path) -> None:
    new = ("recipe", "new", "chips", "--golden", parts / "golden.png", "--model", model)
    assert "--mm-per-px" in inspect(*new, "--mm-per-px", -1, code=2).stderr
