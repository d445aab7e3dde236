"""A recipe's training that is stopped, and goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from inspector_app.cli import train_recipe
from inspector_app.cli.app import app
from tests.pictures import plain, write

torch = pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("lightning", reason="the training extra is not installed")
filelock = pytest.importorskip("filelock", reason="the training extra is not installed")
tqdm = pytest.importorskip("tqdm", reason="the training extra is not installed")


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A data folder with the recipe "plate" and ten records of good plates."""
    rng = np.random.default_rng(0)
    for number in range(10):
        pixels = plain().astype(int) + rng.integers(-2, 3, (64, 64, 3))
        write(tmp_path / "good" / f"{number}.png", np.clip(pixels, 0, 255).astype(np.uint8))
    home = tmp_path / "home"
    run(
        home,
        "recipe",
        "new",
        "plate",
        "--golden",
        write(tmp_path / "golden.png", plain()),
        "--model",
        "generic",
    )
    run(home, "score", tmp_path / "good", "--recipe", "plate", "--engine", "cpu")
    return home


@pytest.fixture(autouse=True)
def settings_of_the_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give back the number of threads; and PyTorch's exporter may draw a bar, whose thread nobody ends."""
    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def run(home: Path, *arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["--data-dir", str(home), *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_a_training_that_was_stopped_goes_on_as_it_was_begun(
    station: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    tiny = ("--steps", 2, "--batch", 2, "--size", 64, "--threads", 1)
    with monkeypatch.context() as patched:
        patched.setattr(train_recipe, "_report", stop)
        assert "--resume" in run(station, "train", "--recipe", "plate", *tiny, code=130).output
    folder = station / "training" / "plate-1"
    trained = (folder / "last.ckpt").read_bytes()
    assert not (station / "models").exists()
    said = run(station, "train", "--recipe", "plate", "--resume").output
    assert "defects it was shown are all synthetic" in said
    assert "Held out: 3 good, 0 defective" in said
    assert "escapes" in said
    assert "none to count" in said
    assert (station / "models" / "plate-1" / "training.json").is_file()
    assert (folder / "last.ckpt").read_bytes() == trained
    assert not (folder / "held_out").exists()
    shown = run(station, "models", "show", "plate-1").output
    assert "Trained from generic on 7 good and 0 defective pictures of plate@1, 2 steps" in " ".join(
        shown.split()
    )
    facts = json.loads(run(station, "models", "show", "plate-1", "--json").output)
    assert facts["training"]["model"]["name"] == "plate-1"


def test_a_second_training_in_the_same_folder_is_refused(station: Path) -> None:
    folder = station / "training" / "plate-1"
    folder.mkdir(parents=True)
    with filelock.FileLock(folder / ".lock"):
        said = run(station, "train", "--recipe", "plate", code=2).output
    assert "Another training is under way" in said
    assert "--out-dir" in said
    assert not (folder / "plan.json").exists()


def test_nothing_is_adopted_that_nothing_examined(station: Path) -> None:
    said = run(station, "train", "--recipe", "plate", "--steps", 2, "--size", 64, "--adopt", code=2).output
    assert "No defective unit is held out" in said
    assert "--adopt" in said
    assert not (station / "models").exists()


def test_options_that_do_not_fit_are_told_before_pictures_are_read(station: Path) -> None:
    said = run(station, "train", "--recipe", "plate", "--size", 300, code=2).output
    assert "do not fit" in said
    assert not (station / "training" / "plate-1" / "plan.json").exists()


def test_a_folder_of_other_files_is_left_alone(station: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "pairs").mkdir(parents=True)
    (mine / "pairs" / "kept.txt").write_text("kept")
    said = run(station, "train", "--recipe", "plate", "--out-dir", mine, code=2).output
    assert "not of a training of the recipe" in " ".join(said.split())
    assert (mine / "pairs" / "kept.txt").read_text() == "kept"
    assert "belong to --recipe" in run(station, "train", "plate", "--adopt", code=2).output
