"""Prepare a split graph for TensorRT: what is kept of a golden is one golden's, whatever the batch.

``golden_split`` runs the golden's part with as many copies as a batch has tests, and lets shapes cross the cut. A
TensorRT plan wants ranks and sizes told, shapes as graph inputs are awkward, and copies of features waste the
GPU's memory. So the golden's part is run here, in onnxruntime, for a few batches, and each tensor of the cut is
found to be one of three: the same for all batches, repeated along axis 0, or whole numbers that grow evenly with
the batch (shapes). The rest then takes one golden's tensors, repeats them itself, and computes the numbers from
the test's own batch. The result is proved equal to the whole graph before it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.manifest import ModelManifest
from inspector_app.engines.golden_split import Unsplit, split_graph
from inspector_app.engines.models import Model
from inspector_app.engines.onnx_runtime import OrtSession
from inspector_app.engines.programs import SPLIT_TOLERANCE, change_probability

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]

KEPT = "/kept"
"""Ends the names of the tensors that the golden's plan gives and the rest takes."""
HALF_TOLERANCE = 1e-3
"""As ``SPLIT_TOLERANCE``, for graphs that compute in less than float32: there, another order rounds otherwise."""
_PREFIX = "inspector/"
_PROBED = (1, 2, 3)
_LARGEST_SHAPE = 64


@dataclass(frozen=True)
class DeviceParts:
    """Two serialised ONNX models with all sizes but the batch fixed.

    ``golden`` takes the golden's input (batch 1, or the graph's fixed batch) and gives the tensors in ``kept``;
    ``rest`` takes the test's input and those.
    """

    golden: bytes
    rest: bytes
    kept: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class _Cut:
    """A tensor that crosses the cut, as the probes found it.

    ``numbers``: intercept and slope in the batch, when it is a shape; ``repeated``: copies along axis 0.
    """

    name: str
    sample: Array
    repeated: bool = False
    numbers: tuple[Array, Array] | None = None


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
    batch = manifest.batch or 1
    parts = DeviceParts(
        _golden_part(graph.golden, found, manifest, (batch, 3, height, width)),
        _rest_part(graph.rest, found, manifest, (height, width)),
        {cut.name + KEPT: cut.sample.shape for cut in found if cut.numbers is None},
    )
    return _proved(parts, model, (height, width))


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
    cuts = [_kind(name, values, fixed=manifest.batch is not None) for name, values in found.items()]
    problem = next((cut for cut in cuts if isinstance(cut, Unsplit)), None)
    return problem or [cut for cut in cuts if isinstance(cut, _Cut)]


def _kind(name: str, values: Sequence[Array], fixed: bool) -> _Cut | Unsplit:
    first = values[0]
    if np.issubdtype(first.dtype, np.integer) and first.ndim <= 1 and first.size <= _LARGEST_SHAPE:
        numbers = _evenly(values)
        return _Cut(name, first, numbers=numbers) if numbers else Unsplit(f"{name} does not follow the batch")
    if fixed or all(_same(value, first) for value in values):
        return _Cut(name, first)
    pairs = list(zip(values, _PROBED, strict=True))
    if first.ndim and all(_same(value, np.concatenate([first] * batch)) for value, batch in pairs):
        return _Cut(name, first, repeated=True)
    return Unsplit(f"what it keeps of the golden ({name}) does not repeat along the batch")


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


def _golden_part(part: bytes, cuts: Sequence[_Cut], manifest: ModelManifest, shape: tuple[int, ...]) -> bytes:
    from onnx import helper, load_from_string

    model = load_from_string(part)
    graph = model.graph
    _set_shape(_input(graph, manifest.golden_input), shape)
    kept = [cut for cut in cuts if cut.numbers is None]
    graph.node.extend(helper.make_node("Identity", [cut.name], [cut.name + KEPT]) for cut in kept)
    del graph.output[:]
    graph.output.extend(_value(cut.name + KEPT, cut.sample) for cut in kept)
    return bytes(model.SerializeToString())


def _rest_part(part: bytes, cuts: Sequence[_Cut], manifest: ModelManifest, side: tuple[int, int]) -> bytes:
    from onnx import load_from_string

    model = load_from_string(part)
    graph = model.graph
    test = _input(graph, manifest.test_input)
    _set_shape(test, (manifest.batch or "batch", 3, *side))
    test = type(test).FromString(test.SerializeToString())
    del graph.input[:]
    graph.input.extend([test, *(_value(cut.name + KEPT, cut.sample) for cut in cuts if cut.numbers is None)])
    head = _Head(manifest.test_input)
    for cut in cuts:
        head.make(cut)
    graph.initializer.extend(head.constants)
    body = list(graph.node)
    del graph.node[:]
    graph.node.extend([*head.nodes, *body])
    return bytes(model.SerializeToString())


