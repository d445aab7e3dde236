"""OpenVINO on the CPU (extra ``openvino``)."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import LifoQueue
from typing import Any

import numpy as np

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import EngineInfo, Refusal
from inspector_app.engines.cores import Cores
from inspector_app.engines.models import Model
from inspector_app.engines.programs import Array, Runtime
from inspector_app.engines.rewrites import Rewrite
from inspector_app.engines.sentences import first_line
from inspector_app.engines.split_engine import SplitEngine

CPU_BATCH = 1
REWRITES = (Rewrite.SHARE | Rewrite.MERGE | Rewrite.MARGIN, Rewrite.SHARE)


def load_openvino() -> Any:
    """The ``openvino`` package, without its telemetry: importing it would start a thread that reports to a server,
    and a station talks to nobody.

    Raises:
        KeeperError: ``engine_missing``.
    """
    # None in place of a module makes its import fail, and openvino then takes its own silent stand-in.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise KeeperError(
            "engine_missing", "the openvino package is not installed", "pip install 'inspector-app[openvino]'"
        ) from error


class OpenVinoSession:
    """A graph compiled by OpenVINO for the CPU."""

    def __init__(self, model: Path | bytes, cores: Cores, bfloat16: bool = False) -> None:
        """Compile, to compute in float32 or in bfloat16.

        Raises:
            KeeperError: ``engine_missing``, ``engine_unavailable`` where the processor has no bfloat16,
                ``model_damaged``.
        """
        openvino = load_openvino()
        # Where a processor has bfloat16, OpenVINO would take it by itself: a verdict must not depend on that.
        hint = "bf16" if bfloat16 else "f32"
        config: dict[str, object] = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        if cores.parallel > 1:
            config["NUM_STREAMS"] = cores.parallel
        if cores.total:
            config["INFERENCE_NUM_THREADS"] = cores.total
        core = openvino.Core()
        if bfloat16 and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise KeeperError(
                "engine_unavailable",
                "the model is to be computed in bfloat16, which this processor does not have",
                "Use the float32 or the int8 form of the model.",
            )
        try:
            source = io.BytesIO(model) if isinstance(model, bytes) else str(model)
            self._compiled = core.compile_model(core.read_model(source), "CPU", config)
        except RuntimeError as error:
            raise KeeperError(
                "model_damaged", f"OpenVINO cannot load the network: {first_line(error)}."
            ) from error
        # A request serves one call at a time.
        self._requests: LifoQueue[Any] = LifoQueue()
        for _ in range(cores.parallel):
            self._requests.put(self._compiled.create_infer_request())
        # A port may bear several names (a float16 copy's input and the cast behind it); its node has the graph's own.
        self.inputs = frozenset(port.get_node().get_friendly_name() for port in self._compiled.inputs)
        self.outputs = frozenset(name for port in self._compiled.outputs for name in port.get_names())

    def run(self, wanted: Sequence[str], feed: Mapping[str, Array]) -> list[Array]:
        """See ``GraphSession.run``."""
        request = self._requests.get()
        try:
            results = request.infer(dict(feed))
            # The request writes its next results into the same memory.
            return [np.array(results[self._compiled.output(name)]) for name in wanted]
        except (RuntimeError, MemoryError) as error:
            raise KeeperError(
                "engine_failed", f"The network could not be run: {first_line(error)}."
            ) from error
        finally:
            self._requests.put(request)


class OpenVinoEngine(SplitEngine):
    """The network on OpenVINO."""

    def __init__(
        self, model: Model, threads: int = 0, refusals: tuple[Refusal, ...] = (), parallel: int = 1
    ) -> None:
        """Open ``model`` for ``parallel`` calls at once with ``threads`` each; 0 shares out all cores.

        Raises:
            KeeperError: see ``SplitEngine`` and ``OpenVinoSession``.
        """

        def describe(golden_note: str) -> EngineInfo:
            return EngineInfo("OpenVINO", "CPU", model.manifest.precision, "", refusals, golden_note)

        cores = Cores(threads, parallel)
        bfloat16 = model.manifest.precision == "bfloat16"
        runtime = Runtime(lambda graph: OpenVinoSession(graph, cores, bfloat16), CPU_BATCH, REWRITES)
        super().__init__(model, runtime, describe, parallel)
