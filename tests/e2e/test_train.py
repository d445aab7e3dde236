"""What the commands of training say where something is missing."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Inspect

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="the training extra is not installed"
)


@pytest.fixture
def without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch is not installed, for the commands that are started."""
    folder = tmp_path / "no-torch"
    folder.mkdir()
    (folder / "torch.py").write_text('raise ModuleNotFoundError("No module named torch", name="torch")\n')
    paths = (str(folder), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


@needs_torch
def test_a_missing_data_set_or_list_is_named(inspect: Inspect, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    told = inspect("train", "part", "--data", gone, code=2).stderr
    assert f"There is no data set {gone}." in told
    (tmp_path / "last.ckpt").touch()
    export = ("export-model", tmp_path / "last.ckpt", tmp_path / "out", "--name", "part")
    assert f"There is no data set {gone}." in inspect(*export, "--data", gone, code=2).stderr
    (gone / "list").mkdir(parents=True)
    (gone / "list" / "train.txt").write_text("a.png\n")
    told = inspect(*export, "--data", gone, code=2).stderr
    assert f"There is no list {gone / 'list' / 'val.txt'}." in told
    assert "The lists there are: train." in told


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--data", "pairs", "--threshold", "0.7"), "--data chooses the limits; leave --threshold out"),
        (("--val-list", "val"), "--val-list: for --data"),
    ],
)
def test_limits_are_chosen_or_given(options: tuple[str, ...], sentence: str, inspect: Inspect) -> None:
    told = inspect("export-model", "last.ckpt", "out", "--name", "part", *options, code=2).stderr
    assert sentence in " ".join(told.split())


def test_a_missing_checkpoint_is_named(inspect: Inspect, tmp_path: Path) -> None:
    gone = tmp_path / "gone.ckpt"
    told = inspect("export-model", gone, tmp_path / "out", "--name", "part", code=2).stderr
    assert f"There is no checkpoint {gone}." in told


@pytest.mark.parametrize("command", ["train", "evaluate", "infer", "export-model"])
def test_a_specs_faults_are_told_before_pytorch_is_missed(
    command: str, without_torch: None, inspect: Inspect, tmp_path: Path
) -> None:
    assert "spec_missing" in inspect(command, "-e", tmp_path / "gone.yaml", code=2).stderr
    spec = tmp_path / "spec.yaml"
    spec.write_text("task: segment\ntrain:\n  num_epoch: 2\n")
    assert "num_epoch: unknown key" in inspect(command, "-e", spec, code=2).stderr


def test_pytorch_is_missed_where_the_spec_is_well(
    without_torch: None, inspect: Inspect, tmp_path: Path
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        f"task: segment\nresults_dir: {tmp_path}\ndataset:\n  segment:\n    root_dir: {tmp_path}\n"
    )
    told = inspect("train", "-e", spec, code=2).stderr
    assert "training_missing" in told
    assert "inspector-app[train]" in told
