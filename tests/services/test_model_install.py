from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.engines.models import available_models, load_model, sha256_of
from inspector_app.engines.selfcheck import read_self_check
from inspector_app.services.model_install import add_model, staged
from tests.onnx_models import difference_model


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "data" / "models"


def folder_with(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True)
    file = difference_model(folder / "net.onnx", side=64)
    size = {"height": 64, "width": 64}
    content = {"name": "net", "file": "net.onnx", "sha256": sha256_of(file), "input": size, **changes}
    (folder / "manifest.json").write_text(json.dumps(content))
    (folder / "MODEL_CARD.md").write_text("# What it is")
    (folder / "notes.txt").write_text("not the model's")
    return folder


def names(own: Path) -> list[str]:
    return sorted(path.name for path in own.iterdir())


def test_a_tao_export_gets_a_manifest_and_a_self_check(tmp_path: Path, own: Path) -> None:
    file = difference_model(tmp_path / "export.onnx", side=64, batch=2)
    model = add_model(file, None, {}, own, replace=False)
    assert model.path == own / "export" / "export.onnx"
    assert (model.manifest.batch, model.manifest.input.height) == (2, 64)
    assert model.manifest.sha256 == sha256_of(file)
    stored = read_self_check(model)
    assert stored is not None
    assert stored.probability.shape == (1, 64, 64)
    assert names(own) == ["export"]
    assert load_model(own / "export").manifest == model.manifest


def test_a_folder_is_copied_with_what_belongs_to_it(tmp_path: Path, own: Path) -> None:
    add_model(folder_with(tmp_path / "net"), "other", {}, own, replace=False)
    assert sorted(path.name for path in (own / "other").iterdir()) == [
        "MODEL_CARD.md",
        "manifest.json",
        "net.onnx",
        "selfcheck.npz",
    ]


def test_a_model_is_replaced_only_when_that_is_asked_for(tmp_path: Path, own: Path) -> None:
    first = folder_with(tmp_path / "a" / "net")
    second = folder_with(tmp_path / "b" / "net", version="2")
    add_model(first, None, {}, own, replace=False)
    with pytest.raises(KeeperError, match="already") as caught:
        add_model(second, None, available_models([own]), own, replace=False)
    assert caught.value.code == "model_exists"
    assert load_model(own / "net").manifest.version == "1"
    add_model(second, None, available_models([own]), own, replace=True)
    assert load_model(own / "net").manifest.version == "2"
    assert names(own) == ["net"]


def test_a_name_that_another_folder_holds_is_refused(tmp_path: Path, own: Path) -> None:
    shipped = folder_with(tmp_path / "shipped" / "net")
    with pytest.raises(KeeperError, match="hide") as caught:
        add_model(folder_with(tmp_path / "net"), None, {"net": shipped}, own, replace=True)
    assert caught.value.code == "model_exists"


@pytest.mark.parametrize("name", ["../out", "a/b", ".hidden", "", "x" * 81, "a\0b", "dot.", "ä"])
def test_a_name_is_a_folders_name(tmp_path: Path, own: Path, name: str) -> None:
    file = difference_model(tmp_path / "bad name.onnx", side=64)
    with pytest.raises(KeeperError) as caught:
        add_model(file, name or None, {}, own, replace=False)
    assert caught.value.code == "model_name"


def test_a_model_that_does_not_do_what_it_stores_leaves_nothing(tmp_path: Path, own: Path) -> None:
    folder = folder_with(tmp_path / "net")
    pair = np.zeros((1, 3, 64, 64), np.float32)
    np.savez(folder / "selfcheck.npz", test=pair, golden=pair, probability=np.ones((1, 64, 64)))
    with pytest.raises(KeeperError) as caught:
        add_model(folder, None, {}, own, replace=False)
    assert caught.value.code == "self_check_failed"
    assert names(own) == []


def test_a_changed_file_leaves_nothing(tmp_path: Path, own: Path) -> None:
    folder = folder_with(tmp_path / "net", sha256="0" * 64)
    with pytest.raises(KeeperError) as caught:
        add_model(folder, None, {}, own, replace=False)
    assert caught.value.code == "model_changed"
    assert names(own) == []


def test_a_graph_that_gives_another_size_is_refused(tmp_path: Path, own: Path) -> None:
    folder = folder_with(tmp_path / "net")
    model = onnx.load(folder / "net.onnx")
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    conv.attribute.append(onnx.helper.make_attribute("strides", [2, 2]))
    for output in model.graph.output:
        for axis in output.type.tensor_type.shape.dim[2:]:
            axis.dim_value = 32
    onnx.save(model, folder / "net.onnx")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"] = sha256_of(folder / "net.onnx")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(KeeperError) as caught:
        add_model(folder, None, {}, own, replace=False)
    assert caught.value.code == "engine_output"


def test_a_card_that_is_a_link_out_of_its_folder_is_refused(tmp_path: Path, own: Path) -> None:
    folder = folder_with(tmp_path / "net")
    (tmp_path / "secret").write_text("secret")
    (folder / "MODEL_CARD.md").unlink()
    (folder / "MODEL_CARD.md").symlink_to(tmp_path / "secret")
    with pytest.raises(KeeperError, match="outside") as caught:
        add_model(folder, None, {}, own, replace=False)
    assert caught.value.code == "manifest_invalid"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_model(tmp_path: Path, own: Path) -> None:
    os.mkfifo(tmp_path / "net.onnx")
    with pytest.raises(KeeperError) as caught:
        add_model(tmp_path / "net.onnx", None, {}, own, replace=False)
    assert caught.value.code == "model_missing"


def test_a_failed_move_puts_the_old_model_back(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(folder_with(tmp_path / "net"), None, {}, own, replace=False)
    real = os.rename

    def rename(source: Path, target: Path) -> None:
        if Path(source).suffix == ".new":
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(KeeperError) as caught, staged(own, "net", replace=True) as staging:
        (staging / "half").write_text("made")
    assert caught.value.code == "disk_full"
    assert names(own) == ["net"]
    assert load_model(own / "net").manifest.name == "net"


def test_a_model_bears_the_name_that_it_was_given(tmp_path: Path, own: Path) -> None:
    """Records and tables name it by its manifest."""
    for path in (folder_with(tmp_path / "net"), difference_model(tmp_path / "export.onnx", side=64)):
        model = add_model(path, f"plate-{path.stem}", {}, own, replace=False)
        assert model.manifest.name == model.path.parent.name == f"plate-{path.stem}"


def test_a_file_without_its_manifest_is_not_taken_for_another_network(tmp_path: Path, own: Path) -> None:
    known = folder_with(tmp_path / "net")
    stray = tmp_path / "stray.onnx"
    stray.write_bytes((known / "net.onnx").read_bytes())
    with pytest.raises(KeeperError, match="is the file of the installed model net") as caught:
        add_model(stray, None, {"net": known}, own, replace=False)
    assert caught.value.code == "model_known"
    assert names(own) == []
