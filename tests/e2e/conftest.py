"""The program as its user starts it: its own process, its own data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.onnx_models import difference_model
from tests.pictures import mask_of, plain, spoiled, write

Inspect = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that marks differences, at 64 x 64."""
    return difference_model(tmp_path_factory.mktemp("model") / "difference.onnx", side=64)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The data folder."""
    return tmp_path / "home"


def environment(home: Path) -> dict[str, str]:
    """A clean one: the data folder is set, no display."""
    kept = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "INSPECTOR_DATA")}
    return {**kept, "INSPECTOR_DATA": str(home), "QT_QPA_PLATFORM": "offscreen", "COLUMNS": "160"}


def command(*arguments: object) -> list[str]:
    """``inspector-app`` with these arguments."""
    return [sys.executable, "-m", "inspector_app", *map(str, arguments)]


@pytest.fixture
def inspect(home: Path) -> Inspect:
    """Run a command to its end; any exit code will do where ``code`` is None."""

    def run(*arguments: object, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command(*arguments),
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert code in (None, done.returncode), f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder in MVTec's layout with 3 good and 6 chipped parts, a golden, and annotations."""
    for i in range(9):
        box = (4 * i, 3 * i, 3 + i, 4)
        kind = "good" if i % 3 == 0 else "chip"
        write(tmp_path / "test" / kind / f"{i:03d}.png", plain() if kind == "good" else spoiled([box]))
        if kind == "chip":
            write(tmp_path / "ground_truth" / kind / f"{i:03d}_mask.png", mask_of([box]))
    write(tmp_path / "golden.png", plain())
    return tmp_path
