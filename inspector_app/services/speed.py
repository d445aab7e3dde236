"""Speeds of several engines as ratios of one run: rounds alternate, so that a slow moment hits all alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inspector_app.core.protocols import ChangeEngine, Clock, Tensor

WARM_UPS = 2


def time_engines(
    engines: Mapping[str, ChangeEngine], test: Tensor, golden: Tensor, clock: Clock, rounds: int
) -> dict[str, tuple[float, ...]]:
    """Milliseconds of ``compare`` for one pair with the golden kept, for each engine and round.

    Every other round runs in the opposite order: who comes after another finds its caches.
    """
    features = {name: engine.encode_golden(golden) for name, engine in engines.items()}
    for name, engine in engines.items():
        for _ in range(WARM_UPS):
            engine.compare(features[name], test)
    times: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(rounds):
        for name in list(engines)[:: -1 if number % 2 else 1]:
            started = clock.monotonic()
            engines[name].compare(features[name], test)
            times[name].append((clock.monotonic() - started) * 1000.0)
    return {name: tuple(values) for name, values in times.items()}


def median_ratio(slow: tuple[float, ...], fast: tuple[float, ...]) -> float:
    """How many times as fast: the median over rounds of each round's ratio."""
    return float(np.median(np.asarray(slow) / np.asarray(fast)))
