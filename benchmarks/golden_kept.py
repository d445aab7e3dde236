"""What keeping the golden saves: the compare part against the whole graph, on the same engine, in turns.

    python -m benchmarks.golden_kept

Networks: a changenet-lite, and the published network (FAN small, random weights; needs PyTorch) exported by the
names of TAO with a fixed batch of one and with a dynamic batch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe, write_json
from benchmarks.networks import COMPACT, export_published, installed
from inspector_app.core.errors import InspectorError
from inspector_app.core.protocols import ChangeEngine, Tensor
from inspector_app.engines.cores import Cores
from inspector_app.engines.models import Model, load_model
from inspector_app.engines.onnx_runtime import OrtSession
from inspector_app.engines.open_vino import OpenVinoSession
from inspector_app.engines.programs import GraphSession, change_probability
from inspector_app.engines.registry import EngineChoice, open_engine

WHOLE: dict[EngineChoice, Callable[[Path, int], GraphSession]] = {
    EngineChoice.CPU: lambda path, threads: OrtSession(path, "CPU", threads),
    EngineChoice.OPENVINO: lambda path, threads: OpenVinoSession(path, Cores(threads)),
}
"""The engine's own way to load a graph, unsplit."""


@dataclass(frozen=True)
class Saving:
    """One network on one engine.

    Attributes:
        network: its name.
        engine: what ran.
        batch: test images of a call.
        whole_ms: of the whole graph, its wanted output only; the median of the rounds.
        compare_ms: of the compare part.
        ratio: whole by compare part, the median of the rounds' ratios.
        saved_percent: of the whole graph's time, from the same ratios.
        identical: whether both give the same bits on every pair.
        largest_difference: in probability.
        note: why the golden could not be kept, else "".
    """

    network: str
    engine: str
    batch: int
    whole_ms: float
    compare_ms: float
    ratio: float
    saved_percent: float
    identical: bool
    largest_difference: float
    note: str = ""


def measure(name: str, model: Model, choice: EngineChoice, batch: int, rounds: int, threads: int) -> Saving:
    """Time both in turns and compare what they give on as many pairs of noise as there are rounds.

    Raises:
        InspectorError: the engine does not serve this network.
    """
    batch = model.manifest.batch or batch
    engine = open_engine(model, choice, threads)
    whole = WHOLE[choice](model.path, threads)
    try:
        pairs = list(_pairs(model, batch, rounds))
        times, differences = _rounds(engine, whole, pairs)
    finally:
        engine.close()
    ratio = float(np.median(times[:, 0] / times[:, 1]))
    whole_ms, compare_ms = (float(value) for value in np.median(times, axis=0) * 1000)
    worst = max(differences)
    return Saving(
        name, engine.info.label, batch, whole_ms, compare_ms, ratio, 100 * (1 - 1 / ratio), worst == 0, worst,
        engine.info.golden_note,
    )  # fmt: skip


def _pairs(model: Model, batch: int, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Golden (one) and tests."""
    rng = np.random.default_rng(3)
    spec = model.manifest.input
    for _ in range(count):
        both = rng.uniform(-1, 1, (batch + 1, 3, spec.height, spec.width)).astype(np.float32)
        yield both[:1], both[1:]


def _rounds(
    engine: ChangeEngine, whole: GraphSession, pairs: Sequence[tuple[Tensor, Tensor]]
) -> tuple[NDArray[np.float64], list[float]]:
    """Seconds of whole and compare for each pair (N x 2), and the largest differences. Each is run untimed first."""
    manifest = engine.manifest
    times = np.zeros((len(pairs), 2))
    differences = []
    for number, (golden, tests) in enumerate(pairs):
        features = engine.encode_golden(golden)
        copies = np.ascontiguousarray(np.broadcast_to(golden, tests.shape))
        feed = {manifest.test_input: tests, manifest.golden_input: copies}

        def run_whole(feed: dict[str, Tensor] = feed) -> NDArray[np.float32]:
            return change_probability(whole.run([manifest.output], feed)[0])

        def run_part(features: object = features, tests: Tensor = tests) -> NDArray[np.float32]:
            return engine.compare(features, tests)

        results: dict[int, NDArray[np.float32]] = {}
        lanes: list[tuple[int, Callable[[], NDArray[np.float32]]]] = [(0, run_whole), (1, run_part)]
        for place, run in lanes[:: -1 if number % 2 else 1]:
            run()
            started = time.perf_counter()
            results[place] = run()
            times[number, place] = time.perf_counter() - started
        differences.append(float(np.abs(results[0] - results[1]).max()))
    return times, differences


def _networks(compact: str, exports: Path, published: bool) -> Iterator[tuple[str, Model]]:
    model = installed(compact)
    yield model.manifest.name, model
    if not published:
        return
    if find_spec("torch") is None:
        print("PyTorch is not installed: the published network is left out")
        return
    yield "fan_small, batch of one", load_model(export_published(exports / "fan_small_static.onnx", 1))
    yield "fan_small, dynamic batch", load_model(export_published(exports / "fan_small_dynamic.onnx"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=COMPACT, help="the changenet-lite: a name or a path")
    parser.add_argument("--exports", type=Path, help="folder where the published network's exports are kept")
    parser.add_argument("--no-published", action="store_true", help="leave the published network out")
    parser.add_argument("--batch", type=int, default=1, help="test images of a call, where the batch is free")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the report here")
    given = parser.parse_args(arguments)
    savings: list[Saving] = []
    with tempfile.TemporaryDirectory() as scratch:
        exports = given.exports or Path(scratch)
        exports.mkdir(parents=True, exist_ok=True)
        for name, model in _networks(given.model, exports, not given.no_published):
            for choice in WHOLE:
                try:
                    savings.append(measure(name, model, choice, given.batch, given.rounds, given.threads))
                except InspectorError as error:
                    print(f"{name}: {error}")
    _print(savings)
    write_json(given.json, {"savings": [asdict(saving) for saving in savings]})


def _print(savings: Sequence[Saving]) -> None:
    table = Table(title=str(describe()["processor"]), header_style="bold")
    for column in (
        "network",
        "engine",
        "batch",
        "whole ms",
        "compare ms",
        "ratio",
        "saved",
        "same bits",
        "off by",
    ):
        table.add_column(column)
    for each in savings:
        table.add_row(
            each.network, each.engine, str(each.batch), f"{each.whole_ms:.1f}", f"{each.compare_ms:.1f}",
            f"{each.ratio:.2f}", f"{each.saved_percent:.1f} %", "yes" if each.identical else "no",
            f"{each.largest_difference:.1e}",
        )  # fmt: skip
        if each.note:
            table.add_row(f"  not kept: {each.note}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
