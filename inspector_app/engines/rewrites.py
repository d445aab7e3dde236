"""Rewrites of a split graph that compute the same function with less work for each test image.

A comparison that mixes both images' features by a 1 x 1 convolution over their channels,
``W * concat(t, g, |t - g|) + b``, is linear in its parts. With ``d = t - g`` and ``|d| = 2 relu(d) - d`` it is
``(Wt - Wa) * d + 2 Wa * relu(d) + [(Wt + Wg) * g + b]``: what stands in brackets belongs to the golden and is computed
once, a third of the multiplications falls away, and every step that is left is one that runtimes fuse into the
convolution before it.

All of these change the rounding. They are used for a graph only where such a comparison is found in it, and only if
the result is proved against the graph as it came; a graph without one keeps every bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inspector_app.engines.by_image import attribute
from inspector_app.engines.golden_split import in_order, needed
from inspector_app.engines.known_types import known_types

if TYPE_CHECKING:
    import onnx

Floats = NDArray[np.float32]
MARGIN = "/margin"
"""Ends the name of an output that gives ``logit 0 - logit 1``, ``N x 1 x H x W``, in the place of both logits."""
_GOLDENS = "/golden"
_NEGATED = "/negated"


class Rewrite(Flag):
    """What may be rewritten.

    ``SHARE``: the golden's share of a comparison. ``MERGE``: two 1 x 1 convolutions in a row become one where that is
    less work. ``MARGIN``: the last convolution computes the difference of the two logits instead of both, channel
    by channel and then summed. ``BLOCKED``: the golden's tensors pass through a pooling of one pixel, which changes
    nothing but makes onnxruntime keep its blocked layout (``NCHWc``) from there on.
    """

    NONE = 0
    SHARE = auto()
    MERGE = auto()
    MARGIN = auto()
    BLOCKED = auto()


@dataclass(frozen=True, eq=False)
class Parts:
    """The two graphs of a split model; ``output`` is what the rest gives."""

    golden: onnx.ModelProto
    rest: onnx.ModelProto
    output: str


def rewrite(parts: Parts, wanted: Rewrite) -> Parts | None:
    """The parts of a split graph rewritten, or None where no comparison of the kind above is found.

    ``parts`` stay as they are. Their inputs must tell their shapes, as far as channels go.
    """
    if Rewrite.SHARE not in wanted or not any(node.op_type == "Abs" for node in parts.rest.graph.node):
        return None
    first, second = _Part(parts.golden), _Part(parts.rest)
    sites = [site for node in second.nodes() if (site := _find(second, first, node)) is not None]
    if not sites:
        return None
    for site in sites:
        _share(first, second, site, blocked=Rewrite.BLOCKED in wanted)
    if Rewrite.MERGE in wanted:
        for part in (first, second):
            _merge(part)
    given = parts.output
    if Rewrite.MARGIN in wanted and _thin_head(second, given):
        given += MARGIN
    rest = second.finished([given])
    kept = [entry.name for entry in rest.graph.input if entry.name in first.outputs]
    return Parts(first.finished(kept), rest, given)


class _Part:
    """A graph that is being rewritten."""

    def __init__(self, model: onnx.ModelProto) -> None:
        import onnx

        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        graph = self.model.graph
        self.constants = {entry.name: entry for entry in graph.initializer}
        self.inputs = {entry.name for entry in graph.input}
        self.outputs = {entry.name for entry in graph.output}
        self._channels = {
            name: kind.tensor_type.shape.dim[1].dim_value
            for name, kind in known_types(model).items()
            if len(kind.tensor_type.shape.dim) == 4
        }

    def nodes(self) -> list[onnx.NodeProto]:
        return list(self.model.graph.node)

    def maker(self, name: str) -> onnx.NodeProto | None:
        return next((node for node in self.model.graph.node if name in node.output), None)

    def uses(self, name: str) -> int:
        count = Counter(read for node in self.model.graph.node for read in node.input)
        return count[name] + (name in self.outputs)

    def channels(self, name: str) -> int:
        return int(self._channels.get(name, 0))

    def floats(self, name: str) -> Floats | None:
        """A constant's values, if it is one of float32."""
        from onnx import TensorProto, numpy_helper

        entry = self.constants.get(name)
        if entry is None or entry.data_type != TensorProto.FLOAT:
            return None
        return np.asarray(numpy_helper.to_array(entry), dtype=np.float32)

    def constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        entry = numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float32), name)
        self.model.graph.initializer.append(entry)
        self.constants[name] = entry
        return name

    def add(self, kind: str, reads: Sequence[str], makes: str, **attributes: Any) -> None:
        from onnx import helper

        self.model.graph.node.append(helper.make_node(kind, list(reads), [makes], **attributes))

    def drop(self, *nodes: onnx.NodeProto) -> None:
        for node in nodes:
            self.model.graph.node.remove(node)

    def give(self, name: str) -> None:
        """Make ``name`` an output too."""
        self._list(self.model.graph.output, self.outputs, name)

    def take(self, name: str) -> None:
        """Make ``name`` an input too."""
        self._list(self.model.graph.input, self.inputs, name)

    def finished(self, outputs: Sequence[str]) -> onnx.ModelProto:
        """The graph that gives ``outputs``, in order of computation, without what they do not need."""
        graph = self.model.graph
        del graph.output[:]
        self.outputs = set()
        for name in outputs:
            self.give(name)
        nodes = needed(in_order(graph), set(outputs))
        del graph.node[:], graph.value_info[:]
        graph.node.extend(nodes)
        read = {name for node in nodes for name in node.input}
        for entries in (graph.initializer, graph.input):
            kept = [entry for entry in entries if entry.name in read]
            del entries[:]
            entries.extend(kept)
        return self.model

    @staticmethod
    def _list(entries: Any, names: set[str], name: str) -> None:
        from onnx import TensorProto, helper

        if name not in names:
            entries.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
            names.add(name)


