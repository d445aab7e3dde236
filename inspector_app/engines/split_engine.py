"""A ``ChangeEngine`` over any runtime that can run a graph: the golden once, padding, and the proof of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import EngineInfo, Features, Tensor
from inspector_app.engines.golden_split import Unsplit, split_graph
from inspector_app.engines.models import Model

Array = NDArray[np.generic]

SPLIT_TOLERANCE = 1e-5
"""In probability: how far the two parts of a split graph in float32 may be from the whole one."""
COARSE_SPLIT_TOLERANCE = 1e-3
"""The same for lower precisions, where a runtime may fuse, and so round, the parts otherwise than the whole."""


class GraphSession(Protocol):
    """A graph that a runtime has loaded."""

    @property
    def inputs(self) -> frozenset[str]:
        """Names that it takes."""

    @property
    def outputs(self) -> frozenset[str]:
        """Names that it gives."""

    def run(self, wanted: Sequence[str], feed: Mapping[str, Array]) -> list[Array]:
        """Compute ``wanted``; what comes back is the caller's own. Any number of threads may call.

        Raises:
            KeeperError: ``engine_failed``.
        """


OpenSession = Callable[[Path | bytes], GraphSession]
"""Loads a graph from its file or its bytes; raises ``KeeperError``."""


@dataclass(frozen=True, eq=False)
class _Golden:
    """What is kept of a golden: its tensor, and the split graph's cut for each batch met so far."""

    owner: int
    tensor: Tensor
    cuts: dict[int, list[Array]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


class SplitEngine:
    """Runs what depends on the golden once for each golden, and the rest for each batch of test images.

    A graph that cannot be split, or whose parts do not give what the whole gives, is run whole for each batch;
    ``info.golden_note`` says why. A graph with a fixed batch is fed full batches, the last one padded and its
    surplus cropped.
    """

    def __init__(
        self,
        model: Model,
        open_session: OpenSession,
        describe: Callable[[str], EngineInfo],
        parallel: int = 1,
    ) -> None:
        """``describe`` gives the engine's info for the golden's note.

        Raises:
            KeeperError: ``model_damaged``, or ``model_interface`` when the graph has not the manifest's names.
        """
        self._manifest = model.manifest
        self._parallel = parallel
        self._whole: GraphSession | None = open_session(model.path)
        _check_names(self._whole, model.manifest)
        self._parts: _Parts | None = None
        self._info = describe(self._split(model, open_session))

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        return self._info

    @property
    def manifest(self) -> ModelManifest:
        """How the network is fed and read."""
        return self._manifest

    @property
    def parallel(self) -> int:
        """How many calls of ``compare`` the sessions were opened for."""
        return self._parallel

    def encode_golden(self, golden: Tensor) -> Features:
        """See ``ChangeEngine.encode_golden``."""
        if golden.ndim != 4 or golden.shape[:2] != (1, 3):
            raise ValueError(f"a golden is 1 x 3 x H x W, got {golden.shape}")
        return _Golden(id(self), golden)

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

    def _split(self, model: Model, open_session: OpenSession) -> str:
        """Try to run the golden apart; returns why not, or nothing."""
        graph = split_graph(model.path, model.manifest)
        if isinstance(graph, Unsplit):
            return graph.reason
        parts = _Parts(open_session(graph.golden), open_session(graph.rest), graph.cut)
        spec = model.manifest.input
        side = (64, 64) if spec.dynamic else (spec.height, spec.width)
        rng = np.random.default_rng(0)
        shape = (model.manifest.batch or 1, 3, *side)
        tests = rng.uniform(-1, 1, shape).astype(np.float32)
        golden = _Golden(id(self), rng.uniform(-1, 1, (1, *shape[1:])).astype(np.float32))
        expected = self._run(golden, tests)
        self._parts = parts
        difference = float(np.abs(self._run(golden, tests) - expected).max())
        coarse = model.manifest.precision != "float32"
        if difference > (COARSE_SPLIT_TOLERANCE if coarse else SPLIT_TOLERANCE):
            self._parts = None
            return f"its two parts differ from the whole graph by {difference:.1e}"
        self._whole = None
        return ""

    def _run_padded(self, golden: _Golden, tests: Tensor, batch: int) -> NDArray[np.float32]:
        missing = batch - len(tests)
        if missing:
            tests = np.concatenate([tests, np.repeat(tests[-1:], missing, axis=0)])
        return self._run(golden, tests)[: batch - missing]

    def _run(self, golden: _Golden, tests: Tensor) -> NDArray[np.float32]:
        manifest = self._manifest
        tests = np.ascontiguousarray(tests)
        copies = np.ascontiguousarray(np.broadcast_to(golden.tensor, tests.shape))
        feed: dict[str, Array] = {manifest.test_input: tests, manifest.golden_input: copies}
        parts, whole = self._parts, self._whole
        if parts is not None:
            return change_probability(parts.run(golden, feed, manifest))
        if whole is None:
            raise KeeperError("engine_failed", "The engine was closed.")
        return change_probability(whole.run([manifest.output], feed)[0])


class _Parts:
    """The two sessions of a split graph."""

    def __init__(self, golden: GraphSession, rest: GraphSession, cut: tuple[str, ...]) -> None:
        self._golden = golden
        self._rest = rest
        self._cut = cut

    def run(self, golden: _Golden, feed: Mapping[str, Array], manifest: ModelManifest) -> Array:
        """The logits; the golden's part is run when this batch size is met for the first time."""
        batch = len(feed[manifest.test_input])
        with golden.lock:
            if batch not in golden.cuts:
                copies = {manifest.golden_input: feed[manifest.golden_input]}
                golden.cuts[batch] = self._golden.run(self._cut, copies)
        known = {**feed, **dict(zip(self._cut, golden.cuts[batch], strict=True))}
        return self._rest.run([manifest.output], {name: known[name] for name in self._rest.inputs})[0]


def _check_names(session: GraphSession, manifest: ModelManifest) -> None:
    wanted = {manifest.test_input, manifest.golden_input}
    if session.inputs != wanted or manifest.output not in session.outputs:
        raise KeeperError(
            "model_interface",
            f"{manifest.file} takes {sorted(session.inputs)} and gives {sorted(session.outputs)}, but its "
            f"manifest names {sorted(wanted)} and {manifest.output}.",
        )


def change_probability(logits: Array) -> NDArray[np.float32]:
    """Softmax of the change class of ``N x 2 x H x W`` logits: ``1 / (1 + exp(l0 - l1))``.

    Raises:
        KeeperError: ``engine_output`` when the network gave another shape or values that are not finite.
    """
    if logits.ndim != 4 or logits.shape[1] != 2:
        raise KeeperError("engine_output", f"The network gave {logits.shape} instead of N x 2 x H x W.")
    values = np.asarray(logits, dtype=np.float32)
    margin = values[:, 0] - values[:, 1]
    if not np.isfinite(margin).all():
        raise KeeperError("engine_output", "The network gave values that are not finite.")
    np.clip(margin, -80.0, 80.0, out=margin)
    np.exp(margin, out=margin)
    margin += 1.0
    return np.asarray(np.reciprocal(margin, out=margin), dtype=np.float32)


def first_line(error: BaseException) -> str:
    """What a runtime's error says, in one line without its final stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # OpenVINO begins with the places in its own source.
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (telling or lines or [type(error).__name__])[0][:300].rstrip(".")
