"""The exported graph: same numbers as the network, free sizes, separate encoder passes, clean metadata."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the training extra is not installed")
onnx = pytest.importorskip("onnx", reason="the training extra is not installed")
pytest.importorskip("onnxscript", reason="the training extra is not installed")
ort = pytest.importorskip("onnxruntime")

from changenet_pictures import good_picture, write_png  # noqa: E402

from inspector_app.changenet.evaluate import change_probability, predict_exchanged, predict_split, score  # noqa: E402
from inspector_app.changenet.export import (  # noqa: E402
    ExportMismatchError,
    ExportResult,
    ModelStatement,
    check_parity,
    export_model,
)
from inspector_app.changenet.judgement import OneSidedPairsError, largest_region, suggest_judgement  # noqa: E402
from inspector_app.changenet.lite import ChangeNetLite, build_network  # noqa: E402
from inspector_app.changenet.pair_folder import PairFolder  # noqa: E402
from inspector_app.core.manifest import InputSpec, Judgement, ModelManifest  # noqa: E402
from inspector_app.vision.fusion import fuse_mirrored  # noqa: E402
from inspector_app.vision.tensors import to_tensor  # noqa: E402


@pytest.fixture(scope="module")
def network() -> ChangeNetLite:
    torch.manual_seed(1)
    built = build_network(pretrained=False)
    # Statistics other than zero and one, so that folding BatchNorm wrongly would show.
    for module in built.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return built.eval()


@pytest.fixture(scope="module")
def exported(network: ChangeNetLite, tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    statement = ModelStatement(
        "tiny", "a test", "none", "Apache-2.0", Judgement(min_area_px=9), {"val_iou": 0.5}
    )
    return export_model(network, tmp_path_factory.mktemp("model"), statement)


def test_graph_and_network_agree_on_several_shapes(exported: ExportResult) -> None:
    assert exported.max_abs_diff < 1e-3


def test_the_manifest_describes_the_file(exported: ExportResult) -> None:
    text = (exported.folder / "manifest.json").read_text(encoding="utf-8")
    manifest = ModelManifest.model_validate_json(text)
    file = exported.folder / manifest.file
    assert manifest == exported.manifest
    assert manifest.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert manifest.input.dynamic
    assert manifest.judgement.min_area_px == 9
    assert file.stat().st_size < 20e6
    assert sorted(f.name for f in exported.folder.iterdir()) == [
        "manifest.json",
        "selfcheck.npz",
        "tiny.onnx",
    ]


def test_the_graph_has_the_agreed_names_and_free_axes(exported: ExportResult) -> None:
    model = onnx.load(str(exported.folder / "tiny.onnx"))
    axes = [[d.dim_param or d.dim_value for d in t.type.tensor_type.shape.dim] for t in model.graph.input]
    assert [t.name for t in model.graph.input] == ["input0", "input1"]
    assert axes == [["batch", 3, "height", "width"]] * 2
    assert [t.name for t in model.graph.output] == ["output_final"]
    assert model.opset_import[0].version >= 17
    assert {n.op_type for n in model.graph.node} <= {
        "Conv", "Clip", "Add", "Relu", "Sub", "Abs", "Concat", "Resize",
    }  # fmt: skip


def test_each_image_has_an_encoder_pass_of_its_own(exported: ExportResult) -> None:
    graph = onnx.load(str(exported.folder / "tiny.onnx")).graph
    origins: dict[str, frozenset[str]] = {t.name: frozenset({t.name}) for t in graph.input}
    alone = {"input0": 0, "input1": 0}
    for node in graph.node:
        origin = frozenset().union(*(origins.get(name, frozenset()) for name in node.input))
        origins.update(dict.fromkeys(node.output, origin))
        if node.op_type == "Conv" and len(origin) == 1:
            alone[next(iter(origin))] += 1
    assert alone["input0"] == alone["input1"] >= 40


def test_two_versions_of_the_same_weights_are_two_files(
    network: ChangeNetLite, exported: ExportResult, tmp_path: Path
) -> None:
    statement = ModelStatement("tiny", "a test", "none", "Apache-2.0", version="2")
    second = export_model(network, tmp_path, statement).manifest
    assert (exported.manifest.version, second.version) == ("1", "2")
    assert second.sha256 != exported.manifest.sha256
    assert check_parity(network, tmp_path / second.file) == exported.max_abs_diff


def test_nothing_tells_where_the_graph_was_made(exported: ExportResult) -> None:
    content = (exported.folder / "tiny.onnx").read_bytes()
    assert b".py" not in content
    assert b"site-packages" not in content


def test_the_self_check_repeats(exported: ExportResult) -> None:
    session = ort.InferenceSession(str(exported.folder / "tiny.onnx"), providers=["CPUExecutionProvider"])
    with np.load(exported.folder / "selfcheck.npz", allow_pickle=False) as stored:
        (logits,) = session.run(None, {"input0": stored["test"], "input1": stored["golden"]})
        assert stored["test"].dtype == np.float32
        assert np.abs(change_probability(logits) - stored["probability"]).max() < 1e-5


def test_another_network_does_not_pass_for_this_one(exported: ExportResult) -> None:
    torch.manual_seed(2)
    with pytest.raises(ExportMismatchError, match="differ"):
        check_parity(build_network(pretrained=False), exported.folder / "tiny.onnx")


def test_limits_lie_between_good_and_defective() -> None:
    good, bad = np.zeros((2, 64, 64), np.float32)
    good[:3, :4], bad[10:40, 10:40] = 0.6, 0.9
    judgement = suggest_judgement([good, bad], [False, True])
    assert largest_region(good, judgement.threshold) < judgement.min_area_px
    assert largest_region(bad, judgement.threshold) >= judgement.min_area_px
    with pytest.raises(OneSidedPairsError, match="Both good and defective"):
        suggest_judgement([good], [False])


def test_one_hopeless_map_does_not_spoil_the_limits() -> None:
    blank, small, *bad = np.zeros((5, 64, 64), np.float32)
    small[:3, :4] = 0.9
    for index, probability in enumerate(bad[:2]):
        probability[10 : 30 + index, 10:30] = 0.9
    judgement = suggest_judgement([blank, small, *bad], [False, False, True, True, True])
    assert 12 < judgement.min_area_px <= 400


def test_scores_count_every_pixel_and_every_image(network: ChangeNetLite, pair_folder: Path) -> None:
    spec = InputSpec(height=64, width=64, dynamic=True)
    predictions = predict_split(network, PairFolder(pair_folder), "val", spec)
    scores = score(predictions, Judgement(threshold=1.0, min_area_px=64 * 64))
    pixels = scores.pixels
    assert pixels.tp + pixels.fp + pixels.fn + pixels.tn == 3 * 64 * 64
    assert (scores.pairs, scores.defective, scores.false_calls, scores.escapes) == (3, 2, 0, 2)
    assert scores.as_dict()["val_escapes"] == 2


def test_exchanged_goldens_give_every_combination(network: ChangeNetLite, pair_folder: Path) -> None:
    folder, spec = PairFolder(pair_folder), InputSpec(height=64, width=64, dynamic=True)
    write_png(pair_folder / "B" / "pair 4.png", good_picture(7))
    single = predict_split(network, folder, "val", spec)
    every = predict_exchanged(network, folder, "val", spec)
    assert [p.name for p in every] == [name for name in folder.names("val") for _ in range(2)]
    assert np.abs(every[0].probability - single[0].probability).max() < 1e-4
    assert np.abs(every[3].probability - single[1].probability).max() < 1e-4


def test_one_odd_good_map_in_a_hundred_does_not_set_the_limits() -> None:
    def with_region(side: int) -> NDArray[np.float32]:
        made = np.zeros((64, 64), np.float32)
        made[:side, :side] = 1.0
        return made

    good = [with_region(3)] * 199 + [with_region(15)]
    bad = [with_region(17)] * 3
    truth = [False] * len(good) + [True] * len(bad)
    assert suggest_judgement([*good, *bad], truth).min_area_px < 15 * 15 / 2
    few = [with_region(3)] * 20 + [with_region(15)]
    truth = [False] * len(few) + [True] * len(bad)
    assert suggest_judgement([*few, *bad], truth).min_area_px > 15 * 15


def test_a_second_look_is_the_mean_with_the_mirror_image(network: ChangeNetLite, pair_folder: Path) -> None:
    folder, spec = PairFolder(pair_folder), InputSpec(height=64, width=64, dynamic=True)
    once, twice = (predict_split(network, folder, "val", spec, mirrored=m) for m in (False, True))
    every = predict_exchanged(network, folder, "val", spec, mirrored=True)
    pair = folder.read(once[0].name)
    test, golden = (torch.from_numpy(to_tensor(one[:, ::-1], spec)) for one in (pair.test, pair.golden))
    with torch.inference_mode():
        mirror = change_probability(network(test, golden).numpy())[0]
    np.testing.assert_allclose(twice[0].probability, fuse_mirrored(once[0].probability, mirror), atol=1e-4)
    assert np.abs(twice[0].probability - once[0].probability).max() > 1e-3
    np.testing.assert_allclose(every[0].probability, twice[0].probability, atol=1e-4)
