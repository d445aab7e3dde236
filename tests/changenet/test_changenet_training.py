"""A training of a few steps: checkpoint, resume, progress, and what goes wrong in words."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("lightning", reason="the training extra is not installed")

from pydantic import ValidationError  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from inspector_app.changenet.callbacks import TrainProgress  # noqa: E402
from inspector_app.changenet.config import TrainConfig  # noqa: E402
from inspector_app.changenet.export import load_checkpoint  # noqa: E402
from inspector_app.changenet.module import ForeignCheckpointError  # noqa: E402
from inspector_app.changenet.pair_folder import PairFolderError  # noqa: E402
from inspector_app.changenet.resuming import NothingToResumeError, check_resumable  # noqa: E402
from inspector_app.changenet.sources import build_source  # noqa: E402
from inspector_app.changenet.train import run_training  # noqa: E402
from inspector_app.cli import train as train_command  # noqa: E402
from inspector_app.cli.app import app  # noqa: E402
from inspector_app.core.errors import KeeperError  # noqa: E402


def config(data: Path, out: Path, **changes: object) -> TrainConfig:
    values: dict[str, object] = {
        "name": "tiny",
        "data": data,
        "out_dir": out,
        "size": 64,
        "warm_size": 64,
        "cache_size": 96,
        "steps": 2,
        "epoch_steps": 1,
        "batch": 2,
        "pretrained": False,
        "precision": "fp32",
        "threads": 1,
    }
    return TrainConfig.model_validate(values | changes)


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(pair_folder: Path, tmp_path: Path) -> None:
    heard: list[TrainProgress] = []
    whole = run_training(config(pair_folder, tmp_path / "whole"), heard.append)
    assert whole.steps == 2
    assert whole.pairs == 4
    assert heard[-1].step == heard[-1].steps == 2
    assert heard[-1].pairs_per_s > 0

    run_training(config(pair_folder, tmp_path / "parts", steps=1))
    resumed = run_training(config(pair_folder, tmp_path / "parts", resume=True))
    assert resumed.steps == 2
    assert resumed.pairs == 2
    saved = torch.load(resumed.checkpoint, weights_only=True)
    assert saved["train_config"]["name"] == "tiny"

    expected = load_checkpoint(whole.checkpoint).state_dict()
    got = load_checkpoint(resumed.checkpoint).state_dict()
    moved = [name for name in expected if not torch.allclose(expected[name], got[name], atol=2e-3)]
    assert moved == []
    assert not list((tmp_path / "parts").glob("*.tmp"))


def test_a_training_takes_as_many_steps_as_it_was_told(pair_folder: Path, tmp_path: Path) -> None:
    heard: list[TrainProgress] = []
    stretches = config(pair_folder, tmp_path, steps=3, epoch_steps=2)
    assert run_training(stretches, heard.append).steps == 3
    assert heard[-1].step == heard[-1].steps == 3
    longer = run_training(stretches.model_copy(update={"steps": 6, "resume": True}))
    assert (longer.steps, longer.pairs) == (6, 6)
    again = run_training(stretches.model_copy(update={"steps": 6, "resume": True}))
    assert (again.steps, again.pairs) == (6, 0)


def test_generic_pairs_train_through_the_same_loop(pair_folder: Path, tmp_path: Path) -> None:
    result = run_training(config(pair_folder, tmp_path / "out", mode="generic", steps=1))
    assert result.checkpoint.is_file()


def test_a_training_can_start_from_the_weights_of_another(pair_folder: Path, tmp_path: Path) -> None:
    first = run_training(config(pair_folder, tmp_path / "first", steps=1))
    tuned = config(
        pair_folder, tmp_path / "tuned", steps=1, start_from=first.checkpoint, lr=1e-9, encoder_lr=1e-9
    )
    second = run_training(tuned)
    before = load_checkpoint(first.checkpoint).head.weight
    assert torch.allclose(before, load_checkpoint(second.checkpoint).head.weight, atol=1e-6)


def test_the_commands_learning_rate_is_the_decoders_and_a_quarter_of_it_the_encoders(
    pair_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TrainConfig] = []
    monkeypatch.setattr(train_command, "_run", asked.append)

    def rates(*options: str) -> tuple[float, float]:
        words = ["train", "tiny", "--data", str(pair_folder), "--data-dir", str(tmp_path), *options]
        told = CliRunner().invoke(app, words)
        assert told.exit_code == 0, told.output
        return asked[-1].lr, asked[-1].encoder_lr

    assert rates() == (2e-3, 5e-4)
    assert rates("--lr", "0.0004") == (4e-4, 1e-4)
    refused = CliRunner().invoke(app, ["train", "tiny", "--data", str(pair_folder), "--lr", "0"])
    assert refused.exit_code == 2
    assert "lr" in refused.output


def test_the_command_says_what_a_missed_pixel_counts(
    pair_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TrainConfig] = []
    monkeypatch.setattr(train_command, "_run", asked.append)
    words = ["train", "tiny", "--data", str(pair_folder), "--data-dir", str(tmp_path)]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert CliRunner().invoke(app, [*words, "--missed-weight", "0.5"]).exit_code == 0
    assert [config.missed_weight for config in asked] == [0.7, 0.5]
    assert CliRunner().invoke(app, [*words, "--missed-weight", "1.5"]).exit_code == 2


def test_only_the_named_list_is_trained_on(pair_folder: Path, tmp_path: Path) -> None:
    for name in (pair_folder / "list" / "train.txt").read_text(encoding="utf-8").split("\n")[:3]:
        (pair_folder / "A" / name).unlink()
    held = build_source(config(pair_folder, tmp_path / "out", mode="generic", train_list="val"))
    assert {held.pair(index, 64).mask.any() for index in range(3)} == {False, True}
    with pytest.raises(PairFolderError, match="pair 0"):
        build_source(config(pair_folder, tmp_path / "out", mode="generic"))
    with pytest.raises(KeeperError, match=r"fold9_train\.txt"):
        build_source(config(pair_folder, tmp_path / "out", train_list="fold9_train"))


def test_resuming_nothing_is_told(pair_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingToResumeError, match="no checkpoint"):
        run_training(config(pair_folder, tmp_path / "none", resume=True))


def test_a_training_of_one_object_needs_its_pairs() -> None:
    with pytest.raises(ValidationError, match="needs data"):
        TrainConfig(name="no-data")


@pytest.mark.parametrize(("batch", "share"), [(8, 4), (6, 3), (2, 2), (5, 1)])
def test_a_golden_is_shared_as_far_as_the_batch_allows(pair_folder: Path, batch: int, share: int) -> None:
    assert TrainConfig(name="a", data=pair_folder, batch=batch).tests_a_golden == share
    assert TrainConfig(name="a", mode="generic", batch=batch).tests_a_golden == 1


def test_checkpoints_go_to_the_data_folder_by_default(pair_folder: Path) -> None:
    folder = TrainConfig(name="somewhere", data=pair_folder).folder
    assert folder.parts[-2:] == ("training", "somewhere")
    assert "inspector-app" in folder.parts


def test_what_is_no_checkpoint_is_told_in_a_sentence(pair_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "out" / "last.ckpt"
    broken.parent.mkdir()
    broken.write_text("no checkpoint")
    with pytest.raises(NothingToResumeError, match="cannot be read"):
        run_training(config(pair_folder, broken.parent, resume=True))
    weights = tmp_path / "weights.ckpt"
    torch.save({"state_dict": {}}, weights)
    with pytest.raises(NothingToResumeError, match="no training that could go on"):
        check_resumable(weights)
    for path in (broken, weights):
        with pytest.raises(ForeignCheckpointError, match="changenet-lite"):
            load_checkpoint(path)
