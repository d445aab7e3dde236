"""How fast a model runs: engines, precisions, batch sizes, golden kept or not, against the reference loop.

All configurations are open at the same time and take turns in every round, so that a slow moment of the machine
hits all alike, and ratios are taken within a round. Every other round runs in the opposite order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.manifest import InputSpec, ModelManifest
from inspector_app.core.protocols import ChangeEngine, Clock, Refusal, Tensor
from inspector_app.services.memory import resident_bytes

LEAST_ROUNDS = 5
"""A median of fewer says little."""
SETTLE_S = 0.1
"""A default onnxruntime session keeps its threads spinning after a call, for about 60 ms where that was looked at."""
MOST_UNTIMED = 50
_MEGABYTE = 1e6


class GoldenUse(StrEnum):
    """What happens to the golden's share of the network."""

    KEPT = "kept"
    """Computed once; what is timed is the test image's share."""
    ANEW = "anew"
    """Computed for each call, as a program does that keeps nothing."""


class PairRunner(Protocol):
    """The reference loop's network: see ``engines.reference``."""

    @property
    def label(self) -> str:
        """For tables."""

    @property
    def manifest(self) -> ModelManifest:
        """How the network is fed and read."""

    @property
    def batch(self) -> int:
        """Pairs that one call takes."""

    def run(self, tests: Tensor, goldens: Tensor) -> NDArray[np.int64]:
        """Compute the class of each pixel."""


@dataclass(frozen=True)
class Candidate:
    """A model on an engine, not opened yet; ``open`` raises ``InspectorError`` when it does not serve.

    ``parallel`` calls are made side by side; the engine must be one that serves as many at once.
    """

    model: str
    engine: str
    open: Callable[[], ChangeEngine]
    parallel: int = 1


@dataclass(frozen=True)
class BenchPlan:
    """What is measured of each candidate.

    Attributes:
        batches: test images given to the network at once.
        goldens: uses of the golden.
        rounds: turns of each configuration, at least ``LEAST_ROUNDS``.
        calls: timed calls in a turn; some go before them untimed.
    """

    batches: tuple[int, ...] = (1, 4, 8)
    goldens: tuple[GoldenUse, ...] = tuple(GoldenUse)
    rounds: int = 7
    calls: int = 3

    def __post_init__(self) -> None:
        if not self.batches or min(self.batches) < 1 or not self.goldens:
            raise ValueError(f"batches {self.batches} or goldens {self.goldens} are wrong")
        if self.rounds < LEAST_ROUNDS or self.calls < 1:
            raise ValueError(f"rounds {self.rounds} (at least {LEAST_ROUNDS}) or calls {self.calls} is wrong")


@dataclass(frozen=True)
class BenchRow:
    """One configuration.

    Attributes:
        model: the folder or file that ran.
        engine: what really ran.
        precision: of the model on this engine.
        parallel: calls side by side.
        batch: images of a call.
        golden: how the golden was used.
        golden_note: why the golden cannot be kept here, else "".
        calls: how many were timed.
        p50_ms: latency of a call; half of them are faster.
        p95_ms: latency of a call, 95th percentile.
        p99_ms: latency of a call, 99th percentile.
        per_second: images a second, the median of the rounds.
        ratio: how many times as fast, an image, as the reference loop in the same round; the median of the rounds.
        memory_mb: growth of resident memory from before the engine was opened until this batch size had run;
            what an engine before it had freed and this one took is not seen. None where it cannot be read.
    """

    model: str
    engine: str
    precision: str
    parallel: int
    batch: int
    golden: GoldenUse
    golden_note: str
    calls: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_second: float
    ratio: float
    memory_mb: float | None


@dataclass(frozen=True)
class ReferenceRow:
    """The reference loop's network, in the same rounds: ``batch`` pairs a call, one call at a time."""

    label: str
    batch: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_second: float


@dataclass(frozen=True)
class BenchReport:
    """All that was measured, and what did not serve."""

    reference: ReferenceRow
    rows: tuple[BenchRow, ...]
    refusals: tuple[Refusal, ...]


@dataclass(eq=False)
class _Lane:
    """A configuration that takes turns: seconds of each call, and seconds an image of each turn."""

    images: int
    call: Callable[[], object]
    parallel: int = 1
    calls: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)

    def take_turn(self, clock: Clock, calls: int) -> None:
        """``calls`` on each thread, after some untimed ones.

        These take the caches back, and give the threads of the lane before ``SETTLE_S`` to fall asleep.
        """
        if self.parallel == 1:
            self._settle(clock)
            started = clock.monotonic()
            times = self._timed(clock, calls)
            ended = clock.monotonic()
        else:
            with ThreadPoolExecutor(self.parallel) as threads:
                list(threads.map(lambda _: self._settle(clock), range(self.parallel)))
                started = clock.monotonic()
                every = list(threads.map(lambda _: self._timed(clock, calls), range(self.parallel)))
                ended = clock.monotonic()
            times = [each for thread in every for each in thread]
        self.calls += times
        self.turns.append((ended - started) / (len(times) * self.images))

    def _settle(self, clock: Clock) -> None:
        until = clock.monotonic() + SETTLE_S
        for _ in range(MOST_UNTIMED):
            self.call()
            if clock.monotonic() >= until:
                return

    def _timed(self, clock: Clock, calls: int) -> list[float]:
        times = []
        for _ in range(calls):
            started = clock.monotonic()
            self.call()
            times.append(clock.monotonic() - started)
        return times

    def percentile_ms(self, percent: float) -> float:
        return float(np.percentile(self.calls, percent)) * 1000.0

    @property
    def per_second(self) -> float:
        return 1.0 / float(np.median(self.turns))


