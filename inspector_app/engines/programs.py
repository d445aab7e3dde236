"""What runs images of one size on one runtime: the golden's part and the rest, or the whole graph.

A split program has been proved to give what the whole graph gives. Where it is rewritten, all sizes are told to the
runtime, so that it can fuse what it could not prove to fit otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import Tensor
from inspector_app.engines.golden_split import GraphParts
from inspector_app.engines.rewrites import Parts, Rewrite, rewrite

if TYPE_CHECKING:
    import onnx

Array = NDArray[np.generic]
Probability = NDArray[np.float32]
_NONE: Array = np.zeros(0, dtype=np.uint8)

SPLIT_TOLERANCE = 1e-5
"""In probability: how far the two parts of a split graph in float32 may be from the whole one."""
COARSE_SPLIT_TOLERANCE = {"float16": 1e-3, "int8": 1e-3, "bfloat16": 1e-2}
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


@dataclass(frozen=True)
class Runtime:
    """How a runtime loads and runs graphs.

    Attributes:
        load: a graph from its file or its bytes; raises ``KeeperError``.
        batch: how many images a call runs best, where the graph leaves it free; None for all that there are.
        rewrites: what may be rewritten for it, in the order of trial; the first that proves right is taken.
    """

    load: Callable[[Path | bytes], GraphSession]
    batch: int | None = None
    rewrites: tuple[Rewrite, ...] = ()


@dataclass(frozen=True, eq=False)
class Kept:
    """What a program made of so many ``copies`` of one golden. Without ``sizes`` it serves in a stack only."""

    arrays: Sequence[Array]
    copies: int
    sizes: bool = True

    def serves(self, size: int) -> bool:
        """Whether a call of ``size`` takes it as it is."""
        return self.sizes and self.copies == size

    def of_one(self, place: int) -> Array:
        """The part of tensor ``place`` that belongs to one copy."""
        return _part(self.arrays[place], 0, self.copies)


def _part(array: Array, index: int, count: int) -> Array:
    if not array.ndim:
        raise ValueError("a number has no part for each image")
    rows = len(array) // count
    return array[index * rows : (index + 1) * rows]


class Program(Protocol):
    """What runs images of one size."""

    @property
    def note(self) -> str:
        """Why the golden is computed anew for each image, or nothing."""

    stacks: bool
    """Whether one call may hold pairs of different goldens."""

    def encode(self, goldens: Tensor) -> list[Array]:
        """What is kept of a golden, given as many copies of it as there are tests in a call."""

    def encode_each(self, goldens: Tensor) -> list[Kept]:
        """What is kept of different goldens, each by itself."""

    def stack(self, kept: Sequence[Kept], goldens: Tensor) -> list[Array]:
        """What one call takes of several goldens: ``kept[i]`` is what is kept of ``goldens[i]``."""

    def run(self, kept: Sequence[Array], goldens: Tensor, tests: Tensor) -> Probability:
        """The probability of change."""


class WholeProgram:
    """Runs the graph as it came.

    ``stacks`` is False until it was proved that pairs of different goldens may share a call.
    """

    def __init__(self, session: GraphSession, manifest: ModelManifest, note: str) -> None:
        self.stacks = False
        self._session = session
        self._manifest = manifest
        self.note = note

    def encode(self, goldens: Tensor) -> list[Array]:
        """Nothing is kept but the golden itself."""
        return []

    def encode_each(self, goldens: Tensor) -> list[Kept]:
        """See ``Program.encode_each``."""
        return [Kept([], 1)] * len(goldens)

    def stack(self, kept: Sequence[Kept], goldens: Tensor) -> list[Array]:
        """See ``Program.stack``."""
        return []

    def run(self, kept: Sequence[Array], goldens: Tensor, tests: Tensor) -> Probability:
        """See ``Program.run``."""
        feed: dict[str, Array] = {self._manifest.test_input: tests, self._manifest.golden_input: goldens}
        return change_probability(self._session.run([self._manifest.output], feed)[0])


class SplitProgram:
    """Runs the two parts of a split graph.

    ``stacks`` is False until it was proved that pairs of different goldens may share a call.
    """

    note = ""

    def __init__(
        self, golden: GraphSession, rest: GraphSession, output: str, manifest: ModelManifest, sizes: Set[str]
    ) -> None:
        """``sizes``: see ``GraphParts``."""
        self.stacks = False
        self._golden = golden
        self._rest = rest
        self._output = output
        self._manifest = manifest
        self._names = sorted(golden.outputs & rest.inputs)
        self._sizes = sizes
        self._sizes_of: dict[tuple[int, ...], list[Array]] = {}

    def encode(self, goldens: Tensor) -> list[Array]:
        """See ``Program.encode``."""
        return self._golden.run(self._names, {self._manifest.golden_input: goldens})

    def encode_each(self, goldens: Tensor) -> list[Kept]:
        """See ``Program.encode_each``."""
        count, arrays = len(goldens), self.encode(goldens)
        return [
            Kept(
                [
                    _NONE if name in self._sizes else _part(array, index, count).copy()
                    for name, array in zip(self._names, arrays, strict=True)
                ],
                copies=1,
                sizes=False,
            )
            for index in range(count)
        ]

    def stack(self, kept: Sequence[Kept], goldens: Tensor) -> list[Array]:
        """See ``Program.stack``: a golden's part of each tensor, but of sizes those of a call of so many."""
        sizes = self._sizes_for(goldens) if self._sizes & set(self._names) else []
        return [
            sizes[place] if name in self._sizes else np.concatenate([each.of_one(place) for each in kept])
            for place, name in enumerate(self._names)
        ]

    def _sizes_for(self, goldens: Tensor) -> list[Array]:
        """They hang on the goldens' shape alone, so any goldens of it give them."""
        if goldens.shape not in self._sizes_of:
            given = zip(self._names, self.encode(goldens), strict=True)
            self._sizes_of[goldens.shape] = [each if name in self._sizes else _NONE for name, each in given]
        return self._sizes_of[goldens.shape]

    def run(self, kept: Sequence[Array], goldens: Tensor, tests: Tensor) -> Probability:
        """See ``Program.run``."""
        feed: dict[str, Array] = {
            self._manifest.test_input: tests,
            **dict(zip(self._names, kept, strict=True)),
        }
        if self._manifest.golden_input in self._rest.inputs:
            feed[self._manifest.golden_input] = goldens
        (given,) = self._rest.run([self._output], feed)
        if self._output == self._manifest.output:
            return change_probability(given)
        return _logistic(given[:, 0])


