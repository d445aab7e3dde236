"""How fast a model runs on an engine: figures by repeated measurement, as ratios within one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inspector_app.core.protocols import ChangeEngine, Clock


@dataclass(frozen=True)
class BenchRow:
    """One batch size: milliseconds an image, by percentile over the repetitions, and images a second.

    ``ratio`` is the speed against the first row's.
    """

    batch: int
    median_ms: float
    p95_ms: float
    per_second: float
    ratio: float


def bench_engine(
    engine: ChangeEngine, clock: Clock, batches: Sequence[int], repeats: int
) -> tuple[BenchRow, ...]:
    """Time ``compare`` on noise for each batch size; rounds alternate, so that a slow moment hits all alike."""
    spec = engine.manifest.input
    rng = np.random.default_rng(0)
    shape = (max(batches), 3, spec.height, spec.width)
    tests = rng.uniform(-1, 1, shape).astype(np.float32)
    features = engine.encode_golden(tests[:1])
    for batch in batches:
        engine.compare(features, tests[:batch])
    times: dict[int, list[float]] = {batch: [] for batch in batches}
    for _ in range(repeats):
        for batch in batches:
            started = clock.monotonic()
            engine.compare(features, tests[:batch])
            times[batch].append((clock.monotonic() - started) * 1000.0 / batch)
    first = float(np.median(times[batches[0]]))
    rows = []
    for batch in batches:
        median = float(np.median(times[batch]))
        p95 = float(np.percentile(times[batch], 95))
        rows.append(BenchRow(batch, median, p95, 1000.0 / median, first / median))
    return tuple(rows)
