"""Where the multiply-adds go: the published network (FAN small) beside the compact one, part by part.

    python -m benchmarks.cost

Counted by PyTorch's flop counter while each network runs once on one pair (needs PyTorch): convolutions and matrix
products, attention's included, one multiply-add for two operations. A part's row holds what stands under it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks.machine import write_json
from benchmarks.networks import PUBLISHED

if TYPE_CHECKING:
    from torch import nn

GIGA = 1e9
COMPACT_PARTS = {
    "encoder (test and golden)": ("encoder", "project"),
    "differences": ("difference",),
    "decoder": ("context", "lateral", "refine"),
    "head": ("head",),
}
PUBLISHED_PARTS = {
    "backbone (test and golden)": ("backbone",),
    "projections (test and golden)": ("decoder.linear_c",),
    "differences": ("decoder.diff_c",),
    "side predictions, read by nobody": ("decoder.make_pred_c",),
    "fusing four scales": ("decoder.linear_fuse",),
    "to half size": ("decoder.convd2x", "decoder.dense_2x"),
    "to full size": ("decoder.convd1x", "decoder.dense_1x"),
    "last layer": ("decoder.change_probability",),
}


@dataclass(frozen=True)
class NetworkCost:
    """A network's multiply-adds of one pair at ``side x side``, by part; the parts add up to the total."""

    network: str
    side: int
    parameters: int
    total: int
    parts: dict[str, int]


def count(name: str, network: nn.Module, side: int, parts: Mapping[str, Sequence[str]]) -> NetworkCost:
    """Run ``network`` once and share its multiply-adds out to ``parts``, each given by prefixes of module names.

    Raises:
        RuntimeError: the parts do not add up to the whole network.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    pair = torch.zeros(2, 1, 3, side, side)
    counter = FlopCounterMode(display=False, depth=99)
    with torch.inference_mode(), counter:
        network.eval()(pair[0], pair[1])
    flops = {module: sum(ops.values()) for module, ops in counter.get_flop_counts().items()}
    root = type(network).__name__
    shares = {
        part: sum(_under(flops, f"{root}.{prefix}") for prefix in prefixes) // 2
        for part, prefixes in parts.items()
    }
    total = counter.get_total_flops() // 2
    if sum(shares.values()) != total:
        raise RuntimeError(f"the parts of {name} hold {sum(shares.values())} of {total} multiply-adds")
    return NetworkCost(name, side, sum(p.numel() for p in network.parameters()), total, shares)


def _under(flops: Mapping[str, int], prefix: str) -> int:
    """Of the outermost modules whose names begin with ``prefix``: a list of modules is never run itself."""
    outermost: list[str] = []
    for module in sorted(
        (name for name in flops if name.startswith(prefix)), key=lambda name: name.count(".")
    ):
        if not any(module.startswith(f"{parent}.") for parent in outermost):
            outermost.append(module)
    return sum(flops[module] for module in outermost)


def costs() -> list[NetworkCost]:
    """Of the three networks that the documentation compares.

    Raises:
        ImportError: PyTorch is not installed.
    """
    from inspector_app.changenet.lite import build_network
    from inspector_app.changenet.tao.network import VisualChangeNet
    from inspector_app.changenet.tao.sizes import fan_size

    compact = build_network(pretrained=False)
    return [
        count("fan_small", VisualChangeNet(fan_size(PUBLISHED)), 256, PUBLISHED_PARTS),
        count("changenet-lite", compact, 256, COMPACT_PARTS),
        count("generic (changenet-lite)", compact, 288, COMPACT_PARTS),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the report here")
    given = parser.parse_args(arguments)
    counted = costs()
    table = Table(header_style="bold")
    for column in ("network", "part", "GMACs", "share"):
        table.add_column(column)
    for each in counted:
        title = f"{each.network}, {each.side} x {each.side}, {each.parameters / 1e6:.1f} M parameters"
        table.add_row(title, "all", f"{each.total / GIGA:.3f}", "100.0 %", style="bold")
        for part, macs in each.parts.items():
            table.add_row("", part, f"{macs / GIGA:.3f}", f"{100 * macs / each.total:.1f} %")
    Console(width=140).print(table)
    write_json(given.json, {"costs": [asdict(each) for each in counted]})


if __name__ == "__main__":
    main()
