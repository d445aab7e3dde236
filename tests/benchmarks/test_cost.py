from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from benchmarks.cost import COMPACT_PARTS, count  # noqa: E402


def test_parts_add_up_and_scale_with_the_pixels() -> None:
    from inspector_app.changenet.lite import build_network

    network = build_network(pretrained=False)
    small, large = (count("lite", network, side, COMPACT_PARTS) for side in (32, 64))
    assert sum(small.parts.values()) == small.total
    assert large.total == 4 * small.total
    assert small.parameters == sum(p.numel() for p in network.parameters())
    with pytest.raises(RuntimeError, match="hold"):
        count("lite", network, 32, {"encoder": ("encoder",)})