def open_split(
    graph: GraphParts, manifest: ModelManifest, runtime: Runtime, side: tuple[int, int], whole: WholeProgram
) -> Program:
    """The best program for images of ``side`` (height, width) that gives what ``whole`` gives, else ``whole``.

    Raises:
        KeeperError: the whole graph cannot be run.
    """
    batch = manifest.batch or runtime.batch
    golden, tests = _proof_pair(batch or 1, side)
    expected = whole.run([], golden, tests)
    forms = _rewritten(graph, manifest, runtime, side)
    tolerance = _tolerance(manifest)
    problem = ""
    for form in chain(forms, [None]):
        try:
            if form is None:
                # As it came, for then a runtime fuses and rounds it like the whole graph, bit for bit.
                first, rest = runtime.load(graph.golden), runtime.load(graph.rest)
                program = SplitProgram(first, rest, manifest.output, manifest, graph.sizes)
            else:
                program = _load(form, graph.sizes, manifest, runtime, golden)
            difference = float(np.abs(program.run(program.encode(golden), golden, tests) - expected).max())
        except KeeperError as error:
            problem = f"its two parts cannot be run: {error.message.rstrip('.')}"
            continue
        if difference <= tolerance:
            return program
        problem = f"its two parts differ from the whole graph by {difference:.1e}"
    whole.note = problem
    return whole


def keeps_apart(
    program: Program, whole: WholeProgram, manifest: ModelManifest, count: int, side: tuple[int, int]
) -> bool:
    """Whether pairs of different goldens may share a call of ``count`` images of ``side`` (height, width).

    They may if each gets what it gets from ``whole`` when it fills the call alone. The goldens are of different range,
    so that a scale which is taken from all of them shows; they are encoded in one order and stacked in the other.

    Raises:
        KeeperError: the whole graph cannot be run.
    """
    rng = np.random.default_rng(1)
    goldens, noise = rng.uniform(-1, 1, (2, count, 3, *side)).astype(np.float32)
    goldens[::2] *= 0.2
    # Faded, since of mere noise a network may be so sure that nothing shows.
    tests = goldens + np.linspace(0, 1, side[1], dtype=np.float32) * (noise - goldens)
    try:
        kept = program.encode_each(np.ascontiguousarray(goldens[::-1]))[::-1]
        # One that was encoded alone stands beside others, too.
        kept[1] = Kept(program.encode(np.repeat(goldens[1:2], count, axis=0)), count)
        got = program.run(program.stack(kept, goldens), goldens, tests)
    except (KeeperError, ValueError):
        return False
    return all(
        _same(
            got[pair],
            whole.run([], *(np.repeat(each[pair][None], count, axis=0) for each in (goldens, tests)))[0],
            manifest,
        )
        for pair in (0, 1)
    )