@dataclass(frozen=True, eq=False)
class _Comparison:
    """``conv`` over the concatenation of ``test``, ``golden`` and ``|test - golden|``, with the weights of each."""

    conv: onnx.NodeProto
    test: str
    golden: str
    of_test: Floats
    of_golden: Floats
    of_size: Floats
    bias: Floats


def _find(rest: _Part, first: _Part, conv: onnx.NodeProto) -> _Comparison | None:
    """The comparison that ends in ``conv``, if it is one."""
    weights = _pointwise(rest, conv)
    joined = rest.maker(conv.input[0]) if weights is not None else None
    if (
        weights is None
        or joined is None
        or joined.op_type != "Concat"
        or attribute(joined, "axis") not in (1, -3)
    ):
        return None
    operands = list(joined.input)
    widths = [rest.channels(name) for name in operands]
    if len(operands) != 3 or 0 in widths or sum(widths) != weights.shape[1]:
        return None
    share = dict(zip(operands, np.split(weights, np.cumsum(widths)[:-1], axis=1), strict=True))
    golden = next((name for name in operands if name in rest.inputs & first.outputs), None)
    size = next(
        (name for name in operands if _size_of_difference(rest, name) == set(operands) - {name}), None
    )
    if golden is None or size is None or len(share) != 3 or len(set(widths)) != 1:
        return None
    (test,) = set(operands) - {golden, size}
    bias = rest.floats(conv.input[2]) if len(conv.input) > 2 else np.zeros(len(weights), dtype=np.float32)
    if test in rest.inputs or bias is None:
        return None
    return _Comparison(conv, test, golden, share[test], share[golden], share[size], bias)


def _size_of_difference(rest: _Part, name: str) -> set[str]:
    """The two tensors of whose difference ``name`` is the absolute value."""
    absolute = rest.maker(name)
    difference = rest.maker(absolute.input[0]) if absolute is not None and absolute.op_type == "Abs" else None
    return set(difference.input) if difference is not None and difference.op_type == "Sub" else set()


def _share(first: _Part, rest: _Part, site: _Comparison, blocked: bool) -> None:
    """Write the comparison in its new form."""
    place = site.conv.output[0]
    negated, share = site.golden + _NEGATED, place + _GOLDENS
    if negated not in first.outputs:
        first.add("Neg", [site.golden], negated)
        first.give(negated)
    of_golden = first.constant(f"{share}/weight", _exact(site.of_golden, site.of_size))
    bias = first.constant(f"{share}/bias", site.bias)
    first.add("Conv", [site.golden, of_golden, bias], share, kernel_shape=[1, 1])
    first.give(share)
    rest.drop(site.conv)
    for name in (negated, share):
        if name in rest.inputs:
            continue
        rest.take(name)
        if blocked:
            rest.add("MaxPool", [name], f"{name}/blocked", kernel_shape=[1, 1])
    ending = "/blocked" if blocked else ""
    rest.add("Add", [site.test, negated + ending], f"{place}/difference")
    rest.add("Relu", [f"{place}/difference"], f"{place}/brighter")
    linear = rest.constant(f"{place}/linear", _exact(site.of_test, -site.of_size))
    doubled = rest.constant(f"{place}/doubled", 2 * site.of_size)
    rest.add("Conv", [site.test, linear], f"{place}/of_test", kernel_shape=[1, 1])
    rest.add("Add", [f"{place}/of_test", share + ending], f"{place}/begun")
    rest.add("Conv", [f"{place}/brighter", doubled], f"{place}/of_brighter", kernel_shape=[1, 1])
    rest.add("Add", [f"{place}/of_brighter", f"{place}/begun"], place)


