"""The benchmark of a training step, at a small size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from benchmarks import training_step  # noqa: E402
from inspector_app.changenet.depthwise import depthwise  # noqa: E402


def test_both_kinds_of_step_are_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    report = tmp_path / "report.json"
    try:
        training_step.main(["--sizes", "64", "--rounds", "2", "--json", str(report)])
    finally:
        torch.set_num_threads(threads)
    (told,) = json.loads(report.read_text())["steps"]
    assert told["size"] == 64
    assert min(told["step_ms"], told["reference_ms"], told["ratio"]) > 0
    assert "64" in capsys.readouterr().out


@pytest.mark.parametrize(("kernel", "stride"), [(5, 1), (5, 2), (3, 2)])
def test_the_reference_filters_the_same(kernel: int, stride: int) -> None:
    x, weight, bias = torch.randn(2, 6, 8, 8), torch.randn(6, 1, kernel, kernel), torch.randn(6)
    torch.testing.assert_close(
        training_step._as_pytorch(x, weight, bias, stride), depthwise(x, weight, bias, stride)
    )
