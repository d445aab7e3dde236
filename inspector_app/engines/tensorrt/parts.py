"""Prepare a split graph for TensorRT: what is kept of a golden is one golden's, whatever the batch.

``golden_split`` runs the golden's part with as many copies as a batch has tests, and lets shapes cross the cut. A
TensorRT plan wants ranks and sizes told, and shapes as graph inputs are awkward. So the golden's part is run here, in
onnxruntime, for a few batches, and each tensor of the cut is found to be one of three: rows along axis 0, as many for
each image; the same whatever the batch; or whole numbers that grow evenly with the batch (shapes). The rest then
takes rows for each test, of whichever golden it has, and computes the numbers from the tests' own batch. The result is
proved equal to the whole graph before it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import Tensor
from inspector_app.engines.golden_split import Unsplit, split_graph
from inspector_app.engines.models import Model
from inspector_app.engines.onnx_runtime import OrtSession
from inspector_app.engines.programs import SPLIT_TOLERANCE, change_probability

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]

KEPT = "/kept"
"""Ends the names of tensors of which the rest takes rows for each test, those of that test's golden."""
ALIKE = "/alike"
"""The same, where all tests of a run must have one golden."""
SHARED = "/shared"
"""Ends the names of tensors that the rest takes once for all tests of a run, which so must have one golden."""
HALF_TOLERANCE = 1e-3
"""As ``SPLIT_TOLERANCE``, for graphs that compute in less than float32: there, another order rounds otherwise."""
_PREFIX = "inspector/"
_BATCH = "batch"
"""The axis that follows the tests' number."""
_PROBED = (1, 2, 3)
_DEALT = 3
"""How many goldens the tests of a proof have among them."""
_LARGEST_SHAPE = 64


