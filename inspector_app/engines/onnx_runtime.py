"""onnxruntime behind the ``ChangeEngine`` protocol."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import EngineInfo, Features, Refusal, Tensor
from inspector_app.engines.golden_split import Unsplit, split_graph
from inspector_app.engines.models import Model

PROVIDERS = {"CUDA": "CUDAExecutionProvider", "CPU": "CPUExecutionProvider"}
_FATAL_ONLY = 4


SPLIT_TOLERANCE = 1e-5
"""In probability: how far the two parts of a split graph may be from the whole one."""


@dataclass(frozen=True, eq=False)
class _Golden:
    """What this engine keeps of a golden: its tensor, and the split graph's cut for each batch met so far."""

    owner: int
    tensor: Tensor
    cuts: dict[int, list[NDArray[np.generic]]]


def create_session(model: Path | bytes, providers: list[str], threads: int, optimise: bool = True) -> Any:
    """An ``InferenceSession``, silent on stderr: what goes wrong is told by exceptions.

    Raises:
        KeeperError: ``model_damaged``, ``engine_missing``.
    """
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise KeeperError(
            "engine_missing", "onnxruntime is not installed.", "Run: pip install onnxruntime"
        ) from error
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = threads
    # A waiting worker that spins takes the core from decoding and from the screen.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    ort.set_default_logger_severity(_FATAL_ONLY)
    try:
        source = model if isinstance(model, bytes) else str(model)
        return ort.InferenceSession(source, sess_options=options, providers=providers)
    except _ort_faults() as error:
        name = "A part of the model" if isinstance(model, bytes) else model.name
        raise KeeperError(
            "model_damaged",
            f"{name} cannot be loaded as a network.",
            f"Copy it again or choose another model. ({_first_line(error)}.",
        ) from error


