"""Whose folder a training works in."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.report_file import write_report
from inspector_app.services.training_folder import belongs_to, check_free, claim, training_name
from inspector_app.services.training_plan import PLAN, TrainingPlan


def test_names_that_look_alike_get_folders_of_their_own(tmp_path: Path) -> None:
    recipes = ("Плата А", "Плата Б", "Board A", "board-a")
    names = []
    for recipe in recipes:
        name = training_name(tmp_path, recipe, names)
        claim(tmp_path / name, recipe)
        names.append(name)
    assert len(set(names)) == 4
    # Begun and not yet a model: the same one goes on.
    assert [training_name(tmp_path, recipe, ()) for recipe in recipes] == names
    # Become a model: the next number.
    assert training_name(tmp_path, "Board A", names) not in names


def test_a_training_by_name_keeps_its_folder(tmp_path: Path) -> None:
    (tmp_path / "bracket-1").mkdir()
    (tmp_path / "bracket-1" / "last.ckpt").write_bytes(b"mine")
    assert training_name(tmp_path, "bracket", ()) == "bracket-2"


def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    check_free(tmp_path / "new", "plate")
    (tmp_path / "pairs").mkdir()
    with pytest.raises(KeeperError, match="not of a training of the recipe") as caught:
        check_free(tmp_path, "plate")
    assert caught.value.code == "training_folder_taken"
    claim(tmp_path, "plate")
    check_free(tmp_path, "plate")
    with pytest.raises(KeeperError):
        check_free(tmp_path, "Plate")


def test_a_plan_says_whose_it_is_too(tmp_path: Path) -> None:
    write_report(tmp_path / PLAN, TrainingPlan(recipe="plate", revision=1, trained=(), held_out=()))
    assert belongs_to(tmp_path, "plate")
    assert not belongs_to(tmp_path, "other")
