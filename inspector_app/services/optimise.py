"""Make copies of a model in lower precision, measure each against float32, and keep what is proved and faster."""

from __future__ import annotations

import contextlib
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.frame import Frame
from inspector_app.core.protocols import ChangeEngine, Clock
from inspector_app.engines.half import convert_to_half
from inspector_app.engines.models import Model, sha256_of
from inspector_app.engines.quantise import Int8Setting, Pair, Quantiser
from inspector_app.engines.registry import EngineChoice, open_engine
from inspector_app.services.acceptance import Agreement, Judged, compare, judge_all
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.inspect import InspectionService
from inspector_app.services.int8_search import first_settings, restored_settings
from inspector_app.services.loading import RequestLoader
from inspector_app.services.optimisation_report import CandidateReport, Timed
from inspector_app.services.speed import median_ratio, time_engines
from inspector_app.vision.tensors import to_tensor

Precision = Literal["float16", "bfloat16", "int8"]
CPU_ENGINES = (EngineChoice.CPU, EngineChoice.OPENVINO)
MUST_GAIN = 1.05
"""Times as fast as float32 that a copy for CPUs must be: less is lost in the noise of a measurement."""
MOST_GROUPS = 14
PROBES = 4
"""Pairs on which groups of layers are compared."""
NO_GPU = "accepted for GPUs on its accuracy alone, measured on the CPU; its speed there is not known"


@dataclass(frozen=True, eq=False)
class Trial:
    """A copy that was measured: where it lies, on which engine it was judged, and how it fared."""

    report: CandidateReport
    model: Model | None = None
    choice: EngineChoice = EngineChoice.CPU
    int8: Int8Setting | None = None


@dataclass(frozen=True, eq=False)
class Bench:
    """What every measurement needs.

    Attributes:
        job: the images that accept, with the settings that judge.
        make_service: the line over an engine.
        folder: where copies are written while they are tried.
        rounds: repetitions of each timing.
        say: is told of each step, in a few words.
    """

    job: BatchJob
    make_service: Callable[[ChangeEngine], InspectionService]
    clock: Clock
    folder: Path
    threads: int = 0
    rounds: int = 21
    say: Callable[[str], None] = lambda text: None


@dataclass(frozen=True, eq=False)
class Reference:
    """The float32 network: its CPU engines by label, what it said, and its medians."""

    model: Model
    engines: Mapping[str, ChangeEngine]
    judged: Judged
    pairs: tuple[Pair, ...]
    times: tuple[Timed, ...]


@contextlib.contextmanager
def open_reference(model: Model, calibration: BatchJob, bench: Bench) -> Iterator[Reference]:
    """Open the float32 network on every CPU engine that runs it, and let the first judge all images.

    Raises:
        KeeperError: ``calibration_invalid`` when no image can be used; when no CPU engine runs the model.
    """
    bench.say("float32")
    with _open_all(model, CPU_ENGINES, bench.threads) as (engines, problems):
        if not engines:
            raise KeeperError("engine_unavailable", f"No CPU engine runs the model: {'; '.join(problems)}.")
        named = {engine.info.label: engine for engine in engines.values()}
        service = bench.make_service(next(iter(named.values())))
        pairs = calibration_pairs(service, calibration)
        times = time_engines(named, *pairs[0], bench.clock, bench.rounds)
        judged = judge_all(service, bench.job)
        yield Reference(model, named, judged, pairs, _timed(times))


def calibration_pairs(service: InspectionService, job: BatchJob) -> tuple[Pair, ...]:
    """The tensors of a job's images, aligned as its settings say; images that cannot be used are left out.

    Raises:
        KeeperError: ``calibration_invalid`` when none can.
    """
    loader, spec = RequestLoader(job, None), service.engine.manifest.input
    pairs: list[Pair] = []
    reason = "there are none"
    for item in job.items:
        request = loader.request(item)
        prepared = service.prepare(request)
        if prepared.looks and prepared.looks[0].whole is not None and isinstance(request.golden, Frame):
            pairs.append((prepared.looks[0].whole, to_tensor(request.golden.pixels, spec)))
        elif prepared.error is not None:
            reason = f"{item.name}: {prepared.error.message}"
    if not pairs:
        raise KeeperError("calibration_invalid", f"No image of the calibration set can be used: {reason}")
    return tuple(pairs)


def try_float16(reference: Reference, bench: Bench) -> Trial:
    """For GPUs: accuracy is measured on the CPU, which computes such a file too; speed cannot be."""
    bench.say("float16")
    out = bench.folder / "float16.onnx"
    convert_to_half(reference.model.path, out)
    setting = "float16 weights and arithmetic, float32 inputs and outputs"
    empty = CandidateReport(precision="float16", setting=setting)
    trial = _measure(
        _variant(reference.model, out, "float16"), empty, (EngineChoice.CPU,), reference, bench, timed=False
    )
    if trial.report.accepted:
        return replace(trial, report=trial.report.model_copy(update={"reason": NO_GPU}))
    return trial