@dataclass(frozen=True)
class DeviceParts:
    """Two serialised ONNX models with all sizes but the batch fixed.

    ``golden`` takes the golden's input (batch 1, or the graph's fixed batch) and gives the tensors in ``kept``;
    ``rest`` takes the test's input and those. ``kept`` has the shape of one golden's share of each.
    """

    golden: bytes
    rest: bytes
    kept: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class _Cut:
    """A tensor that crosses the cut, as the probes found it.

    ``numbers``: intercept and slope in the batch, when it is a shape; ``ending``: tells the other kinds apart.
    """

    name: str
    sample: Array
    ending: str = ""
    numbers: tuple[Array, Array] | None = None

    @property
    def given(self) -> str:
        """Its name between the two parts."""
        return self.name + self.ending

    def share(self, manifest: ModelManifest) -> tuple[int, ...]:
        """The shape of what one golden has of it."""
        shape = self.sample.shape
        return shape if self.ending == SHARED else (shape[0] // (manifest.batch or 1), *shape[1:])


def device_parts(model: Model, height: int, width: int) -> DeviceParts | Unsplit:
    """Split ``model`` for images of ``height x width``, or tell why it is run whole.

    Raises:
        KeeperError: ``model_damaged``, ``engine_failed``.
    """
    manifest = model.manifest
    graph = split_graph(model.path, manifest)
    if isinstance(graph, Unsplit):
        return graph
    found = _probe(graph.golden, graph.rest, graph.cut, manifest, (height, width))
    if isinstance(found, Unsplit):
        return found
    if not any(cut.numbers is None and cut.name != manifest.golden_input for cut in found):
        return Unsplit("nothing but sizes depends on the golden alone")
    alike = [replace(cut, ending=ALIKE) if cut.ending == KEPT else cut for cut in found]
    for cuts in (found, alike):
        parts = DeviceParts(
            _golden_part(graph.golden, cuts, manifest, (height, width)),
            _rest_part(graph.rest, cuts, manifest, (height, width)),
            {cut.given: cut.share(manifest) for cut in cuts if cut.numbers is None},
        )
        problem = _problem(parts, model, (height, width))
        if not problem:
            return parts
    return Unsplit(problem)


def _probe(
    golden: bytes, rest: bytes, names: tuple[str, ...], manifest: ModelManifest, side: tuple[int, int]
) -> list[_Cut] | Unsplit:
    """Run the golden's part for a few batches and tell what kind each tensor of the cut is."""
    session = OrtSession(golden, "CPU", 0)
    image = np.random.default_rng(0).uniform(-1, 1, (1, 3, *side)).astype(np.float32)
    taken = {entry for entry in OrtSession(rest, "CPU", 0).inputs if entry != manifest.test_input}
    batches = (manifest.batch,) if manifest.batch else _PROBED
    found: dict[str, list[Array]] = {name: [] for name in sorted(taken)}
    for batch in batches:
        copies = np.repeat(image, batch, axis=0)
        given = dict(zip(names, session.run(names, {manifest.golden_input: copies}), strict=True))
        given[manifest.golden_input] = copies
        for name in found:
            found[name].append(given[name])
    cuts = [_kind(name, values, batches) for name, values in found.items()]
    problem = next((cut for cut in cuts if isinstance(cut, Unsplit)), None)
    return problem or [cut for cut in cuts if isinstance(cut, _Cut)]


def _kind(name: str, values: Sequence[Array], batches: Sequence[int]) -> _Cut | Unsplit:
    first = values[0]
    if np.issubdtype(first.dtype, np.integer) and first.ndim <= 1 and first.size <= _LARGEST_SHAPE:
        numbers = _evenly(values)
        return _Cut(name, first, numbers=numbers) if numbers else Unsplit(f"{name} does not follow the batch")
    if _in_rows(values, batches):
        return _Cut(name, first, KEPT)
    if all(_same(value, first) for value in values):
        return _Cut(name, first, SHARED)
    return Unsplit(f"what it keeps of the golden ({name}) does not repeat along the batch")


def _in_rows(values: Sequence[Array], batches: Sequence[int]) -> bool:
    """Whether each image of a batch has as many rows, which for copies of one image are the same."""
    first, least = values[0], batches[0]
    if not first.ndim or len(first) % least:
        return False
    rows = first[: len(first) // least]
    return all(
        _same(value, np.concatenate([rows] * batch)) for value, batch in zip(values, batches, strict=True)
    )


def _evenly(values: Sequence[Array]) -> tuple[Array, Array] | None:
    """Intercept and slope of numbers that grow evenly with the batch."""
    if len(values) == 1:
        return values[0], np.zeros_like(values[0])
    if len({value.shape for value in values}) > 1:
        return None
    slope = values[1] - values[0]
    start = values[0] - slope
    even = all(np.array_equal(start + slope * n, value) for value, n in zip(values, _PROBED, strict=True))
    return (start, slope) if even else None


def _same(value: Array, other: Array) -> bool:
    # Kernels for other batches may add in another order.
    return value.shape == other.shape and np.allclose(value, other, rtol=1e-3, atol=1e-4)


def _golden_part(part: bytes, cuts: Sequence[_Cut], manifest: ModelManifest, side: tuple[int, int]) -> bytes:
    from onnx import helper, load_from_string

    model = load_from_string(part)
    graph = model.graph
    _set_shape(_input(graph, manifest.golden_input), (manifest.batch or 1, 3, *side))
    kept = [cut for cut in cuts if cut.numbers is None]
    graph.node.extend(helper.make_node("Identity", [cut.name], [cut.given]) for cut in kept)
    del graph.output[:]
    graph.output.extend(_value(cut, cut.sample.shape) for cut in kept)
    return bytes(model.SerializeToString())


def _rest_part(part: bytes, cuts: Sequence[_Cut], manifest: ModelManifest, side: tuple[int, int]) -> bytes:
    from onnx import load_from_string

    model = load_from_string(part)
    graph = model.graph
    test = _input(graph, manifest.test_input)
    _set_shape(test, (manifest.batch or _BATCH, 3, *side))
    test = type(test).FromString(test.SerializeToString())
    del graph.input[:]
    kept = [_value(cut, _taken(cut, manifest)) for cut in cuts if cut.numbers is None]
    graph.input.extend([test, *kept])
    head = _Head(manifest.test_input)
    for cut in cuts:
        head.make(cut)
    graph.initializer.extend(head.constants)
    body = list(graph.node)
    del graph.node[:]
    graph.node.extend([*head.nodes, *body])
    return bytes(model.SerializeToString())


def _taken(cut: _Cut, manifest: ModelManifest) -> tuple[int | str, ...]:
    """The shape in which the rest takes it."""
    if manifest.batch or cut.ending == SHARED:
        return cut.sample.shape
    rows, *others = cut.share(manifest)
    return (_BATCH if rows == 1 else f"{cut.name}/rows", *others)


class _Head:
    """The nodes that stand before the rest and make the cut's tensors for the test's batch."""

    def __init__(self, test_input: str) -> None:
        self.constants: list[onnx.TensorProto] = []
        self.nodes: list[onnx.NodeProto] = []
        self._test_input = test_input
        self._batch = ""

    def make(self, cut: _Cut) -> None:
        """Give ``cut.name``."""
        if cut.numbers is not None:
            self._count(cut, *cut.numbers)
        else:
            self._node("Identity", [cut.given], cut.name)

    def _count(self, cut: _Cut, start: Array, slope: Array) -> None:
        from onnx import helper

        place = f"{_PREFIX}{cut.name}"
        if not slope.any():
            self.constants.append(_tensor(cut.name, start))
            return
        slopes = self._constant(f"{cut.name}/slope", slope.astype(np.int64).reshape(-1))
        starts = self._constant(f"{cut.name}/start", start.astype(np.int64).reshape(-1))
        shape = self._constant(f"{cut.name}/shape", np.array(start.shape, dtype=np.int64))
        self._node("Mul", [self._tests(), slopes], f"{place}/grown")
        self._node("Add", [f"{place}/grown", starts], f"{place}/sum")
        self._node("Reshape", [f"{place}/sum", shape], f"{place}/shaped")
        kind = helper.np_dtype_to_tensor_dtype(start.dtype)
        self._node("Cast", [f"{place}/shaped"], cut.name, to=kind)

    def _tests(self) -> str:
        """How many tests there are."""
        if not self._batch:
            self._batch = f"{_PREFIX}batch"
            zero = self._constant("first", np.zeros(1, dtype=np.int64))
            self._node("Shape", [self._test_input], f"{_PREFIX}shape")
            self._node("Gather", [f"{_PREFIX}shape", zero], self._batch, axis=0)
        return self._batch

    def _node(self, kind: str, reads: list[str], makes: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, reads, [makes], **attributes))

    def _constant(self, name: str, value: Array) -> str:
        self.constants.append(_tensor(_PREFIX + name, value))
        return _PREFIX + name


def _problem(parts: DeviceParts, model: Model, side: tuple[int, int]) -> str:
    """Why the parts may not stand for the whole graph, or nothing.

    Whatever goldens the others have, a test must give what it gives in the whole graph where all have its golden.
    """
    manifest = model.manifest
    tolerance = SPLIT_TOLERANCE if manifest.precision == "float32" else HALF_TOLERANCE
    whole, rest = OrtSession(model.path, "CPU", 0), OrtSession(parts.rest, "CPU", 0)
    rng = np.random.default_rng(1)
    several = all(name.endswith(KEPT) for name in parts.kept)
    goldens = rng.uniform(-1, 1, (_DEALT if several else 1, 3, *side)).astype(np.float32)
    shares = _shares(parts, manifest, goldens)
    # From its golden on the left to noise on the right: great differences alone would all give the same, 1.
    fade = np.linspace(0, 1, side[1], dtype=np.float32)
    for batch in (manifest.batch,) if manifest.batch else _PROBED[1:]:
        dealt = rng.permutation(batch) % len(goldens)
        noise = rng.uniform(-1, 1, (batch, 3, *side)).astype(np.float32)
        tests = goldens[dealt] * (1 - fade) + noise * fade
        pairs = [
            {manifest.test_input: tests, manifest.golden_input: np.stack([golden] * batch)}
            for golden in goldens
        ]
        expected = [change_probability(whole.run([manifest.output], pair)[0]) for pair in pairs]
        for deal in (np.zeros_like(dealt), dealt):
            feed = {manifest.test_input: tests, **_stacked([shares[golden] for golden in deal])}
            got = change_probability(rest.run([manifest.output], feed)[0])
            wanted = np.concatenate([expected[golden][row : row + 1] for row, golden in enumerate(deal)])
            difference = float(np.abs(got - wanted).max()) if got.shape == wanted.shape else float("inf")
            if not difference <= tolerance:
                return f"its two parts differ from the whole graph by {difference:.1e}"
    return ""


def _shares(parts: DeviceParts, manifest: ModelManifest, goldens: Tensor) -> list[dict[str, Array]]:
    """What is kept of each golden."""
    session, names = OrtSession(parts.golden, "CPU", 0), list(parts.kept)
    found = []
    for golden in goldens:
        copies = np.stack([golden] * (manifest.batch or 1))
        made = dict(zip(names, session.run(names, {manifest.golden_input: copies}), strict=True))
        found.append(
            {
                name: value if name.endswith(SHARED) else value[: parts.kept[name][0]]
                for name, value in made.items()
            }
        )
    return found


def _stacked(shares: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """What the rest takes for tests whose goldens these are, in order."""
    return {
        name: first if name.endswith(SHARED) else np.concatenate([share[name] for share in shares])
        for name, first in shares[0].items()
    }


def _input(graph: onnx.GraphProto, name: str) -> onnx.ValueInfoProto:
    entry: onnx.ValueInfoProto = next(entry for entry in graph.input if entry.name == name)
    return entry


def _set_shape(entry: onnx.ValueInfoProto, shape: Sequence[int | str]) -> None:
    from onnx import helper

    kind = entry.type.tensor_type.elem_type
    entry.CopyFrom(helper.make_tensor_value_info(entry.name, kind, shape))


def _value(cut: _Cut, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(cut.sample.dtype)
    entry: onnx.ValueInfoProto = helper.make_tensor_value_info(cut.given, kind, shape)
    return entry


def _tensor(name: str, value: Array) -> onnx.TensorProto:
    from onnx import numpy_helper

    return numpy_helper.from_array(value, name)
