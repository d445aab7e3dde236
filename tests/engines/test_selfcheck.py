from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.self_check import write_self_check
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.registry import EngineChoice, open_engine, self_check
from inspector_app.engines.selfcheck import read_self_check, run_self_check
from tests.fakes import DifferenceEngine
from tests.onnx_models import difference_model


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return load_model(difference_model(tmp_path / "net.onnx", side=64))


def test_what_an_engine_said_is_stored_and_holds_it_to_that(model: Model) -> None:
    assert read_self_check(model) is None
    engine = open_engine(model, EngineChoice.CPU)
    check = run_self_check(engine)
    assert check.test.shape == check.golden.shape == (1, 3, 64, 64)
    assert check.probability.max() > 0.9 > 0.1 > check.probability.min()
    write_self_check(model.selfcheck, check)
    stored = read_self_check(model)
    assert stored is not None
    assert np.array_equal(stored.probability, check.probability)
    assert self_check(engine, model) == 0.0
    engine.close()


def test_a_map_of_another_size_is_refused() -> None:
    class Small(DifferenceEngine):
        def compare(self, features: object, tests: np.ndarray) -> np.ndarray:
            return super().compare(features, tests)[:, ::2]

    with pytest.raises(KeeperError) as caught:
        run_self_check(Small())
    assert caught.value.code == "engine_output"


def lying_array() -> bytes:
    """A header that asks for four terabytes."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f4", "fortran_order": False, "shape": (1, 10**12)}
    )
    return stream.getvalue()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken"])
def test_a_damaged_file_is_a_sentence(model: Model, content: bytes) -> None:
    model.selfcheck.write_bytes(content)
    with pytest.raises(KeeperError) as caught:
        read_self_check(model)
    assert caught.value.code == "self_check_failed"


@pytest.mark.parametrize("names", [("test",), ("test", "golden", "probability")])
def test_a_file_that_lies_about_its_size_takes_no_memory(model: Model, names: tuple[str, ...]) -> None:
    with zipfile.ZipFile(model.selfcheck, "w") as archive:
        for name in names:
            archive.writestr(f"{name}.npy", lying_array())
    with pytest.raises(KeeperError, match="cut off") as caught:
        read_self_check(model)
    assert caught.value.code == "self_check_failed"


def test_pickled_objects_are_not_read(model: Model) -> None:
    with model.selfcheck.open("wb") as file:
        np.savez(
            file,
            allow_pickle=True,
            **{n: np.array([{}], dtype=object) for n in ("test", "golden", "probability")},
        )
    with pytest.raises(KeeperError) as caught:
        read_self_check(model)
    assert caught.value.code == "self_check_failed"
