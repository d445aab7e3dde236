from __future__ import annotations

import json
from pathlib import Path

import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.engines.models import Model, load_model, sha256_of
from inspector_app.services.model_install import add_model
from inspector_app.services.model_library import check_interface, list_models, model_card, verify_model
from tests.onnx_models import difference_model


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    file = difference_model(tmp_path / "net.onnx", side=64)
    return add_model(file, None, {}, tmp_path / "models", replace=False).path.parent


def test_a_list_says_which_files_are_what_their_manifests_say(installed: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    good, bad = list_models({"net": installed, "zz": broken})
    assert (good.name, good.problem) == ("net", "")
    assert good.manifest is not None
    assert bad.manifest is None
    assert "cannot be read" in bad.problem
    (installed / "net.onnx").write_bytes(b"changed")
    (entry,) = list_models({"net": installed})
    assert "sha256 differs" in entry.problem
    assert entry.manifest is not None


def test_a_sound_model_passes_on_the_cpu_and_missing_engines_do_not_count(installed: Path) -> None:
    found = verify_model("net", installed)
    assert found.sound
    (cpu,) = [engine for engine in found.engines if engine.engine == "onnxruntime CPU"]
    assert cpu.difference == 0.0
    assert not any(engine.suspect for engine in found.engines)


def test_a_wrong_result_speaks_against_a_model_but_not_against_a_variant(installed: Path) -> None:
    add = json.loads((installed / "manifest.json").read_text())
    other = difference_model(installed / "net.onnx", side=64, signed=True)
    for optimised_from in (None, "0" * 64):
        changes = {"sha256": sha256_of(other), "optimised_from": optimised_from}
        (installed / "manifest.json").write_text(json.dumps({**add, **changes}))
        found = verify_model("net", installed)
        assert any(engine.suspect for engine in found.engines)
        assert not found.sound
        assert found.variant is (optimised_from is not None)


def test_what_cannot_be_loaded_is_told(installed: Path) -> None:
    (installed / "selfcheck.npz").write_bytes(b"PK")
    found = verify_model("net", installed)
    assert not found.sound
    assert "selfcheck.npz" in found.problem


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"output": "mask"}, "there is no mask"),
        ({"golden_input": "input9"}, "there is no input9"),
        ({"input": {"height": 96, "width": 64}}, r"input0 .* not float32 any x 3 x 96 x 64"),
        ({"batch": 3}, "not float32 3 x 3 x 64 x 64"),
    ],
)
def test_an_interface_that_does_not_fit_is_named(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    model = load_model(difference_model(tmp_path / "net.onnx", side=64, batch=2))
    content = {**model.manifest.model_dump(), "batch": None, **changes}
    if "batch" not in changes:
        content["batch"] = 2
    wrong = Model(type(model.manifest).model_validate(content), model.path)
    said = said.replace("any", "2")
    with pytest.raises(KeeperError, match=said) as caught:
        check_interface(wrong)
    assert caught.value.code == "model_interface"


def test_the_card_is_read_when_it_is_there(installed: Path) -> None:
    assert model_card(installed) == ""
    (installed / "MODEL_CARD.md").write_bytes(b"# caf\xc3\xa9 \xff")
    assert model_card(installed).startswith("# café")
