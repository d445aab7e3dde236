from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Inspect


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
    inspect(*scoring, "chip", code=2)
    inspect(*scoring, "chips", "--threshold", 0.4, code=2)


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
