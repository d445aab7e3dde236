"""The published network: TAO's names, TAO's numbers, the published sizes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from published_values import REFERENCE, fill, reference_image

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from inspector_app.changenet import visual_changenet  # noqa: E402
from inspector_app.changenet.tao.convnext import SampleChannelNorm  # noqa: E402
from inspector_app.changenet.tao.fan_blocks import StochasticDepth  # noqa: E402
from inspector_app.changenet.tao.network import VisualChangeNet  # noqa: E402
from inspector_app.changenet.tao.sizes import FAN_SIZES, FanSize  # noqa: E402
from inspector_app.changenet.tao.xcit import ClassAttentionBlock  # noqa: E402

REFERENCED = ("fan_tiny_8_p4_hybrid", "fan_small_12_p4_hybrid")
OUTPUTS = ("output0", "output1", "output2", "output3", "output_final")
SMALL = FanSize(width=32, depth=2, heads=4, stem_depths=(1, 1), tapped_block=0)


@pytest.fixture(scope="module")
def small() -> VisualChangeNet:
    return fill(VisualChangeNet(SMALL, decoder_width=16))


@pytest.mark.parametrize("name", REFERENCED)
def test_names_shapes_and_order_are_those_of_the_published_network(name: str) -> None:
    with torch.device("meta"):
        state = visual_changenet(name).state_dict()
    listing = "".join(f"{key}\t{'x'.join(map(str, value.shape))}\n" for key, value in state.items())
    assert listing == (REFERENCE / f"{name}.state_dict.tsv").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REFERENCED)
def test_outputs_and_features_are_those_of_the_published_network(name: str) -> None:
    network = fill(visual_changenet(name))
    maps: list[list[torch.Tensor]] = []
    network.backbone.register_forward_hook(lambda module, images, result: maps.append(result))
    with torch.inference_mode():
        outputs = network(*(torch.from_numpy(reference_image(seed)) for seed in (1, 2)))
    got = {key: value[..., ::4, ::4] for key, value in zip(OUTPUTS, outputs, strict=True)}
    # The test image is encoded first.
    got |= {f"feature{index}": value[:, ::16, ::4, ::4] for index, value in enumerate(maps[0])}
    with np.load(REFERENCE / f"{name}.npz") as expected:
        assert set(expected) == set(got)
        for key, values in expected.items():
            np.testing.assert_allclose(
                got[key].numpy(), values, rtol=0, atol=1e-3 * values.std(), err_msg=key
            )


@pytest.mark.parametrize(
    ("name", "total", "published"),
    [
        ("fan_tiny_8_p4_hybrid", 19_297_586, 7.4e6),
        ("fan_small_12_p4_hybrid", 37_854_210, 26.3e6),
        ("fan_base_16_p4_hybrid", 62_179_954, 50.4e6),
        ("fan_large_16_p4_hybrid", 88_544_366, 76.8e6),
    ],
)
def test_parameters_are_as_many_as_published(name: str, total: int, published: float) -> None:
    with torch.device("meta"):
        network = visual_changenet(name)
    width = FAN_SIZES[name].width
    assert sum(value.numel() for value in network.parameters()) == total
    # The published figures are of the classifier: the backbone, a norm and a layer of 1000 classes.
    classifier = (
        sum(value.numel() for value in network.backbone.parameters()) + 2 * width + 1000 * (width + 1)
    )
    assert classifier == pytest.approx(published, rel=0.01)


def test_the_base_backbone_differs_from_the_small_one_in_width_and_depth_alone() -> None:
    assert FAN_SIZES["fan_base_16_p4_hybrid"] == FanSize(448, 16, 8, (3, 3), 15)
    with torch.device("meta"):
        state = visual_changenet("fan_base_16_p4_hybrid").state_dict()
    assert state["backbone.blocks.15.mlp.temperature"].shape == (8, 1, 1)
    assert "backbone.blocks.16.gamma1" not in state
    assert state["decoder.linear_c3.proj.weight"].shape == (256, 448)


def test_the_large_backbone_differs_as_published() -> None:
    with torch.device("meta"):
        state = visual_changenet("fan_large_16_p4_hybrid").state_dict()
    assert state["backbone.blocks.21.mlp.temperature"].shape == (10, 1, 1)
    assert "backbone.blocks.22.gamma1" not in state
    assert "backbone.patch_embed.backbone.stages.1.blocks.4.gamma" in state
    assert FAN_SIZES["fan_large_16_p4_hybrid"].tapped_block == 18


def test_the_third_map_is_that_of_the_tapped_block(small: VisualChangeNet) -> None:
    image = torch.from_numpy(reference_image(1, (1, 3, 32, 48)))
    seen: list[torch.Tensor] = []
    small.backbone.blocks[0].register_forward_hook(lambda module, tokens, result: seen.append(result))
    with torch.inference_mode():
        maps = small.backbone(image)
    assert [tuple(part.shape) for part in maps] == [
        (1, 128, 8, 12),
        (1, 256, 4, 6),
        (1, 32, 2, 3),
        (1, 32, 2, 3),
    ]
    torch.testing.assert_close(maps[2].flatten(2).transpose(1, 2), seen[0])


def test_outputs_go_from_coarse_to_the_images_own_size(small: VisualChangeNet) -> None:
    test, golden = (torch.from_numpy(reference_image(seed, (2, 3, 32, 48))) for seed in (1, 2))
    with torch.inference_mode():
        outputs, swapped = small(test, golden), small(golden, test)
        alone = small(test[1:], golden[1:])
    assert [tuple(part.shape[2:]) for part in outputs] == [(2, 3), (2, 3), (4, 6), (8, 12), (32, 48)]
    assert (outputs[-1] - swapped[-1]).abs().max() > 0.01
    torch.testing.assert_close(outputs[-1][1:], alone[-1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("test", "golden"),
    [((1, 3, 32, 32), (2, 3, 32, 32)), ((1, 1, 32, 32), (1, 1, 32, 32)), ((1, 3, 32, 40), (1, 3, 32, 40))],
)
def test_images_that_do_not_fit_are_refused(
    small: VisualChangeNet, test: tuple[int, ...], golden: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"shape|multiples"):
        small(torch.zeros(test), torch.zeros(golden))


def test_an_unknown_backbone_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="fan_small_12_p4_hybrid"):
        visual_changenet("resnet_50")


def test_every_parameter_that_asks_for_a_gradient_gets_one() -> None:
    network = VisualChangeNet(SMALL, decoder_width=16, drop_path=0.3).train()
    torch.manual_seed(0)
    outputs = network(torch.rand(4, 3, 32, 32), torch.rand(4, 3, 32, 32))
    sum(output.square().mean() for output in outputs).backward()
    lacking = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert lacking == []


def test_tokens_pass_the_class_attention_as_if_there_were_no_class_token() -> None:
    torch.manual_seed(3)
    block = ClassAttentionBlock(16, 4).eval()
    tokens = torch.randn(2, 7, 16)
    with torch.inference_mode():
        torch.testing.assert_close(block(tokens)[:, 1:], block.pass_on(tokens[:, 1:]))


def test_the_sample_norm_divides_by_one_less() -> None:
    maps = 3 + 2 * torch.randn(1, 8, 2, 2)
    normed = SampleChannelNorm(8)(maps)
    torch.testing.assert_close(normed.std(dim=1, correction=1), torch.ones(1, 2, 2), atol=1e-4, rtol=0)


def test_stochastic_depth_leaves_out_whole_samples_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer, ones = StochasticDepth(0.25), torch.ones(4000, 2)
    kept = layer(ones)
    assert kept.unique().tolist() == pytest.approx([0, 4 / 3])
    torch.testing.assert_close(kept[:, 0], kept[:, 1])
    assert kept.mean().item() == pytest.approx(1, abs=0.05)
    assert layer.eval()(ones) is ones


def test_the_package_is_imported_without_torch() -> None:
    code = "import sys, inspector_app.changenet as c; assert callable(c.visual_changenet); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
