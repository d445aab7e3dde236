from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.engines.half import convert_to_half
from inspector_app.engines.models import all_tensors, available_models, find_model, load_model, sha256_of
from tests.onnx_models import difference_model


def with_manifest(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True)
    file = difference_model(folder / "net.onnx")
    content = {"name": "net", "file": "net.onnx", "sha256": sha256_of(file), **changes}
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


def test_a_file_with_taos_names_needs_no_manifest_and_is_fed_as_tao_trains(tmp_path: Path) -> None:
    model = load_model(difference_model(tmp_path / "changenet.onnx"))
    spec = model.manifest.input
    assert (spec.width, spec.height, spec.resize) == (256, 256, "bicubic_antialias")
    assert spec.mean == spec.std == (0.5, 0.5, 0.5)
    assert (model.manifest.test_input, model.manifest.golden_input) == ("input0", "input1")
    assert model.manifest.output == "output_final"
    assert model.manifest.batch is None


def test_the_precision_of_a_file_without_a_manifest_is_its_weights(tmp_path: Path) -> None:
    whole = difference_model(tmp_path / "net.onnx")
    convert_to_half(whole, tmp_path / "net_fp16.onnx")
    assert load_model(whole).manifest.precision == "float32"
    assert load_model(tmp_path / "net_fp16.onnx").manifest.precision == "float16"


@pytest.mark.parametrize("batch", [1, 4])
def test_a_fixed_batch_is_read_from_the_graph(tmp_path: Path, batch: int) -> None:
    assert load_model(difference_model(tmp_path / "net.onnx", batch=batch)).manifest.batch == batch


def test_only_the_final_output_is_needed(tmp_path: Path) -> None:
    load_model(difference_model(tmp_path / "net.onnx", outputs=("output_final",)))


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        (("a", "b"), ("output_final",), "inputs are a, b"),
        (("input0", "input1"), ("mask",), "no output output_final"),
    ],
)
def test_a_strangers_graph_is_refused_with_what_it_lacks(
    tmp_path: Path, inputs: tuple[str, str], outputs: tuple[str, ...], said: str
) -> None:
    path = difference_model(tmp_path / "net.onnx", inputs=inputs, outputs=outputs)
    with pytest.raises(KeeperError, match=said) as caught:
        load_model(path)
    assert caught.value.code == "model_unknown"
    assert "manifest.json" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x07\x12" + b"\xff" * 500])
def test_a_damaged_file_is_a_plain_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(KeeperError) as caught:
        load_model(path)
    assert caught.value.code in ("model_damaged", "model_unknown")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeeperError, match=r"nowhere\.onnx"):
        load_model(tmp_path / "nowhere.onnx")


def test_a_folder_with_a_manifest(tmp_path: Path) -> None:
    folder = with_manifest(tmp_path / "net")
    assert load_model(folder).manifest.name == "net"
    assert load_model(folder / "net.onnx").manifest.name == "net"
    assert available_models([tmp_path]) == {"net": folder}
    assert find_model("net", [tmp_path]).path == folder / "net.onnx"


def test_a_file_that_is_not_the_manifests_is_refused(tmp_path: Path) -> None:
    folder = with_manifest(tmp_path / "net", sha256="0" * 64)
    with pytest.raises(KeeperError) as caught:
        load_model(folder)
    assert caught.value.code == "model_changed"


def test_a_bad_manifest_names_every_problem(tmp_path: Path) -> None:
    folder = with_manifest(tmp_path / "net", name="", inputs="two")
    with pytest.raises(KeeperError) as caught:
        load_model(folder)
    assert "name" in caught.value.message
    assert "inputs" in caught.value.message


def test_a_manifest_may_not_reach_out_of_its_folder(tmp_path: Path) -> None:
    outside = difference_model(tmp_path / "outside.onnx")
    folder = with_manifest(tmp_path / "net", file="../outside.onnx", sha256=sha256_of(outside))
    with pytest.raises(KeeperError) as caught:
        load_model(folder)
    assert caught.value.code == "manifest_invalid"


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = with_manifest(tmp_path / "net")
    outside = tmp_path / "outside.onnx"
    (folder / "net.onnx").rename(outside)
    (folder / "net.onnx").symlink_to(outside)
    with pytest.raises(KeeperError, match="outside its folder") as caught:
        load_model(folder)
    assert caught.value.code == "manifest_invalid"


@pytest.mark.parametrize("name", ["..", ".", "a/net.onnx", "C:\\net.onnx"])
def test_a_file_name_is_a_name_and_no_path(tmp_path: Path, name: str) -> None:
    folder = with_manifest(tmp_path / "net", file=name)
    with pytest.raises(KeeperError) as caught:
        load_model(folder)
    assert caught.value.code == "manifest_invalid"


def test_weights_in_other_files_are_refused_since_no_hash_speaks_for_them(tmp_path: Path) -> None:
    folder = with_manifest(tmp_path / "net")
    file = folder / "net.onnx"
    model = onnx.load(file)
    onnx.save_model(model, file, save_as_external_data=True, location="weights.bin", size_threshold=0)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "sha256": sha256_of(file)}))
    for path in (folder, file):
        with pytest.raises(KeeperError) as caught:
            load_model(path)
        assert caught.value.code == "model_external"


def test_weights_in_other_files_are_found_within_attributes_and_branches() -> None:
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "t")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor)], "branch", [], [])
    node = helper.make_node("If", ["condition"], ["y"], then_branch=inner, else_branch=inner)
    model = helper.make_model(helper.make_graph([node], "g", [], []))
    assert any(each.data_location for each in all_tensors(model))


@pytest.mark.parametrize("content", ["[" * 100_000, " " * ((1 << 20) + 1), "{}", "null", "\x00"])
def test_a_hostile_manifest_is_a_sentence(tmp_path: Path, content: str) -> None:
    folder = with_manifest(tmp_path / "net")
    (folder / "manifest.json").write_text(content)
    with pytest.raises(KeeperError) as caught:
        load_model(folder)
    assert caught.value.code == "manifest_invalid"


def test_a_folder_that_is_being_put_together_is_not_listed(tmp_path: Path) -> None:
    with_manifest(tmp_path / ".1234.new")
    assert available_models([tmp_path]) == {}


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    with_manifest(tmp_path / "net")
    with pytest.raises(KeeperError, match="no model") as caught:
        find_model("nett", [tmp_path])
    assert "net" in caught.value.hint


def test_a_manifest_round_trips() -> None:
    manifest = ModelManifest(name="x", file="x.onnx", sha256="a" * 64)
    assert ModelManifest.model_validate_json(manifest.model_dump_json()) == manifest