def _same(got: Probability, expected: Probability, manifest: ModelManifest) -> bool:
    return got.shape == expected.shape and float(np.abs(got - expected).max()) <= _tolerance(manifest)


def _tolerance(manifest: ModelManifest) -> float:
    return COARSE_SPLIT_TOLERANCE.get(manifest.precision, SPLIT_TOLERANCE)


def _proof_pair(batch: int, side: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """A golden with its copies, and tests that are noise on their left and the golden itself on their right."""
    rng = np.random.default_rng(0)
    golden = rng.uniform(-1, 1, (1, 3, *side)).astype(np.float32)
    tests = rng.uniform(-1, 1, (batch, 3, *side)).astype(np.float32)
    middle = side[1] // 2
    tests[..., middle:] = golden[..., middle:]
    return np.repeat(golden, batch, axis=0), tests


def _rewritten(
    graph: GraphParts, manifest: ModelManifest, runtime: Runtime, side: tuple[int, int]
) -> Iterator[Parts]:
    """The rewritten forms to be tried, each made when it is asked for: mostly the first one serves.

    None where the batch is not known, and none in a coarser precision, where the rewritten comparison would lose
    small differences of large numbers.
    """
    batch = manifest.batch or runtime.batch
    if batch is None or not runtime.rewrites or manifest.precision != "float32":
        return
    given = _fixed(graph, manifest, (batch, 3, *side))
    for wanted in runtime.rewrites:
        if (form := rewrite(given, wanted)) is not None:
            yield form


def _load(
    form: Parts, sizes: Iterable[str], manifest: ModelManifest, runtime: Runtime, golden: Tensor
) -> SplitProgram:
    """Load a rewritten form; the rest is told the shapes of what the golden's part gives, and its sizes."""
    first = runtime.load(form.golden.SerializeToString())
    names = sorted(first.outputs)
    made = dict(zip(names, first.run(names, {manifest.golden_input: golden}), strict=True))
    _tell(form.rest.graph, made, set(sizes))
    rest = runtime.load(form.rest.SerializeToString())
    return SplitProgram(first, rest, form.output, manifest, set(sizes))


def _tell(graph: onnx.GraphProto, made: Mapping[str, Array], sizes: set[str]) -> None:
    """Make constants of sizes, and tell the shapes of all other inputs that ``made`` holds."""
    from onnx import helper, numpy_helper

    told = []
    for entry in graph.input:
        if entry.name in sizes:
            graph.initializer.append(numpy_helper.from_array(made[entry.name], entry.name))
        elif entry.name in made:
            kind = helper.np_dtype_to_tensor_dtype(made[entry.name].dtype)
            told.append(helper.make_tensor_value_info(entry.name, kind, made[entry.name].shape))
        else:
            told.append(type(entry).FromString(entry.SerializeToString()))
    del graph.input[:], graph.value_info[:]
    graph.input.extend(told)


def _fixed(graph: GraphParts, manifest: ModelManifest, shape: tuple[int, ...]) -> Parts:
    """The parts with their image inputs' shapes told."""
    from onnx import load_from_string

    parts = [load_from_string(part) for part in (graph.golden, graph.rest)]
    for part in parts:
        for entry in part.graph.input:
            if entry.name in (manifest.test_input, manifest.golden_input):
                for axis, size in zip(entry.type.tensor_type.shape.dim, shape, strict=True):
                    axis.dim_value = size
    return Parts(parts[0], parts[1], manifest.output)


def change_probability(logits: Array) -> Probability:
    """Softmax of the change class of ``N x 2 x H x W`` logits: ``1 / (1 + exp(l0 - l1))``.

    Raises:
        KeeperError: ``engine_output`` when the network gave another shape or values that are not finite.
    """
    if logits.ndim != 4 or logits.shape[1] != 2:
        raise KeeperError("engine_output", f"The network gave {logits.shape} instead of N x 2 x H x W.")
    values = np.asarray(logits, dtype=np.float32)
    return _logistic(values[:, 0] - values[:, 1])


def _logistic(margin: Array) -> Probability:
    """``1 / (1 + exp(margin))`` of an array that is the caller's own.

    Raises:
        KeeperError: ``engine_output`` when a value is not finite.
    """
    if not np.isfinite(margin).all():
        raise KeeperError("engine_output", "The network gave values that are not finite.")
    values = np.asarray(np.clip(margin, -80.0, 80.0, dtype=np.float32))
    np.exp(values, out=values)
    values += 1.0
    return np.asarray(np.reciprocal(values, out=values), dtype=np.float32)
