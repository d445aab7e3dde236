"""Halfway between two networks: each of its weights, and nothing of either lost when they are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="needs PyTorch (the extra `train`)")

from inspector_app.changenet.averaging import halfway  # noqa: E402
from inspector_app.changenet.export import write_onnx  # noqa: E402
from inspector_app.changenet.fold import fold_batch_norm  # noqa: E402
from inspector_app.changenet.from_onnx import load_onnx  # noqa: E402
from inspector_app.changenet.lite import ChangeNetLite  # noqa: E402
from inspector_app.cli.app import app  # noqa: E402


def _network(seed: int) -> ChangeNetLite:
    torch.manual_seed(seed)
    network = ChangeNetLite().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return network


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[ChangeNetLite, Path, Path]:
    """A network, its file, and the file of another."""
    folder = tmp_path_factory.mktemp("networks")
    first = _network(1)
    write_onnx(first, folder / "a.onnx")
    write_onnx(_network(2), folder / "b.onnx")
    return first, folder / "a.onnx", folder / "b.onnx"


def _weights(file: Path) -> dict[str, torch.Tensor]:
    return fold_batch_norm(load_onnx(file)).state_dict()


def _assert_halfway(mean: dict[str, torch.Tensor], own: Path, other: Path) -> None:
    a, b = _weights(own), _weights(other)
    for name, value in mean.items():
        if not name.startswith("auxiliary"):
            np.testing.assert_allclose(value, (a[name] + b[name]) / 2, atol=1e-6)


def test_halfway_between_a_network_and_itself_computes_the_same(
    exported: tuple[ChangeNetLite, Path, Path],
) -> None:
    network, own, _ = exported
    test, golden = torch.rand(2, 1, 3, 64, 96) * 2 - 1
    with torch.inference_mode():
        assert torch.allclose(halfway(network, own)(test, golden), network(test, golden), atol=1e-3)


def test_every_weight_lies_halfway_and_the_two_are_left_as_they_were(
    exported: tuple[ChangeNetLite, Path, Path],
) -> None:
    first, own, other = exported
    kept = {name: value.clone() for name, value in first.state_dict().items()}
    mean = halfway(first, other).state_dict()
    _assert_halfway(mean, own, other)
    assert all(torch.equal(value, kept[name]) for name, value in first.state_dict().items())


def _export(network: ChangeNetLite, folder: Path, origin: Path) -> tuple[int, str]:
    """Exit code and output of the command, for a checkpoint of ``network``."""
    state = {f"averaged.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state}, folder / "last.ckpt")
    words = ["export-model", folder / "last.ckpt", folder / "out", "--name", "mean", "--size", "64"]
    told = CliRunner().invoke(app, [*map(str, words), "--average-with", str(origin)], env={"COLUMNS": "200"})
    return told.exit_code, told.output


def test_the_command_exports_what_lies_halfway(
    exported: tuple[ChangeNetLite, Path, Path], tmp_path: Path
) -> None:
    first, own, other = exported
    code, told = _export(first, tmp_path, other)
    assert code == 0, told
    made = next((tmp_path / "out").rglob("*.onnx"))
    _assert_halfway(_weights(made), own, other)


def test_the_command_names_what_it_cannot_average_with(
    exported: tuple[ChangeNetLite, Path, Path], tmp_path: Path
) -> None:
    code, told = _export(exported[0], tmp_path, tmp_path / "gone.onnx")
    assert code == 2
    assert "gone.onnx" in told
    assert not list(tmp_path.rglob("*.onnx"))
