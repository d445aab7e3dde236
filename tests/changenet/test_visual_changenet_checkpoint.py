"""TAO's checkpoints: loaded by name, refused with the names of what is wrong, never executed."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from published_values import fill

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from inspector_app.changenet import visual_changenet  # noqa: E402
from inspector_app.changenet.tao.checkpoint import CheckpointError, load_tao_checkpoint  # noqa: E402

State = dict[str, Any]


@pytest.fixture(scope="module")
def state() -> State:
    network = fill(visual_changenet("fan_tiny_8_p4_hybrid"))
    return {f"model.{name}": value for name, value in network.state_dict().items()}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def refusal(path: Path) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        load_tao_checkpoint(path)
    return caught.value


def test_a_checkpoint_gives_its_network_back(tmp_path: Path, state: State) -> None:
    path = saved(tmp_path / "tao.pth", {"epoch": 3, "state_dict": state, "optimizer_states": [{"lr": 1e-4}]})
    network = load_tao_checkpoint(path)
    assert not network.training
    assert len(network.backbone.blocks) == 8
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[f"model.{name}"]), name


def test_classes_and_decoder_width_are_read_off_the_weights(tmp_path: Path) -> None:
    network = visual_changenet("fan_tiny_8_p4_hybrid", classes=4)
    loaded = load_tao_checkpoint(saved(tmp_path / "bare.pth", network.state_dict()))
    assert loaded.decoder.change_probability.conv2d.out_channels == 4


def test_every_kind_of_wrong_entry_is_named(tmp_path: Path, state: State) -> None:
    wrong = copy.copy(state)
    del wrong["model.decoder.linear_fuse.0.bias"]
    wrong["model.learnable_downsample.weight"] = torch.zeros(3)
    wrong["model.decoder.diff_c1.0.bias"] = torch.zeros(5)
    error = refusal(saved(tmp_path / "wrong.pth", {"state_dict": wrong}))
    assert error.code == "checkpoint_mismatch"
    assert "1 missing: decoder.linear_fuse.0.bias" in error.message
    assert "1 unexpected: learnable_downsample.weight" in error.message
    assert "decoder.diff_c1.0.bias (5 instead of 256)" in error.message


def test_a_backbone_alone_is_told_from_a_network(tmp_path: Path, state: State) -> None:
    alone = {name: value for name, value in state.items() if ".backbone." in name}
    error = refusal(saved(tmp_path / "backbone.pth", {"state_dict": alone}))
    assert error.code == "checkpoint_mismatch"
    assert "more" in error.message


class Trap:
    """Makes a directory when a pickle that holds it is trusted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_pickled_code_is_refused_and_not_run(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    error = refusal(saved(tmp_path / "trap.pth", {"state_dict": {}, "hyper_parameters": Trap(sprung)}))
    assert error.code == "checkpoint_unsafe"
    assert "mkdir" in error.message
    assert "state_dict" in error.hint
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"state_dict": b"encrypted"}, "checkpoint_unknown"),
        ([1, 2], "checkpoint_unknown"),
        ({"state_dict": {}}, "checkpoint_unknown"),
        ({"state_dict": {"model.backbone.cls_token": torch.zeros(1, 1, 192)}}, "checkpoint_unknown"),
    ],
)
def test_another_content_is_refused(tmp_path: Path, content: object, code: str) -> None:
    assert refusal(saved(tmp_path / "other.pth", content)).code == code


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off", bytes(range(256)) * 40])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.pth"
    path.write_bytes(content)
    assert refusal(path).code in ("checkpoint_unreadable", "checkpoint_unsafe")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.pth").code == "checkpoint_missing"
    assert refusal(tmp_path).code == "checkpoint_unreadable"