class _Head:
    """The nodes that stand before the rest and make the cut's tensors for the test's batch."""

    def __init__(self, test_input: str) -> None:
        from onnx import helper

        self.constants: list[onnx.TensorProto] = []
        zero = self._constant("first", np.zeros(1, dtype=np.int64))
        self._batch = f"{_PREFIX}batch"
        self.nodes = [
            helper.make_node("Shape", [test_input], [f"{_PREFIX}shape"]),
            helper.make_node("Gather", [f"{_PREFIX}shape", zero], [self._batch], axis=0),
        ]

    def make(self, cut: _Cut) -> None:
        """Give ``cut.name``."""
        if cut.numbers is not None:
            self._count(cut, *cut.numbers)
        elif cut.repeated:
            self._repeat(cut)
        else:
            self._node("Identity", [cut.name + KEPT], cut.name)

    def _repeat(self, cut: _Cut) -> None:
        place = f"{_PREFIX}{cut.name}"
        others = self._constant(f"{cut.name}/others", np.ones(cut.sample.ndim - 1, dtype=np.int64))
        self._node("Concat", [self._batch, others], f"{place}/times", axis=0)
        self._node("Tile", [cut.name + KEPT, f"{place}/times"], cut.name)

    def _count(self, cut: _Cut, start: Array, slope: Array) -> None:
        from onnx import helper

        place = f"{_PREFIX}{cut.name}"
        if not slope.any():
            self.constants.append(_tensor(cut.name, start))
            return
        slopes = self._constant(f"{cut.name}/slope", slope.astype(np.int64).reshape(-1))
        starts = self._constant(f"{cut.name}/start", start.astype(np.int64).reshape(-1))
        shape = self._constant(f"{cut.name}/shape", np.array(start.shape, dtype=np.int64))
        self._node("Mul", [self._batch, slopes], f"{place}/grown")
        self._node("Add", [f"{place}/grown", starts], f"{place}/sum")
        self._node("Reshape", [f"{place}/sum", shape], f"{place}/shaped")
        kind = helper.np_dtype_to_tensor_dtype(start.dtype)
        self._node("Cast", [f"{place}/shaped"], cut.name, to=kind)

    def _node(self, kind: str, reads: list[str], makes: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, reads, [makes], **attributes))

    def _constant(self, name: str, value: Array) -> str:
        self.constants.append(_tensor(_PREFIX + name, value))
        return _PREFIX + name


def _proved(parts: DeviceParts, model: Model, side: tuple[int, int]) -> DeviceParts | Unsplit:
    """The parts, if they give what the whole graph gives."""
    manifest = model.manifest
    tolerance = SPLIT_TOLERANCE if manifest.precision == "float32" else HALF_TOLERANCE
    whole, golden = OrtSession(model.path, "CPU", 0), OrtSession(parts.golden, "CPU", 0)
    rest = OrtSession(parts.rest, "CPU", 0)
    rng = np.random.default_rng(1)
    image = rng.uniform(-1, 1, (1, 3, *side)).astype(np.float32)
    names = list(parts.kept)
    feed = {manifest.golden_input: np.repeat(image, manifest.batch or 1, axis=0)}
    kept = dict(zip(names, golden.run(names, feed), strict=True))
    for batch in (manifest.batch,) if manifest.batch else _PROBED[1:]:
        tests = rng.uniform(-1, 1, (batch, 3, *side)).astype(np.float32)
        both = {manifest.test_input: tests, manifest.golden_input: np.repeat(image, batch, axis=0)}
        expected = change_probability(whole.run([manifest.output], both)[0])
        got = change_probability(rest.run([manifest.output], {manifest.test_input: tests, **kept})[0])
        difference = float(np.abs(got - expected).max()) if got.shape == expected.shape else float("inf")
        if not difference <= tolerance:
            return Unsplit(f"its two parts differ from the whole graph by {difference:.1e}")
    return parts


def _input(graph: onnx.GraphProto, name: str) -> onnx.ValueInfoProto:
    entry: onnx.ValueInfoProto = next(entry for entry in graph.input if entry.name == name)
    return entry


def _set_shape(entry: onnx.ValueInfoProto, shape: Sequence[int | str]) -> None:
    from onnx import helper

    kind = entry.type.tensor_type.elem_type
    entry.CopyFrom(helper.make_tensor_value_info(entry.name, kind, shape))


def _value(name: str, sample: Array) -> onnx.ValueInfoProto:
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(sample.dtype)
    entry: onnx.ValueInfoProto = helper.make_tensor_value_info(name, kind, sample.shape)
    return entry


def _tensor(name: str, value: Array) -> onnx.TensorProto:
    from onnx import numpy_helper

    return numpy_helper.from_array(value, name)
