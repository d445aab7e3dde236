"""A step of training, against the same step with PyTorch's own gradients for depthwise filters, in turns.

    python -m benchmarks.training_step

Pairs of noise, so that what is timed is the network's share of a step: forward, backward, optimiser and average. PyTorch's own
depthwise convolutions compute in float32, the quicker of the two types for them, all else as in training.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.machine import describe, write_json
from inspector_app.changenet import effnet_lite
from inspector_app.changenet.config import TrainConfig
from inspector_app.changenet.depthwise import same_convolution
from inspector_app.changenet.freed_memory import keep_freed_memory
from inspector_app.changenet.lite import build_network
from inspector_app.changenet.module import ChangeModule, update_average
from inspector_app.changenet.train import computes_bfloat16


@dataclass(frozen=True)
class StepTime:
    """One size.

    Attributes:
        size: side of the images.
        step_ms: of a step of training; the median of the rounds.
        reference_ms: of one with PyTorch's own depthwise gradients.
        ratio: reference by step, the median of the rounds' ratios.
    """

    size: int
    step_ms: float
    reference_ms: float
    ratio: float


def measure(size: int, rounds: int, threads: int) -> StepTime:
    """Time both kinds of step in turns; each is run untimed first."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    step = _step(size)
    times = np.zeros((rounds + 1, 2))
    for number in range(rounds + 1):
        for place in (0, 1) if number % 2 else (1, 0):
            times[number, place] = _timed(step) if place == 0 else _timed_as_pytorch(step)
    ours, theirs = (float(value) for value in np.median(times[1:], axis=0) * 1000)
    return StepTime(size, ours, theirs, float(np.median(times[1:, 1] / times[1:, 0])))


def _step(size: int) -> Callable[[], None]:
    """A step of training on one batch of noise."""
    config = TrainConfig(name="step", data=Path())  # Where no pair is read.
    torch.manual_seed(0)
    module = ChangeModule(config, build_network(pretrained=False))
    module.on_train_epoch_start()
    optimizer = module.configure_optimizers()["optimizer"]
    test, golden = (torch.randint(0, 256, (config.batch, size, size, 3), dtype=torch.uint8) for _ in range(2))
    truth = torch.rand(config.batch, size, size) > 0.9
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16(config.precision))

    def step() -> None:
        with autocast:
            loss = module.loss_of(test.permute(0, 3, 1, 2), golden.permute(0, 3, 1, 2), truth)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        update_average(module.averaged, module.network, config.ema_decay)

    return step


def _timed(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _timed_as_pytorch(step: Callable[[], None]) -> float:
    with patch.object(effnet_lite, "depthwise", _as_pytorch):
        return _timed(step)


def _as_pytorch(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return same_convolution(x.float(), weight, bias, stride, len(weight)).to(x.dtype)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[192, 256, 320])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the report here")
    given = parser.parse_args(arguments)
    found = [measure(size, given.rounds, given.threads) for size in given.sizes]
    kind = "bfloat16" if computes_bfloat16("auto") else "float32"
    table = Table(title=f"{describe()['processor']}, {kind}", header_style="bold")
    for column in ("side", "step ms", "PyTorch's own gradients ms", "ratio"):
        table.add_column(column, justify="right")
    for each in found:
        table.add_row(str(each.size), f"{each.step_ms:.0f}", f"{each.reference_ms:.0f}", f"{each.ratio:.2f}")
    Console().print(table)
    write_json(given.json, {"computed_in": kind, "steps": [asdict(each) for each in found]})


if __name__ == "__main__":
    main()
