"""onnxruntime, on the CPU or through CUDA."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import EngineInfo, Refusal
from inspector_app.engines.cores import Cores
from inspector_app.engines.models import Model
from inspector_app.engines.programs import Array, Runtime
from inspector_app.engines.rewrites import Rewrite
from inspector_app.engines.sentences import first_line
from inspector_app.engines.split_engine import SplitEngine

PROVIDERS = {"CUDA": "CUDAExecutionProvider", "CPU": "CPUExecutionProvider"}
Provider = tuple[str, dict[str, str]]
"""An execution provider's name and its options."""
# By default CUDA rounds float32 products to 10-bit mantissas (TF32); a verdict must not depend on the engine.
OPTIONS: Mapping[str, dict[str, str]] = {"CUDA": {"use_tf32": "0"}, "CPU": {}}
CPU_BATCH = 1
"""Images in a call: several save nothing on the CPU, and would need as many copies of the golden's features."""
CPU_REWRITES = (
    Rewrite.SHARE | Rewrite.MERGE | Rewrite.MARGIN | Rewrite.BLOCKED,
    Rewrite.SHARE | Rewrite.BLOCKED,
)
_FATAL_ONLY = 4


def create_session(
    model: Path | bytes, providers: Sequence[str | Provider], threads: int, optimise: bool = True
) -> Any:
    """An ``InferenceSession``, silent on stderr: what goes wrong is told by exceptions.

    Raises:
        KeeperError: ``model_damaged``, ``engine_missing``.
    """
    ort = _load_onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = threads
    # A waiting worker that spins takes the core from decoding and from the screen.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return _loaded(model, sess_options=options, providers=list(providers))


def create_default_session(model: Path) -> Any:
    """An ``InferenceSession`` on the CPU with every option as onnxruntime sets it.

    Raises:
        KeeperError: ``model_damaged``, ``engine_missing``.
    """
    return _loaded(model, providers=[PROVIDERS["CPU"]])


def _load_onnxruntime() -> Any:
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise KeeperError(
            "engine_missing", "onnxruntime is not installed.", "Run: pip install onnxruntime"
        ) from error
    ort.set_default_logger_severity(_FATAL_ONLY)
    return ort


def _loaded(model: Path | bytes, **options: object) -> Any:
    try:
        source = model if isinstance(model, bytes) else str(model)
        return _load_onnxruntime().InferenceSession(source, **options)
    except ort_faults() as error:
        name = "A part of the model" if isinstance(model, bytes) else model.name
        raise KeeperError(
            "model_damaged",
            f"{name} cannot be loaded as a network.",
            f"Copy it again or choose another model. ({first_line(error)})",
        ) from error


def ort_faults() -> tuple[type[Exception], ...]:
    """What onnxruntime raises: its own classes hang off ``Exception`` directly, with no common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    named = tuple(
        kind
        for name in dir(state)
        if isinstance(kind := getattr(state, name), type) and issubclass(kind, Exception)
    )
    return (*named, RuntimeError, ValueError)


def _running_faults() -> tuple[type[Exception], ...]:
    """Memory that is used up is the engine's fault too: the next one may need less."""
    return (*ort_faults(), MemoryError)


class OrtSession:
    """A graph loaded by onnxruntime."""

    def __init__(self, model: Path | bytes, provider: str, threads: int) -> None:
        """Load on ``provider`` ("CUDA" or "CPU").

        Raises:
            KeeperError: ``model_damaged``, or ``engine_unavailable`` when onnxruntime silently chose another
                provider.
        """
        wanted = PROVIDERS[provider]
        self._session = create_session(model, [(wanted, OPTIONS[provider])], threads)
        running = self._session.get_providers()[0]
        if running != wanted:
            raise KeeperError(
                "engine_unavailable",
                f"it fell back to {running} at load: no {provider} device, or its libraries are missing.",
                "Install NVIDIA's driver and: pip install 'inspector-app[cuda]'",
            )
        self.inputs = frozenset(argument.name for argument in self._session.get_inputs())
        self.outputs = frozenset(argument.name for argument in self._session.get_outputs())

    def run(self, wanted: Sequence[str], feed: Mapping[str, Array]) -> list[Array]:
        """See ``GraphSession.run``."""
        try:
            return list(self._session.run(list(wanted), dict(feed)))
        except _running_faults() as error:
            raise KeeperError(
                "engine_failed", f"The network could not be run: {first_line(error)}."
            ) from error


class OnnxRuntimeEngine(SplitEngine):
    """The network on onnxruntime."""

    def __init__(
        self,
        model: Model,
        provider: str = "CPU",
        threads: int = 0,
        refusals: tuple[Refusal, ...] = (),
        parallel: int = 1,
    ) -> None:
        """Open ``model`` on ``provider`` ("CUDA" or "CPU").

        On the CPU ``parallel`` calls may run at once with ``threads`` each; 0 shares out all cores. On CUDA
        one call fills the device, and ``parallel`` is 1 whatever is asked for.

        Raises:
            KeeperError: ``engine_unavailable`` for a model in bfloat16; see ``SplitEngine`` and ``OrtSession``.
        """

        def describe(golden_note: str) -> EngineInfo:
            device = platform.processor() or platform.machine() if provider == "CPU" else "GPU 0"
            precision = model.manifest.precision
            return EngineInfo("onnxruntime", provider, precision, device, refusals, golden_note)

        if model.manifest.precision == "bfloat16":
            raise KeeperError(
                "engine_unavailable",
                "the model is to be computed in bfloat16, and onnxruntime would compute it in float32",
                "Use OpenVINO on a processor that has bfloat16, or the model's float32 or int8 form.",
            )
        cores = Cores(threads, parallel if provider == "CPU" else 1)

        def load(graph: Path | bytes) -> OrtSession:
            return OrtSession(graph, provider, cores.pool)

        runtime = Runtime(load, CPU_BATCH, CPU_REWRITES) if provider == "CPU" else Runtime(load)
        super().__init__(model, runtime, describe, cores.parallel)
