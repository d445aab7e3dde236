"""Choose the engine: the first that really runs, with the reason why no better one does."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from enum import StrEnum

import numpy as np

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.protocols import ChangeEngine, Refusal
from inspector_app.engines.models import Model
from inspector_app.engines.onnx_runtime import OnnxRuntimeEngine
from inspector_app.engines.open_vino import OpenVinoEngine


class EngineChoice(StrEnum):
    """What the user asks for."""

    AUTO = "auto"
    TENSORRT = "tensorrt"
    CUDA = "cuda"
    OPENVINO = "openvino"
    CPU = "cpu"


Opener = Callable[[Model, int, tuple[Refusal, ...]], ChangeEngine]


def _open_tensorrt(model: Model, threads: int, refusals: tuple[Refusal, ...]) -> ChangeEngine:
    if importlib.util.find_spec("tensorrt") is None:
        raise KeeperError(
            "engine_missing", "the tensorrt package is not installed", "pip install inspector-app[tensorrt]"
        )
    raise KeeperError("engine_unavailable", "this version of Inspector has no TensorRT engine yet")


def _open_cuda(model: Model, threads: int, refusals: tuple[Refusal, ...]) -> ChangeEngine:
    import onnxruntime as ort

    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise KeeperError(
            "engine_unavailable", "this onnxruntime was built without CUDA", "pip install onnxruntime-gpu"
        )
    return OnnxRuntimeEngine(model, "CUDA", threads, refusals)


def _open_openvino(model: Model, threads: int, refusals: tuple[Refusal, ...]) -> ChangeEngine:
    return OpenVinoEngine(model, threads, refusals)


def _open_cpu(model: Model, threads: int, refusals: tuple[Refusal, ...]) -> ChangeEngine:
    return OnnxRuntimeEngine(model, "CPU", threads, refusals)


ENGINES: dict[EngineChoice, tuple[str, Opener]] = {
    EngineChoice.TENSORRT: ("TensorRT", _open_tensorrt),
    EngineChoice.CUDA: ("onnxruntime CUDA", _open_cuda),
    EngineChoice.OPENVINO: ("OpenVINO CPU", _open_openvino),
    EngineChoice.CPU: ("onnxruntime CPU", _open_cpu),
}
"""Best first."""


def open_engine(model: Model, choice: EngineChoice = EngineChoice.AUTO, threads: int = 0) -> ChangeEngine:
    """Open ``model`` on the engine asked for; AUTO takes the first that passes the model's self-check.

    Raises:
        KeeperError: when the engine asked for (or, with AUTO, every one) refuses.
    """
    wanted = list(ENGINES) if choice is EngineChoice.AUTO else [choice]
    refusals: list[Refusal] = []
    last: InspectorError | None = None
    for candidate in wanted:
        label, opener = ENGINES[candidate]
        try:
            engine = opener(model, threads, tuple(refusals))
            self_check(engine, model)
            return engine
        except InspectorError as error:
            refusals.append(Refusal(label, error.message.rstrip("."), error.hint))
            last = error
    assert last is not None
    if choice is EngineChoice.AUTO:
        raise last
    raise KeeperError(last.code, f"{refusals[-1].engine} cannot run: {last.message.rstrip('.')}.", last.hint)


def probe_engines(model: Model) -> list[tuple[str, Refusal | None]]:
    """Try every engine; None in the second place means that it works."""
    found: list[tuple[str, Refusal | None]] = []
    for choice, (label, _) in ENGINES.items():
        try:
            open_engine(model, choice).close()
            found.append((label, None))
        except InspectorError as error:
            found.append((label, Refusal(label, error.message, error.hint)))
    return found


SELF_CHECK_TOLERANCE = 2e-3
"""In probability; an engine in float16 stays well within it, a wrong one does not."""


def self_check(engine: ChangeEngine, model: Model) -> float | None:
    """Run the stored pair and compare with the stored output.

    Returns:
        The largest difference in probability, None when the model stores no pair.

    Raises:
        KeeperError: ``self_check_failed``, or what the engine raises.
    """
    if not model.selfcheck.is_file():
        return None
    test, golden, expected = _stored_pair(model)
    got = engine.compare(engine.encode_golden(golden), test)
    difference = float(np.abs(got - expected).max()) if got.shape == expected.shape else float("inf")
    if not difference <= SELF_CHECK_TOLERANCE:
        raise KeeperError(
            "self_check_failed",
            f"{engine.info.label} gives other results than {model.manifest.name} was released with "
            f"(off by {difference:.3g}).",
            "Choose another engine, and report this.",
        )
    return difference


def _stored_pair(model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    try:
        with np.load(model.selfcheck, allow_pickle=False) as stored:
            return stored["test"], stored["golden"], stored["probability"]
    except (OSError, ValueError, KeyError) as error:
        raise KeeperError("self_check_failed", f"{model.selfcheck} cannot be read: {error}.") from error
