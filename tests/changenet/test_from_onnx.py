"""A network taken back from its exported file computes what the file computes, and can be trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (the extra `train`)")

from inspector_app.changenet.export import write_onnx  # noqa: E402
from inspector_app.changenet.from_onnx import (  # noqa: E402
    NotOurNetworkError,
    load_onnx,
    settle_batch_norm,
)
from inspector_app.changenet.lite import ChangeNetLite  # noqa: E402


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[ChangeNetLite, Path]:
    path = tmp_path_factory.mktemp("network") / "net.onnx"
    torch.manual_seed(3)
    network = ChangeNetLite().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.uniform_(-0.2, 0.2)
    write_onnx(network, path)
    return network, path


def test_the_network_is_the_exported_one_before_and_after_settling(
    exported: tuple[ChangeNetLite, Path],
) -> None:
    original, path = exported
    test, golden = torch.rand(2, 3, 64, 96) * 2 - 1, torch.rand(2, 3, 64, 96) * 2 - 1
    network = load_onnx(path)
    with torch.inference_mode():
        expected = original(test, golden)
        assert torch.allclose(network(test, golden), expected, atol=1e-3)
    settle_batch_norm(network, [(test, golden)])
    with torch.inference_mode():
        assert torch.allclose(network(test, golden), expected, atol=1e-3)
        # In training mode the same batch now has the statistics that the layers hold.
        network.train()
        network.encoder.eval()
        inside = network(test, golden)
    assert float((inside - expected).abs().mean()) < 0.1 * float(expected.abs().mean())


def test_another_graph_is_refused_by_name(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.zeros((1, 3, 1, 1), np.float32), "stem.weight")
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node("Conv", ["x", "stem.weight"], ["y"])
    onnx.save(
        helper.make_model(helper.make_graph([node], "g", [entry], [result], [weight])), tmp_path / "a.onnx"
    )
    with pytest.raises(NotOurNetworkError, match="holds no changenet-lite network"):
        load_onnx(tmp_path / "a.onnx")
