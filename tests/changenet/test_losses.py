"""The training loss: what it rewards, and what a missed pixel costs."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train' (PyTorch)")

from inspector_app.changenet.losses import change_loss, dice_loss, tversky_loss  # noqa: E402


def _square(side: int, images: int = 1) -> torch.Tensor:
    """Return truths with one square of ``side`` pixels, N x 1 x 64 x 64."""
    truth = torch.zeros(images, 1, 64, 64)
    truth[:, :, 8 : 8 + side, 8 : 8 + side] = 1.0
    return truth


def test_the_loss_falls_from_wrong_to_right() -> None:
    truth = torch.zeros(2, 32, 32, dtype=torch.bool)
    truth[:, 8:20, 8:20] = True
    signs = truth.float().unsqueeze(1) * 2 - 1
    sizes = (32, 8, 4, 2, 1)
    maps = [torch.nn.functional.adaptive_avg_pool2d(signs, (s, s)) for s in sizes]
    right = [torch.cat((-4 * m, 4 * m), dim=1) for m in maps]
    wrong = [-logits for logits in right]
    good, bad = (
        float(change_loss(outputs, truth, dice_weight=0.5, tversky_weight=0.5, missed_weight=0.7))
        for outputs in (right, wrong)
    )
    assert good < bad / 4


def test_a_missed_small_change_costs_as_much_beside_a_large_one_as_alone() -> None:
    truth = torch.cat((_square(4), _square(40)))
    found = truth.clone()
    found[0] = 0.0
    alone = float(tversky_loss(torch.zeros(1, 1, 64, 64), _square(4), 0.7))
    assert float(tversky_loss(found, truth, 0.7)) == pytest.approx(alone / 2)
    # Over all pixels together the small one hardly counts.
    assert float(dice_loss(found, truth)) < 0.01


def test_a_missed_pixel_costs_more_than_a_false_one() -> None:
    truth, narrow, wide = _square(20), _square(18), _square(22)
    missed, false = float(tversky_loss(narrow, truth, 0.7)), float(tversky_loss(wide, truth, 0.7))
    assert missed > 1.5 * false > 0.0


@pytest.mark.parametrize("missed_weight", [0.3, 0.7])
def test_images_without_a_change_have_no_part_in_it(missed_weight: float) -> None:
    said = torch.full((3, 1, 64, 64), 0.5)
    none = torch.zeros(3, 1, 64, 64)
    assert float(tversky_loss(said, none, missed_weight)) == 0.0
    mixed = torch.cat((none, _square(10)))
    alone = tversky_loss(said[:1], _square(10), missed_weight)
    assert float(tversky_loss(torch.cat((said, said[:1])), mixed, missed_weight)) == pytest.approx(
        float(alone)
    )
