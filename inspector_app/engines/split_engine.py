"""A ``ChangeEngine`` over any runtime that can run a graph: the golden once, sizes, and padding."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import EngineInfo, Features, Tensor
from inspector_app.engines.golden_split import GraphParts, Unsplit, split_graph
from inspector_app.engines.models import Model
from inspector_app.engines.programs import (
    Array,
    GraphSession,
    Kept,
    Program,
    Runtime,
    WholeProgram,
    keeps_apart,
    open_split,
)

Side = tuple[int, int]
SIZES = 3
"""How many sizes of image are held ready at a time."""
DEVICE_PAIRS = 8
"""Pairs that fill a call of a device that takes any number."""


class _Golden:
    """What is kept of a golden: its tensor, and what one program made of it."""

    def __init__(self, owner: SplitEngine, tensor: Tensor) -> None:
        self.owner = owner
        self.tensor = tensor
        self.lock = Lock()
        self._kept = Kept([], 1)
        # Weakly: a golden must not hold the sessions of a size that is no longer held ready.
        self._program: weakref.ref[Program] | None = None

    def made_by(self, program: Program) -> Kept | None:
        """What ``program`` made of it, if it did."""
        return self._kept if self._program is not None and self._program() is program else None

    def remember(self, program: Program, kept: Kept) -> Kept:
        """Keep this in place of what was kept."""
        self._program, self._kept = weakref.ref(program), kept
        return kept

    def forget(self) -> None:
        """Keep nothing."""
        self._program, self._kept = None, Kept([], 1)

    @property
    def nbytes(self) -> int:
        """Of all that is kept."""
        return self.tensor.nbytes + sum(array.nbytes for array in self._kept.arrays)


class SplitEngine:
    """Runs what depends on the golden once for each golden, and the rest for each test image.

    A graph that cannot be split, or whose parts do not give what the whole gives, is run whole; ``info.golden_note``
    says why. A graph with a fixed batch is fed full batches, the last one padded and its surplus cropped; another
    one in portions of ``runtime.batch``.
    """

    def __init__(
        self, model: Model, runtime: Runtime, describe: Callable[[str], EngineInfo], parallel: int = 1
    ) -> None:
        """``describe`` gives the engine's info for the golden's note.

        Raises:
            KeeperError: ``model_damaged``, or ``model_interface`` when the graph has not the manifest's names.
        """
        self._manifest = model.manifest
        self._model = model
        self._runtime = runtime
        self._parallel = parallel
        self._portion = model.manifest.batch or runtime.batch
        self._lock = Lock()
        self._encoding = Lock()
        self._closed = False
        self._programs: OrderedDict[Side, Program] = OrderedDict()
        whole = runtime.load(model.path)
        _check_names(whole, model.manifest)
        self._graph: GraphParts | Unsplit = split_graph(model.path, model.manifest)
        spec = model.manifest.input
        first = self._open(whole, (spec.height, spec.width))
        self._programs[spec.height, spec.width] = first
        self._info = describe(first.note)
        self._pairs_per_call = (self._portion or DEVICE_PAIRS) if first.stacks else 1

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

    @property
    def pairs_per_call(self) -> int:
        """A call's portion, where different goldens may share it."""
        return self._pairs_per_call

    def encode_golden(self, golden: Tensor) -> Features:
        """See ``ChangeEngine.encode_golden``.

        Raises:
            KeeperError: ``engine_failed``.
        """
        if golden.ndim != 4 or golden.shape[:2] != (1, 3):
            raise ValueError(f"a golden is 1 x 3 x H x W, got {golden.shape}")
        features = _Golden(self, golden)
        if self._portion == 1:
            self._kept(self._program(golden.shape), [features])
        return features

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        """See ``ChangeEngine.compare``."""
        return self.compare_each([features] * len(tests), tests)

    def compare_each(self, features: Sequence[Features], tests: Tensor) -> NDArray[np.float32]:
        """See ``ChangeEngine.compare_each``."""
        goldens = [each for each in features if isinstance(each, _Golden) and each.owner is self]
        if len(goldens) < len(features):
            raise ValueError("these golden features belong to another engine")
        if tests.ndim != 4 or not len(tests) or len(goldens) != len(tests):
            raise ValueError(f"tests {tests.shape} do not fit {len(goldens)} goldens")
        for golden in goldens:
            if golden.tensor.shape[1:] != tests.shape[1:]:
                raise ValueError(f"tests {tests.shape} do not fit the golden {golden.tensor.shape}")
        program = self._program(tests.shape)
        parts = [
            self._run(program, goldens[call], tests[call], self._portion or call.stop - call.start)
            for call in _calls(goldens, self._portion or len(tests), program.stacks)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def kept_bytes(self, features: Features) -> int:
        """See ``ChangeEngine.kept_bytes``."""
        if not isinstance(features, _Golden):
            return 0
        return features.nbytes

    def close(self) -> None:
        """Drop the sessions."""
        with self._lock:
            self._closed = True
            self._programs.clear()

    def _program(self, shape: tuple[int, ...]) -> Program:
        """What runs images of a shape; made when the size is met for the first time."""
        spec = self._manifest.input
        side = (shape[2], shape[3]) if spec.dynamic else (spec.height, spec.width)
        with self._lock:
            if self._closed:
                raise KeeperError("engine_failed", "The engine was closed.")
            if side not in self._programs:
                self._programs[side] = self._open_in_work(side)
                while len(self._programs) > SIZES:
                    self._programs.popitem(last=False)
            self._programs.move_to_end(side)
            return self._programs[side]

    def _open_in_work(self, side: Side) -> Program:
        """A size that comes in the middle of work: what cannot be opened for it has failed."""
        try:
            return self._open(self._runtime.load(self._model.path), side)
        except KeeperError as error:
            if error.code == "engine_failed":
                raise
            raise KeeperError(
                "engine_failed", f"Images of {side[1]} x {side[0]} pixels cannot be run: {error.message}"
            ) from error

    def _open(self, session: GraphSession, side: Side) -> Program:
        if isinstance(self._graph, Unsplit):
            whole = WholeProgram(session, self._manifest, self._graph.reason)
            program: Program = whole
        else:
            whole = WholeProgram(session, self._manifest, "")
            program = open_split(self._graph, self._manifest, self._runtime, side, whole)
        if self._portion != 1:
            program.stacks = keeps_apart(program, whole, self._manifest, self._portion or 2, side)
        return program

    def _run(
        self, program: Program, features: Sequence[_Golden], tests: Tensor, size: int
    ) -> NDArray[np.float32]:
        """One call of ``size`` pairs; those that are missing repeat the last."""
        count = len(tests)
        if count < size:
            tests = np.concatenate([tests, np.repeat(tests[-1:], size - count, axis=0)])
            features = [*features, *([features[-1]] * (size - count))]
        kept, goldens = self._kept(program, features)
        return program.run(kept, goldens, np.ascontiguousarray(tests))[:count]

    def _kept(self, program: Program, features: Sequence[_Golden]) -> tuple[Sequence[Array], Tensor]:
        """What a call of ``program`` takes of goldens, and the goldens; what is missing of it is computed."""
        first, size = features[0], len(features)
        goldens = first.tensor if size == 1 else np.concatenate([each.tensor for each in features])
        different = any(each is not first for each in features)
        # A golden may be met in calls of any size at once; of single images, many goldens are encoded side by side.
        with first.lock if self._portion == 1 else self._encoding:
            kept = first.made_by(program)
            if not different and not (kept is not None and _serves(kept, program, size)):
                first.forget()
                kept = first.remember(program, Kept(program.encode(goldens), size))
            if not different and kept is not None and kept.serves(size):
                return kept.arrays, goldens
            shares = self._encoded(program, features)
        return program.stack(shares, goldens), goldens

    def _encoded(self, program: Program, features: Sequence[_Golden]) -> list[Kept]:
        """What is kept of each; goldens that are new are encoded together."""
        kept = {each: made for each in features if (made := each.made_by(program)) is not None}
        new = [each for each in dict.fromkeys(features) if each not in kept]
        if new:
            # A graph of fixed batch takes no fewer.
            filled = [*new, *([new[-1]] * (len(features) - len(new)))] if self._portion else new
            shares = program.encode_each(np.concatenate([each.tensor for each in filled]))
            kept.update((each, each.remember(program, own)) for each, own in zip(new, shares, strict=False))
        return [kept[each] for each in features]


def _serves(kept: Kept, program: Program, size: int) -> bool:
    """Whether a call of one golden takes what is kept of it, as it is or stacked, rather than computing it anew: copies
    of a smaller number would be stacked for every call to come."""
    return kept.serves(size) or (program.stacks and (not kept.sizes or kept.copies > size))


def _calls(goldens: Sequence[_Golden], size: int, stacks: bool) -> Iterator[slice]:
    """Portions of at most ``size``; of one golden each where different ones may not share a call."""
    start = 0
    for stop in range(1, len(goldens) + 1):
        ended = stop == len(goldens) or not (stacks or goldens[stop] is goldens[start])
        if ended or stop - start == size:
            yield slice(start, stop)
            start = stop


def _check_names(session: GraphSession, manifest: ModelManifest) -> None:
    wanted = {manifest.test_input, manifest.golden_input}
    if session.inputs != wanted or manifest.output not in session.outputs:
        raise KeeperError(
            "model_interface",
            f"{manifest.file} takes {sorted(session.inputs)} and gives {sorted(session.outputs)}, but its "
            f"manifest names {sorted(wanted)} and {manifest.output}.",
        )
