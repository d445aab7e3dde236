"""Choose the engine: the first that really runs, with the reason why no better one does."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import numpy as np

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.protocols import ChangeEngine, EngineInfo, Refusal
from inspector_app.engines.cores import Cores
from inspector_app.engines.failover import EngineSwitch, FailoverEngine
from inspector_app.engines.models import Model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.open_vino import OpenVinoEngine
from inspector_app.engines.selfcheck import read_self_check
from inspector_app.engines.sentences import first_line
from inspector_app.engines.tensorrt.library import PLAN_MISSING, BuildRules
from inspector_app.engines.tensorrt.opening import open_tensorrt, plan_folder, prepare_plans


class EngineChoice(StrEnum):
    """What the user asks for."""

    AUTO = "auto"
    TENSORRT = "tensorrt"
    CUDA = "cuda"
    OPENVINO = "openvino"
    CPU = "cpu"


Opener = Callable[[Model, Cores, tuple[Refusal, ...]], ChangeEngine]


def _open_tensorrt(model: Model, cores: Cores, refusals: tuple[Refusal, ...]) -> ChangeEngine:
    if model.manifest.precision == "bfloat16":
        raise KeeperError(
            "engine_unavailable",
            "the model is to be computed in bfloat16 on a processor that has it",
            "Use the model's float16 form.",
        )
    # A build takes minutes: it is asked for, or another engine serves meanwhile.
    return open_tensorrt(model, plan_folder(), refusals, BuildRules(may_build=False))


def _open_cuda(model: Model, cores: Cores, refusals: tuple[Refusal, ...]) -> ChangeEngine:
    import onnxruntime as ort

    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise KeeperError(
            "engine_unavailable", "this onnxruntime was built without CUDA", "pip install onnxruntime-gpu"
        )
    return OnnxRuntimeEngine(model, "CUDA", cores.threads, refusals)


def _open_openvino(model: Model, cores: Cores, refusals: tuple[Refusal, ...]) -> ChangeEngine:
    return OpenVinoEngine(model, cores.threads, refusals, cores.parallel)


def _open_cpu(model: Model, cores: Cores, refusals: tuple[Refusal, ...]) -> ChangeEngine:
    return OnnxRuntimeEngine(model, "CPU", cores.threads, refusals, cores.parallel)


ENGINES: dict[EngineChoice, tuple[str, Opener]] = {
    EngineChoice.TENSORRT: ("TensorRT", _open_tensorrt),
    EngineChoice.CUDA: ("onnxruntime CUDA", _open_cuda),
    EngineChoice.CPU: ("onnxruntime CPU", _open_cpu),
    EngineChoice.OPENVINO: ("OpenVINO CPU", _open_openvino),
}
"""Best first."""


def open_engine(
    model: Model,
    choice: EngineChoice = EngineChoice.AUTO,
    threads: int = 0,
    on_switch: Callable[[EngineSwitch], None] = lambda switch: None,
    parallel: int = 1,
    building: BuildRules | None = None,
) -> ChangeEngine:
    """Open ``model`` on the engine asked for, once it passes the model's self-check.

    AUTO takes the first that does, and moves on to the next when it fails at run time (``on_switch`` is told).
    An engine asked for by name is never replaced. A CPU engine serves ``parallel`` calls at once with ``threads``
    each (0 shares out all cores); what the engine really serves at once is its ``parallel``.
    An engine asked for by name is never replaced. Plans that TensorRT lacks are built by ``building`` when it is
    asked for by name, on the calling thread; else it refuses with ``plan_missing``, and AUTO takes the next.

    Raises:
        KeeperError: when the engine asked for (or, with AUTO, every one) refuses.
    """
    cores = Cores(threads, parallel)
    if choice is EngineChoice.AUTO:
        waiting = list(ENGINES)

        def open_next(refusals: tuple[Refusal, ...]) -> ChangeEngine:
            return _open_first(model, waiting, cores, refusals)

        return FailoverEngine(open_next, on_switch)
    try:
        try:
            return _open_checked(model, choice, cores, ())
        except KeeperError as error:
            if error.code != PLAN_MISSING or building is None:
                raise
        prepare_plans(model, plan_folder(), building)
        return _open_checked(model, choice, cores, ())
    except InspectorError as error:
        label = ENGINES[choice][0]
        raise KeeperError(
            error.code, f"{label} cannot run: {error.message.rstrip('.')}.", error.hint
        ) from error


def plan_is_missing(info: EngineInfo) -> bool:
    """Whether a better engine would serve, had its plan been built."""
    return any(refusal.code == PLAN_MISSING for refusal in info.refusals)


ABSENT = frozenset({"engine_missing", "engine_unavailable"})


def _open_first(
    model: Model, waiting: list[EngineChoice], cores: Cores, refusals: tuple[Refusal, ...]
) -> ChangeEngine:
    """The first of ``waiting`` that works; it and those before it are taken off the list."""
    told: InspectorError = KeeperError("engine_unavailable", "There is no further engine.")
    while waiting:
        candidate = waiting.pop(0)
        try:
            return _open_checked(model, candidate, cores, refusals)
        except InspectorError as error:
            said = error.message.rstrip(".")
            refusals = (*refusals, Refusal(ENGINES[candidate][0], said, error.hint, error.code))
            # That an engine is not installed says less than why an installed one does not serve.
            if error.code not in ABSENT or told.code in ABSENT:
                told = error
    raise told


def _open_checked(
    model: Model, choice: EngineChoice, cores: Cores, refusals: tuple[Refusal, ...]
) -> ChangeEngine:
    label, opener = ENGINES[choice]
    try:
        engine = opener(model, cores, refusals)
    except (ImportError, OSError) as error:
        # A runtime that is there but broken (a missing system library) must not stop the others.
        raise KeeperError(
            "engine_missing", f"{label} cannot be loaded: {first_line(error)}.", "Install it again."
        ) from error
    try:
        self_check(engine, model)
    except InspectorError:
        engine.close()
        raise
    return engine


def probe_engines(model: Model) -> list[tuple[str, Refusal | None]]:
    """Try every engine; None in the second place means that it works."""
    found: list[tuple[str, Refusal | None]] = []
    for choice, (label, _) in ENGINES.items():
        try:
            _open_checked(model, choice, Cores(), ()).close()
            found.append((label, None))
        except InspectorError as error:
            found.append((label, Refusal(label, error.message, error.hint, error.code)))
    return found


SELF_CHECK_TOLERANCE = 2e-3
"""In probability, for float32: engines add in other orders. A wrong one is off by far more."""
COARSE_SELF_CHECK_TOLERANCE = 5e-2
"""The same for lower precisions, where engines also round otherwise: ``generic`` in float16 is off from float32 by
up to 3.7e-2 on twelve rendered pairs, though only 0.006% of the pixels cross its threshold."""


def self_check_tolerance(precision: str) -> float:
    """How far two engines may be from each other, in probability, on a file of ``precision``."""
    return SELF_CHECK_TOLERANCE if precision == "float32" else COARSE_SELF_CHECK_TOLERANCE


def self_check(engine: ChangeEngine, model: Model) -> float | None:
    """Run the stored pair and compare with the stored output.

    Returns:
        The largest difference in probability, None when the model stores no pair.

    Raises:
        KeeperError: ``self_check_failed``, or what the engine raises.
    """
    stored = read_self_check(model)
    if stored is None:
        return None
    got, expected = engine.compare(engine.encode_golden(stored.golden), stored.test), stored.probability
    difference = float(np.abs(got - expected).max()) if got.shape == expected.shape else float("inf")
    if not difference <= self_check_tolerance(model.manifest.precision):
        raise KeeperError(
            "self_check_failed",
            f"{engine.info.label} gives other results than {model.manifest.name} was released with "
            f"(off by {difference:.3g}).",
            "Choose another engine, and report this.",
        )
    return difference