def _ort_faults() -> tuple[type[Exception], ...]:
    """What onnxruntime raises: its own classes hang off ``Exception`` directly, with no common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    named = tuple(
        kind
        for name in dir(state)
        if isinstance(kind := getattr(state, name), type) and issubclass(kind, Exception)
    )
    return (*named, RuntimeError, ValueError)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


class OnnxRuntimeEngine:
    """Runs what depends on the golden once for each golden, and the rest for each batch of test images.

    A graph that cannot be split, or whose parts do not give what the whole gives, is run whole for each batch;
    ``info.golden_note`` says why. A graph with a fixed batch is fed full batches, the last one padded and its
    surplus cropped.
    """

    def __init__(
        self, model: Model, provider: str = "CPU", threads: int = 0, refusals: tuple[Refusal, ...] = ()
    ) -> None:
        """Open ``model`` on ``provider`` ("CUDA" or "CPU"); ``threads`` 0 lets onnxruntime choose.

        Raises:
            KeeperError: ``model_damaged``, ``model_interface`` when the graph has not the manifest's names,
                ``engine_unavailable`` when onnxruntime silently chose another provider.
        """
        self._manifest = model.manifest
        wanted = PROVIDERS[provider]
        self._whole = create_session(model.path, [wanted], threads)
        running = self._whole.get_providers()[0]
        if running != wanted:
            raise KeeperError(
                "engine_unavailable", f"onnxruntime fell back from {provider} to {running} at load."
            )
        self._check_names()
        self._parts: _Parts | None = None
        note = self._split(model, wanted, threads)
        self._info = EngineInfo(
            name="onnxruntime",
            provider=provider,
            precision=model.manifest.precision,
            device=platform.processor() or platform.machine() if provider == "CPU" else "GPU 0",
            refusals=refusals,
            golden_note=note,
        )

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        return self._info

    @property
    def manifest(self) -> ModelManifest:
        """How the network is fed and read."""
        return self._manifest

    def encode_golden(self, golden: Tensor) -> Features:
        """See ``ChangeEngine.encode_golden``."""
        if golden.ndim != 4 or golden.shape[:2] != (1, 3):
            raise ValueError(f"a golden is 1 x 3 x H x W, got {golden.shape}")
        return _Golden(id(self), golden, {})

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        """See ``ChangeEngine.compare``."""
        if not isinstance(features, _Golden) or features.owner != id(self):
            raise ValueError("these golden features belong to another engine")
        golden = features.tensor
        if tests.ndim != 4 or tests.shape[0] < 1 or tests.shape[1:] != golden.shape[1:]:
            raise ValueError(f"tests {tests.shape} do not fit the golden {golden.shape}")
        fixed = self._manifest.batch
        if fixed is None:
            return self._run(features, tests)
        parts = [self._run_padded(features, tests[i : i + fixed], fixed) for i in range(0, len(tests), fixed)]
        return np.concatenate(parts)

    def close(self) -> None:
        """Drop the sessions."""
        self._whole = None
        self._parts = None

    def _split(self, model: Model, provider: str, threads: int) -> str:
        """Try to run the golden apart; returns why not, or nothing."""
        graph = split_graph(model.path, model.manifest)
        if isinstance(graph, Unsplit):
            return graph.reason
        parts = _Parts(
            create_session(graph.golden, [provider], threads),
            create_session(graph.rest, [provider], threads),
            graph.cut,
        )
        spec = model.manifest.input
        height, width = (64, 64) if spec.dynamic else (spec.height, spec.width)
        rng = np.random.default_rng(0)
        shape = (model.manifest.batch or 1, 3, height, width)
        tests = rng.uniform(-1, 1, shape).astype(np.float32)
        golden = _Golden(id(self), rng.uniform(-1, 1, (1, *shape[1:])).astype(np.float32), {})
        expected = self._run(golden, tests)
        self._parts = parts
        difference = float(np.abs(self._run(golden, tests) - expected).max())
        if difference > SPLIT_TOLERANCE:
            self._parts = None
            return f"its two parts differ from the whole graph by {difference:.1e}"
        self._whole = None
        return ""

    def _check_names(self) -> None:
        manifest = self._manifest
        inputs = {argument.name for argument in self._whole.get_inputs()}
        outputs = {argument.name for argument in self._whole.get_outputs()}
        wanted = {manifest.test_input, manifest.golden_input}
        if inputs != wanted or manifest.output not in outputs:
            raise KeeperError(
                "model_interface",
                f"{manifest.file} takes {sorted(inputs)} and gives {sorted(outputs)}, but its manifest names "
                f"{sorted(wanted)} and {manifest.output}.",
            )

    def _run_padded(self, golden: _Golden, tests: Tensor, batch: int) -> NDArray[np.float32]:
        missing = batch - len(tests)
        if missing:
            tests = np.concatenate([tests, np.repeat(tests[-1:], missing, axis=0)])
        return self._run(golden, tests)[: batch - missing]

    def _run(self, golden: _Golden, tests: Tensor) -> NDArray[np.float32]:
        manifest = self._manifest
        tests = np.ascontiguousarray(tests)
        copies = np.ascontiguousarray(np.broadcast_to(golden.tensor, tests.shape))
        feed: dict[str, NDArray[np.generic]] = {manifest.test_input: tests, manifest.golden_input: copies}
        try:
            if self._parts is None:
                (logits,) = self._whole.run([manifest.output], feed)
            else:
                logits = self._parts.run(golden.cuts, feed, manifest)
        except _ort_faults() as error:
            raise KeeperError(
                "engine_failed", f"The network could not be run: {_first_line(error)}."
            ) from error
        return change_probability(logits)


class _Parts:
    """The two sessions of a split graph."""

    def __init__(self, golden: Any, rest: Any, cut: tuple[str, ...]) -> None:
        self._golden = golden
        self._rest = rest
        self._cut = cut
        self._rest_inputs = {argument.name for argument in rest.get_inputs()}

    def run(
        self,
        kept: dict[int, list[NDArray[np.generic]]],
        feed: dict[str, NDArray[np.generic]],
        manifest: ModelManifest,
    ) -> NDArray[np.float32]:
        """The logits; the golden's part is run when this batch size is met for the first time."""
        batch = len(feed[manifest.test_input])
        if batch not in kept:
            copies = {manifest.golden_input: feed[manifest.golden_input]}
            kept[batch] = self._golden.run(list(self._cut), copies)
        known = {**feed, **dict(zip(self._cut, kept[batch], strict=True))}
        (logits,) = self._rest.run([manifest.output], {name: known[name] for name in self._rest_inputs})
        return np.asarray(logits, dtype=np.float32)


def change_probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax of the change class of ``N x 2 x H x W`` logits: ``1 / (1 + exp(l0 - l1))``.

    Raises:
        KeeperError: ``engine_failed`` when the network gave another shape or values that are not finite.
    """
    if logits.ndim != 4 or logits.shape[1] != 2:
        raise KeeperError("engine_failed", f"The network gave {logits.shape} instead of N x 2 x H x W.")
    margin = logits[:, 0].astype(np.float32) - logits[:, 1]
    if not np.isfinite(margin).all():
        raise KeeperError("engine_failed", "The network gave values that are not finite.")
    np.clip(margin, -80.0, 80.0, out=margin)
    np.exp(margin, out=margin)
    margin += 1.0
    return np.asarray(np.reciprocal(margin, out=margin), dtype=np.float32)
