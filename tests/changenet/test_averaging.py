"""Halfway between two networks, and the mean of several: every weight, and BatchNorm that fits it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="needs PyTorch (the extra `train`)")

from inspector_app.changenet.averaging import halfway, mean_of_runs  # noqa: E402
from inspector_app.changenet.config import TrainConfig  # noqa: E402
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


def _batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    made = torch.Generator().manual_seed(3)
    return [
        (torch.rand(2, 3, 64, 64, generator=made), torch.rand(1, 3, 64, 64, generator=made))
        for _ in range(count)
    ]


def test_the_mean_of_runs_is_the_mean_of_every_weight_with_batch_norm_anew() -> None:
    networks = [_network(seed) for seed in (1, 2, 3)]
    kept = [{name: value.clone() for name, value in network.state_dict().items()} for network in networks]
    batches = _batches(3)
    mean = mean_of_runs(networks, batches)
    assert not mean.training
    for name, value in mean.state_dict().items():
        taken_anew = "running_" in name and not name.startswith("encoder.")
        if value.is_floating_point():
            plain = torch.stack([state[name] for state in kept]).mean(dim=0)
            assert torch.allclose(value, plain, atol=1e-6) != taken_anew, name
    for network, state in zip(networks, kept, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    # The first norm of the decoder: the mean over the batches of what its convolution gives for golden and test.
    project = mean.project[0]
    with torch.inference_mode():
        seen = [project[0](mean.encoder(torch.cat((golden, test)))[0]) for test, golden in batches]
    expected = torch.stack([values.mean(dim=(0, 2, 3)) for values in seen]).mean(dim=0)
    assert torch.allclose(project[1].running_mean, expected, atol=1e-5)


def test_the_mean_of_a_network_with_itself_computes_what_its_own_batch_norm_gives() -> None:
    network, batches = _network(4), _batches(2)
    alone, twice = mean_of_runs([network], batches), mean_of_runs([network, network], batches)
    test, golden = _batches(1)[0]
    with torch.inference_mode():
        assert torch.allclose(alone(test[:1], golden), twice(test[:1], golden), atol=1e-4)


def _checkpoint(network: ChangeNetLite, file: Path, pairs: Path | None = None) -> Path:
    """A checkpoint of ``network``, with the settings of a training on ``pairs``."""
    saved: dict[str, object] = {
        "state_dict": {f"averaged.{name}": value for name, value in network.state_dict().items()}
    }
    if pairs is not None:
        settings = TrainConfig(name="part", data=pairs, size=64, cache_size=64, batch=2)
        saved["train_config"] = settings.model_dump(mode="json")
    torch.save(saved, file)
    return file


def _export(
    network: ChangeNetLite, folder: Path, *origins: Path, pairs: Path | None = None
) -> tuple[int, str]:
    """Exit code and output of the command, for a checkpoint of ``network``."""
    checkpoint = _checkpoint(network, folder / "last.ckpt", pairs)
    words = ["export-model", checkpoint, folder / "out", "--name", "mean", "--size", "64"]
    for origin in origins:
        words += ["--average-with", origin]
    told = CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": "200"})
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


def test_the_command_exports_the_mean_of_checkpoints(pair_folder: Path, tmp_path: Path) -> None:
    networks = [_network(seed) for seed in (5, 6)]
    for network in networks:
        # An untrained network's logits are so large that their last digit fails the parity check.
        network.head.weight.data.mul_(0.01)
    before = _checkpoint(networks[1], tmp_path / "before.ckpt")
    code, told = _export(networks[0], tmp_path, before, pairs=pair_folder)
    assert code == 0, told
    made = load_onnx(next((tmp_path / "out").rglob("*.onnx")))
    head = (networks[0].head.weight + networks[1].head.weight) / 2
    np.testing.assert_allclose(made.head.weight.detach(), head.detach(), atol=1e-6)


def test_the_command_names_checkpoints_that_it_cannot_average(
    exported: tuple[ChangeNetLite, Path, Path], pair_folder: Path, tmp_path: Path
) -> None:
    first, own, _ = exported
    before = _checkpoint(_network(6), tmp_path / "before.ckpt")
    mixed = _export(first, tmp_path, before, own, pairs=pair_folder)
    unsaid = _export(first, tmp_path, before)
    foreign = tmp_path / "foreign.ckpt"
    foreign.write_bytes(b"no checkpoint")
    other = _export(first, tmp_path, foreign, pairs=pair_folder)
    assert [code for code, _ in (mixed, unsaid, other)] == [2, 2, 2]
    assert "checkpoints alone" in mixed[1]
    assert "last.ckpt" in unsaid[1]
    assert "foreign.ckpt" in other[1]
    assert not list((tmp_path / "out").rglob("*.onnx"))