def try_bfloat16(reference: Reference, bench: Bench) -> Trial:
    """For processors that have it: the float32 file, computed in bfloat16 by OpenVINO."""
    setting = "the float32 file, computed in bfloat16 by OpenVINO"
    empty = CandidateReport(precision="bfloat16", setting=setting)
    bench.say("bfloat16")
    # A copy: beside the float32 file lies what that file said, to more digits than bfloat16 has.
    out = bench.folder / "bfloat16.onnx"
    shutil.copyfile(reference.model.path, out)
    model = _variant(reference.model, out, "bfloat16")
    return _measure(model, empty, (EngineChoice.OPENVINO,), reference, bench)


def try_int8(reference: Reference, bench: Bench) -> Iterator[Trial]:
    """The usual ways to quantise; then, where one is faster and not accurate, with its worst layers in float32."""
    try:
        quantiser = Quantiser(reference.model, reference.pairs, bench.folder)
    except InspectorError as error:
        yield Trial(CandidateReport(precision="int8", setting="static", reason=str(error)))
        return
    trials: list[Trial] = []
    for setting in first_settings(quantiser.layers):
        trials.append(_try_setting(quantiser, setting, len(trials), reference, bench))
        yield trials[-1]
    if any(trial.report.accepted for trial in trials):
        return
    fast = [trial for trial in trials if (trial.report.ratio or 0.0) >= MUST_GAIN]
    if not fast:
        return
    best = max(fast, key=lambda trial: trial.report.mask_agreement or 0.0)
    assert best.int8 is not None
    bench.say("which layers suffer")
    harm = layer_harm(quantiser, best.int8, best.choice, reference, bench)
    for number, setting in enumerate(restored_settings(best.int8, harm), start=len(trials)):
        trial = _try_setting(quantiser, setting, number, reference, bench)
        yield trial
        if trial.report.accepted:
            return


