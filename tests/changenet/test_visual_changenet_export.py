"""TAO's ONNX interface: right by PyTorch, and taken by the app's own loader and engine with no manifest."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from published_values import fill, reference_image

torch = pytest.importorskip("torch", reason="the training extra is not installed")
onnx = pytest.importorskip("onnx", reason="the training extra is not installed")
pytest.importorskip("onnxscript", reason="the training extra is not installed")
pytest.importorskip("onnxruntime")

from inspector_app.changenet.tao.export import TaoExportError, export_tao_onnx  # noqa: E402
from inspector_app.changenet.tao.half import Agreement, measure_agreement, write_half  # noqa: E402
from inspector_app.changenet.tao.network import VisualChangeNet  # noqa: E402
from inspector_app.changenet.tao.sizes import FanSize  # noqa: E402
from inspector_app.engines.golden_split import GraphParts, split_graph  # noqa: E402
from inspector_app.engines.models import load_model  # noqa: E402
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine  # noqa: E402

# Every kind of part once: the graph of a published size in small, for the exporter's time grows with it.
SMALL = FanSize(width=32, depth=1, heads=4, stem_depths=(1, 1), tapped_block=0)
BATCHES = (None, 1, 2)
OPSETS = {None: 18, 1: 18, 2: 17}


@pytest.fixture(scope="module")
def network() -> VisualChangeNet:
    return fill(VisualChangeNet(SMALL, decoder_width=16))


@pytest.fixture(scope="module")
def exported(
    network: VisualChangeNet, tmp_path_factory: pytest.TempPathFactory
) -> dict[int | None, tuple[Path, float]]:
    folder = tmp_path_factory.mktemp("tao")
    files = {batch: folder / f"batch_{batch}.onnx" for batch in BATCHES}
    done = {b: (files[b], export_tao_onnx(network, files[b], b, OPSETS[b])) for b in (None, 2)}
    # Tracing takes seconds; a batch of one is had by fixing the axis of the dynamic graph.
    model = onnx.load(str(files[None]))
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, str(files[1]))
    return done | {1: (files[1], done[None][1])}


@pytest.mark.parametrize("batch", BATCHES)
def test_the_interface_is_taos(exported: dict[int | None, tuple[Path, float]], batch: int | None) -> None:
    file, difference = exported[batch]
    assert difference < 1e-4
    graph = onnx.load(str(file)).graph
    shapes = {
        tensor.name: [axis.dim_param or axis.dim_value for axis in tensor.type.tensor_type.shape.dim]
        for tensor in (*graph.input, *graph.output)
    }
    first = batch or "batch_size"
    assert list(shapes.items()) == [
        ("input0", [first, 3, 256, 256]),
        ("input1", [first, 3, 256, 256]),
        ("output0", [first, 2, 16, 16]),
        ("output1", [first, 2, 16, 16]),
        ("output2", [first, 2, 32, 32]),
        ("output3", [first, 2, 64, 64]),
        ("output_final", [first, 2, 256, 256]),
    ]
    assert {node.domain for node in graph.node} == {""}


@pytest.mark.parametrize("batch", BATCHES)
def test_the_app_takes_the_file_with_no_manifest(
    network: VisualChangeNet, exported: dict[int | None, tuple[Path, float]], batch: int | None
) -> None:
    model = load_model(exported[batch][0])
    assert (model.manifest.batch, model.manifest.input.height) == (batch, 256)
    tests, golden = reference_image(1, (3, 3, 256, 256)), reference_image(2)
    engine = OnnxRuntimeEngine(model, threads=1)
    # Three tests: a fixed batch of 2 is padded once and cropped.
    probability = engine.compare(engine.encode_golden(golden), tests)
    engine.close()
    with torch.inference_mode():
        logits = network(torch.from_numpy(tests), torch.from_numpy(golden).expand(3, -1, -1, -1))[-1]
    np.testing.assert_allclose(probability, logits.softmax(1)[:, 1].numpy(), atol=1e-4)


@pytest.mark.parametrize("batch", [None, 2])
def test_four_tensors_hold_all_that_depends_on_the_golden(
    exported: dict[int | None, tuple[Path, float]], batch: int | None
) -> None:
    model = load_model(exported[batch][0])
    parts = split_graph(model.path, model.manifest)
    assert isinstance(parts, GraphParts)
    assert len(parts.cut) == 4


def test_the_opset_is_the_one_asked_for(exported: dict[int | None, tuple[Path, float]]) -> None:
    for batch, (file, _) in exported.items():
        opsets = [(entry.domain, entry.version) for entry in onnx.load(str(file)).opset_import]
        assert opsets == [("", OPSETS[batch])]


def test_nothing_of_the_machine_is_kept(exported: dict[int | None, tuple[Path, float]]) -> None:
    content = exported[None][0].read_bytes()
    assert b"site-packages" not in content
    assert str(Path(__file__).parents[2]).encode() not in content


def test_a_half_precision_copy_agrees_and_keeps_its_borders(
    exported: dict[int | None, tuple[Path, float]], tmp_path: Path
) -> None:
    test, golden = reference_image(1), reference_image(2)
    file, half = exported[1][0], tmp_path / "half.onnx"
    agreement = write_half(file, half, [(test, golden)])
    assert agreement.pairs == 1
    assert 0 < agreement.largest_probability_difference < 0.01
    assert agreement.largest_logit_difference < 0.05
    assert agreement.same_class > 0.99
    assert half.stat().st_size < 0.7 * file.stat().st_size
    engine = OnnxRuntimeEngine(load_model(half), threads=1)
    assert engine.compare(engine.encode_golden(golden), test).dtype == np.float32
    engine.close()


def test_two_copies_of_one_graph_agree_wholly(exported: dict[int | None, tuple[Path, float]]) -> None:
    file = exported[1][0]
    agreement = measure_agreement(file, file, [(reference_image(1), reference_image(2))])
    assert agreement == Agreement(1, 0.0, 0.0, 1.0)


def test_a_half_copy_needs_pairs_and_leaves_nothing_behind(
    exported: dict[int | None, tuple[Path, float]], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="no pairs"):
        write_half(exported[1][0], tmp_path / "half.onnx", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"opset": 16}, {"batch": 0}, {"size": (250, 256)}])
def test_settings_out_of_range_are_refused(
    network: VisualChangeNet, tmp_path: Path, wrong: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match="is wrong"):
        export_tao_onnx(network, tmp_path / "net.onnx", **wrong)


def test_a_graph_that_differs_is_not_put_in_place(
    exported: dict[int | None, tuple[Path, float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = VisualChangeNet(SMALL, decoder_width=16).train()
    monkeypatch.setattr(
        "inspector_app.changenet.tao.export._write",
        lambda network, file, *_: shutil.copy(exported[1][0], file),
    )
    with pytest.raises(TaoExportError, match="differs"):
        export_tao_onnx(another, tmp_path / "net.onnx", 1)
    assert list(tmp_path.iterdir()) == []
    assert another.training