@dataclass(frozen=True, eq=False)
class _Entry:
    """A lane with what its row says of it."""

    lane: _Lane
    candidate: Candidate
    engine: ChangeEngine
    golden: GoldenUse
    memory_mb: float | None


def run_bench(
    candidates: Sequence[Candidate],
    reference: PairRunner,
    clock: Clock,
    plan: BenchPlan,
    on_round: Callable[[int], None] = lambda done: None,
) -> BenchReport:
    """Open every candidate, let all take turns on noise, and close them.

    Candidates that refuse, or fail when they are first run, are in ``refusals`` and hold nobody up.

    Args:
        candidates: what is compared.
        reference: what all are compared with.
        clock: measures.
        plan: how often, and what.
        on_round: is told how many rounds are done.

    Raises:
        InspectorError: the reference fails, or an engine does after it had run well.
    """
    opened: list[ChangeEngine] = []
    refusals: list[Refusal] = []
    try:
        entries: list[_Entry] = []
        for candidate in candidates:
            entries += _entries(candidate, plan, opened, refusals)
        base = _reference_lane(reference)
        for done in range(plan.rounds):
            lanes = (base, *(entry.lane for entry in entries))
            # Who comes after another finds its caches.
            for lane in lanes[:: -1 if done % 2 else 1]:
                lane.take_turn(clock, plan.calls)
            on_round(done + 1)
    finally:
        for engine in opened:
            engine.close()
    row = ReferenceRow(reference.label, base.images, *_latencies(base), base.per_second)
    return BenchReport(row, tuple(_row(entry, base) for entry in entries), tuple(refusals))


def _entries(
    candidate: Candidate, plan: BenchPlan, opened: list[ChangeEngine], refusals: list[Refusal]
) -> list[_Entry]:
    """The candidate's configurations, each run once; those that it refuses go to ``refusals``."""
    before = resident_bytes()
    entries: list[_Entry] = []
    try:
        engine = candidate.open()
        opened.append(engine)
        if engine.parallel != candidate.parallel:
            raise KeeperError("engine_unavailable", f"It serves {engine.parallel} at once here.")
        for golden, lane in _lanes(engine, plan, candidate.parallel):
            lane.call()
            entries.append(_Entry(lane, candidate, engine, golden, _growth(before)))
    except InspectorError as error:
        name = f"{candidate.engine}, {candidate.model}"
        if candidate.parallel > 1:
            name += f", {candidate.parallel} at once"
        refusals.append(Refusal(name, error.message, error.hint))
    return entries


def _lanes(engine: ChangeEngine, plan: BenchPlan, parallel: int) -> Iterator[tuple[GoldenUse, _Lane]]:
    """From small batches to large ones, so that memory grows by each."""
    # Where the golden cannot be kept there is one way only.
    uses = (GoldenUse.ANEW,) if engine.info.golden_note else plan.goldens
    for batch in sorted(plan.batches):
        tests, golden = _noise(engine.manifest.input, batch), _noise(engine.manifest.input, 1)
        for use in uses:
            yield use, _Lane(batch, _call(engine, golden, tests, use), parallel)


def _call(engine: ChangeEngine, golden: Tensor, tests: Tensor, use: GoldenUse) -> Callable[[], object]:
    if use is GoldenUse.ANEW:
        return lambda: engine.compare(engine.encode_golden(golden), tests)
    features = engine.encode_golden(golden)
    return lambda: engine.compare(features, tests)


def _reference_lane(reference: PairRunner) -> _Lane:
    spec = reference.manifest.input
    tests, goldens = _noise(spec, reference.batch), _noise(spec, reference.batch)
    return _Lane(reference.batch, lambda: reference.run(tests, goldens))


def _noise(spec: InputSpec, batch: int) -> Tensor:
    shape = (batch, 3, spec.height, spec.width)
    return np.random.default_rng(batch).uniform(-1, 1, shape).astype(np.float32)


def _growth(before: int | None) -> float | None:
    now = resident_bytes()
    return None if now is None or before is None else max(0, now - before) / _MEGABYTE


def _latencies(lane: _Lane) -> tuple[float, float, float]:
    return lane.percentile_ms(50), lane.percentile_ms(95), lane.percentile_ms(99)


def _row(entry: _Entry, base: _Lane) -> BenchRow:
    lane, info = entry.lane, entry.engine.info
    p50, p95, p99 = _latencies(lane)
    ratios = [theirs / ours for theirs, ours in zip(base.turns, lane.turns, strict=True)]
    return BenchRow(
        model=entry.candidate.model,
        engine=info.label,
        precision=info.precision,
        parallel=lane.parallel,
        batch=lane.images,
        golden=entry.golden,
        golden_note=info.golden_note,
        calls=len(lane.calls),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        per_second=lane.per_second,
        ratio=float(np.median(ratios)),
        memory_mb=entry.memory_mb,
    )