def layer_harm(
    quantiser: Quantiser, setting: Int8Setting, choice: EngineChoice, reference: Reference, bench: Bench
) -> dict[tuple[str, ...], float]:
    """What quantising a group of neighbouring layers alone costs: the share of pixels that cross the threshold, over
    the pairs with most change, and where none does the mean change of probability breaks the tie."""
    names = quantiser.layers
    length = -(-len(names) // MOST_GROUPS)
    groups = [names[i : i + length] for i in range(0, len(names), length)]
    threshold = bench.job.settings.limits.threshold
    probes = _probes(reference, threshold)
    out = bench.folder / "probe.onnx"
    harm = {}
    for group in groups:
        quantiser.write(replace(setting, layers_only=True, in_float=frozenset(names) - set(group)), out)
        with _open_all(_variant(reference.model, out, "int8"), (choice,), bench.threads) as (engines, _):
            for engine in engines.values():
                changes = [
                    _change(engine.compare(engine.encode_golden(golden), test), expected, threshold)
                    for (test, golden), expected in probes
                ]
                harm[group] = float(np.mean(changes))
    return harm


def _probes(reference: Reference, threshold: float) -> list[tuple[Pair, NDArray[np.float32]]]:
    """The calibration pairs with most pixels above the threshold, each with its float32 map."""
    whole = next(iter(reference.engines.values()))
    maps = [whole.compare(whole.encode_golden(golden), test) for test, golden in reference.pairs]
    marked = [int(np.count_nonzero(each >= threshold)) for each in maps]
    order = sorted(range(len(maps)), key=marked.__getitem__, reverse=True)
    return [(reference.pairs[i], maps[i]) for i in order[:PROBES]]


def _change(got: NDArray[np.float32], expected: NDArray[np.float32], threshold: float) -> float:
    crossed = np.mean((got >= threshold) != (expected >= threshold))
    return float(crossed + 1e-3 * np.abs(got - expected).mean())


def _try_setting(
    quantiser: Quantiser, setting: Int8Setting, number: int, reference: Reference, bench: Bench
) -> Trial:
    bench.say(f"int8: {setting.describe()}")
    out = bench.folder / f"int8-{number}.onnx"
    empty = CandidateReport(precision="int8", setting=setting.describe())
    try:
        quantiser.write(setting, out)
    except InspectorError as error:
        return Trial(empty.model_copy(update={"reason": str(error)}), int8=setting)
    trial = _measure(_variant(reference.model, out, "int8"), empty, CPU_ENGINES, reference, bench)
    return replace(trial, int8=setting)


def _measure(
    model: Model,
    empty: CandidateReport,
    choices: Sequence[EngineChoice],
    reference: Reference,
    bench: Bench,
    timed: bool = True,
) -> Trial:
    """Time a copy on each engine beside the float32 network, and judge all images: on the fastest engine, and where
    that one holds on the others too, since any of them may come to serve."""
    with _open_all(model, choices, bench.threads) as (engines, problems):
        if not engines:
            return Trial(empty.model_copy(update={"reason": "; ".join(problems)}))
        choice = next(iter(engines))
        facts: dict[str, object] = {}
        if timed:
            choice, facts = _race(engines, reference, bench)
        report = _judged(empty, engines[choice], facts, reference, bench)
        for other in engines.values():
            if report.accepted and other is not engines[choice]:
                report = _judged_too(report, other, reference, bench)
    return Trial(report, model, choice)


def _race(
    engines: Mapping[EngineChoice, ChangeEngine], reference: Reference, bench: Bench
) -> tuple[EngineChoice, dict[str, object]]:
    """The fastest of ``engines``, with its times and its ratio to the fastest float32 engine of the same rounds."""
    runners: dict[str, ChangeEngine] = {f"float32 {label}": e for label, e in reference.engines.items()}
    runners |= {choice.value: engine for choice, engine in engines.items()}
    times = time_engines(runners, *reference.pairs[0], bench.clock, bench.rounds)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    choice = min(engines, key=lambda each: medians[each.value])
    plain = min((name for name in runners if name.startswith("float32 ")), key=medians.__getitem__)
    labels = {choice.value: engine.info.label for choice, engine in engines.items()}
    timed = tuple(Timed(engine=labels.get(name, name), ms=round(ms, 3)) for name, ms in medians.items())
    return choice, {"times": timed, "ratio": round(median_ratio(times[plain], times[choice.value]), 3)}


def _judged(
    empty: CandidateReport,
    engine: ChangeEngine,
    facts: Mapping[str, object],
    reference: Reference,
    bench: Bench,
) -> CandidateReport:
    agreement = _agreement(engine, reference, bench)
    ratio = facts.get("ratio")
    reasons = [agreement.refusal]
    if isinstance(ratio, float) and ratio < MUST_GAIN:
        reasons.append(f"not faster: {ratio:.2f} times the speed of float32, and {MUST_GAIN:.2f} is asked")
    return empty.model_copy(
        update={
            **facts,
            "engine": engine.info.label,
            "changed": agreement.changed,
            "iou": agreement.iou_after,
            "iou_fall": round(agreement.iou_fall, 4),
            "mask_agreement": agreement.mask_agreement,
            "accepted": not any(reasons),
            "reason": "; ".join(reason for reason in reasons if reason),
        }
    )


def _judged_too(
    report: CandidateReport, engine: ChangeEngine, reference: Reference, bench: Bench
) -> CandidateReport:
    """An accepted copy on another engine: refused after all when it does not hold there."""
    refusal = _agreement(engine, reference, bench).refusal
    if not refusal:
        return report
    return report.model_copy(update={"accepted": False, "reason": f"on {engine.info.label} {refusal}"})


def _agreement(engine: ChangeEngine, reference: Reference, bench: Bench) -> Agreement:
    return compare(reference.judged, judge_all(bench.make_service(engine), bench.job))


@contextlib.contextmanager
def _open_all(
    model: Model, choices: Sequence[EngineChoice], threads: int
) -> Iterator[tuple[dict[EngineChoice, ChangeEngine], list[str]]]:
    """Every engine of ``choices`` that runs ``model``, and why the others do not; closed at the end."""
    engines: dict[EngineChoice, ChangeEngine] = {}
    problems: list[str] = []
    try:
        for choice in choices:
            try:
                engines[choice] = open_engine(model, choice, threads)
            except InspectorError as error:
                problems.append(str(error))
        yield engines, problems
    finally:
        for engine in engines.values():
            engine.close()


def _variant(base: Model, path: Path, precision: Precision) -> Model:
    """The manifest of a copy; it has no self-check yet, since ``path`` lies elsewhere."""
    facts = {
        "file": path.name,
        "sha256": sha256_of(path),
        "precision": precision,
        "optimised_from": base.manifest.sha256,
    }
    return Model(base.manifest.model_copy(update=facts), path)


def _timed(times: Mapping[str, tuple[float, ...]]) -> tuple[Timed, ...]:
    return tuple(Timed(engine=name, ms=round(float(np.median(ms)), 3)) for name, ms in times.items())


def processor() -> str:
    """The processor's name, as far as the platform tells it."""
    return platform.processor() or platform.machine()
