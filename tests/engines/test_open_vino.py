from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.open_vino import OpenVinoEngine, load_openvino
from tests.engines.test_golden_split import SIDE, manifest_of, siamese

try:
    load_openvino()
except KeeperError as missing:
    pytest.skip(f"{missing}", allow_module_level=True)


@pytest.mark.parametrize("batch", [None, 2])
def test_it_gives_what_onnxruntime_gives(tmp_path: Path, batch: int | None) -> None:
    model = load_model(siamese(tmp_path / "net.onnx", batch))
    here, there = OpenVinoEngine(model, threads=1), OnnxRuntimeEngine(model, threads=1)
    assert (here.info.label, here.info.golden_note) == ("OpenVINO CPU", "")
    rng = np.random.default_rng(0)
    tests = rng.uniform(-1, 1, (3, 3, SIDE, SIDE)).astype(np.float32)
    golden = rng.uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
    first = here.compare(here.encode_golden(golden), tests)
    kept = first.copy()
    here.compare(here.encode_golden(golden), -tests)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_allclose(first, there.compare(there.encode_golden(golden), tests), atol=1e-5)


def test_a_damaged_file_is_a_plain_sentence(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(KeeperError) as caught:
        OpenVinoEngine(Model(manifest_of(path), path))
    assert caught.value.code == "model_damaged"


def test_it_talks_to_nobody() -> None:
    assert sys.modules["openvino_telemetry"] is None
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]
