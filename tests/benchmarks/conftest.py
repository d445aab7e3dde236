from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.pictures import Parts, write_parts
from tests.onnx_models import difference_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that marks differences, at 64 x 64."""
    return difference_model(tmp_path_factory.mktemp("model") / "difference.onnx", side=64)


@pytest.fixture(scope="session")
def tiny_parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Six rendered images of 64 x 64 and their golden."""
    return write_parts(tmp_path_factory.mktemp("parts") / "all", 6, 64)