def _exact(one: Floats, other: Floats) -> Floats:
    return (one.astype(np.float64) + other.astype(np.float64)).astype(np.float32)


def _merge(part: _Part) -> None:
    """Make one of two 1 x 1 convolutions in a row, where nobody else reads what is between and that is less work."""
    for second in part.nodes():
        later = _pointwise(part, second)
        first = part.maker(second.input[0]) if later is not None else None
        earlier = _pointwise(part, first) if first is not None else None
        if later is None or first is None or earlier is None or part.uses(first.output[0]) != 1:
            continue
        outputs, between = later.shape[:2]
        inputs = earlier.shape[1]
        if outputs * inputs >= between * (outputs + inputs):
            continue
        _join(part, first, second, earlier, later)


def _join(part: _Part, first: onnx.NodeProto, second: onnx.NodeProto, earlier: Floats, later: Floats) -> None:
    biases = [
        part.floats(node.input[2]) if len(node.input) > 2 else np.zeros(len(weights), dtype=np.float32)
        for node, weights in ((first, earlier), (second, later))
    ]
    if biases[0] is None or biases[1] is None:
        return
    place = second.output[0]
    left, right = later[:, :, 0, 0].astype(np.float64), earlier[:, :, 0, 0].astype(np.float64)
    weight = part.constant(f"{place}/merged", (left @ right)[:, :, None, None])
    bias = part.constant(f"{place}/merged_bias", left @ biases[0].astype(np.float64) + biases[1])
    part.drop(first, second)
    part.add("Conv", [first.input[0], weight, bias], place, kernel_shape=[1, 1])


def _thin_head(part: _Part, output: str) -> bool:
    """Let the last convolution give ``logit 0 - logit 1``; False where the graph does not end in one."""
    last = part.maker(output)
    resize = last if last is not None and last.op_type == "Resize" and _by_factors(last) else None
    conv = part.maker(resize.input[0]) if resize is not None else last
    weights = part.floats(conv.input[1]) if conv is not None and conv.op_type == "Conv" else None
    if (
        conv is None
        or weights is None
        or weights.ndim != 4
        or len(weights) != 2
        or attribute(conv, "group", 1) != 1
    ):
        return False
    bias = part.floats(conv.input[2]) if len(conv.input) > 2 else np.zeros(2, dtype=np.float32)
    if bias is None or part.uses(conv.output[0]) != 1:
        return False
    margin = output + MARGIN
    _thin_convolution(part, conv, _exact(weights[1:], -weights[:1]), _exact(bias[1:], -bias[:1]), margin)
    # The sign turns at the end: a step between the convolution and the resize that keeps onnxruntime from
    # resizing in its blocked layout, where one channel costs as much as eight.
    small = f"{margin}/small" if resize is not None else margin
    part.add("Neg", [f"{margin}/summed"], small)
    if resize is not None:
        copy = type(resize)()
        copy.CopyFrom(resize)
        copy.input[0], copy.output[0] = small, margin
        part.model.graph.node.append(copy)
    return True


def _thin_convolution(part: _Part, conv: onnx.NodeProto, weights: Floats, bias: Floats, name: str) -> None:
    """A convolution to one channel as one for each channel and a sum: runtimes pad a single channel to a block."""
    from onnx import helper

    channels = weights.shape[1]
    each = part.constant(f"{name}/weight", weights.transpose(1, 0, 2, 3))
    node = type(conv)()
    node.CopyFrom(conv)
    del node.input[:], node.output[:]
    node.input.extend([conv.input[0], each])
    node.output.append(f"{name}/each")
    kept = [entry for entry in node.attribute if entry.name != "group"]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("group", channels)])
    part.model.graph.node.append(node)
    ones = part.constant(f"{name}/ones", np.ones((1, channels, 1, 1), dtype=np.float32))
    part.add(
        "Conv",
        [f"{name}/each", ones, part.constant(f"{name}/bias", bias)],
        f"{name}/summed",
        kernel_shape=[1, 1],
    )


def _pointwise(part: _Part, node: onnx.NodeProto) -> Floats | None:
    """The weights of a plain 1 x 1 convolution with constant float32 weights."""
    if node.op_type != "Conv" or len(node.input) < 2:
        return None
    weights = part.floats(node.input[1])
    if weights is None or weights.ndim != 4 or weights.shape[2:] != (1, 1):
        return None
    plain = (
        attribute(node, "group", 1) == 1
        and not any(attribute(node, "pads", []))
        and all(step == 1 for step in attribute(node, "strides", []))
    )
    return weights if plain else None


def _by_factors(resize: onnx.NodeProto) -> bool:
    """True for a resize by factors, which treats every channel alike."""
    return len(resize.input) == 3 and not resize.input[1] and attribute(resize, "axes") is None
