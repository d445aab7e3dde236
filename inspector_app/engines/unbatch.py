"""Take apart a siamese encoder that was exported as one pass over both images.

Some exporters lay test and golden along the batch axis (``Concat`` on axis 0), run the encoder once, and part its
result again (``Split``, ``Slice`` or ``Gather`` on axis 0). Where every step between treats each image by itself, the
pass is the same as two passes, and then the golden's can be computed once. A step that is not known to do so
leaves the graph as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector_app.engines.by_image import Known, NotByImageError, Numbers, attribute, check_by_image
from inspector_app.engines.known_types import known_types

if TYPE_CHECKING:
    import onnx

_HALVES = ("/of_test", "/of_golden")


@dataclass(frozen=True, eq=False)
class _Joined:
    """The pass while it is taken apart.

    ``names`` hold both images; ``sizes``, of them, only numbers that hang on shapes.
    """

    known: Known
    numbers: Callable[[str, int], Numbers | None]
    names: set[str]
    sizes: set[str] = field(default_factory=set)
    made: list[onnx.NodeProto] = field(default_factory=list)


def unbatch(
    model: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    halves: tuple[set[str], set[str]],
    images: tuple[str, str],
) -> list[onnx.NodeProto] | None:
    """The nodes with the first pass over both images taken apart, None where there is none.

    Args:
        model: gives constants and ranks.
        nodes: in order of computation.
        halves: the tensors that hang on the test alone, and on the golden alone.
        images: the names of both inputs.

    Raises:
        NotByImageError: a step between joining and parting is not known to treat each image by itself.
    """
    start = next((node for node in nodes if _sides(node, halves) is not None), None)
    if start is None:
        return None
    order = _sides(start, halves) or (0, 1)
    known = Known(_constants(model), _ranks(model), _batch(model, images[0]))
    joined = _Joined(known, _Shapes(model, nodes, images), {start.output[0]})
    for node in nodes:
        if node is start:
            for half, name in zip(order, node.input, strict=True):
                joined.made.append(_identity(name, start.output[0] + _HALVES[half]))
        elif not set(node.input) & joined.names:
            joined.made.append(node)
        elif set(node.input) & joined.names <= joined.sizes:
            # Shapes are asked for to put features in shape: each half has its own.
            _halve(node, joined, joined.names, joined.sizes)
        elif not _part(node, joined, order):
            check_by_image(node, joined.names, known)
            _halve(node, joined, joined.names, *([joined.sizes] if node.op_type == "Shape" else []))
    return joined.made


def _sides(node: onnx.NodeProto, halves: tuple[set[str], set[str]]) -> tuple[int, int] | None:
    """Which image comes first, if ``node`` joins one of each along the batch."""
    if node.op_type != "Concat" or len(node.input) != 2 or attribute(node, "axis") != 0:
        return None
    first, second = node.input
    if first in halves[0] and second in halves[1]:
        return (0, 1)
    return (1, 0) if first in halves[1] and second in halves[0] else None


def _halve(node: onnx.NodeProto, joined: _Joined, *kinds: set[str]) -> None:
    joined.made.extend(_half(node, joined, half) for half in _HALVES)
    for names in kinds:
        names.update(name for name in node.output if name)


def _half(node: onnx.NodeProto, joined: _Joined, half: str) -> onnx.NodeProto:
    copy = type(node)()
    copy.CopyFrom(node)
    copy.name = node.name + half if node.name else ""
    for names in (copy.input, copy.output):
        renamed = [name + half if name in joined.names or names is copy.output else name for name in names]
        del names[:]
        names.extend(renamed)
    return copy


def _part(node: onnx.NodeProto, joined: _Joined, order: tuple[int, int]) -> bool:
    """Replace a node that parts both images again by what it gives; False when it does not part them."""
    if node.input[0] not in joined.names or joined.names & set(node.input[1:]):
        return False
    if node.op_type == "Split" and attribute(node, "axis", 0) == 0:
        pieces = _split_pieces(node, joined)
    elif node.op_type == "Slice" and (half := _sliced_half(node, joined)) is not None:
        pieces = [half]
    elif node.op_type == "Gather" and attribute(node, "axis", 0) == 0:
        return _part_gather(node, joined, order)
    else:
        return False
    for name, place in zip(node.output, pieces, strict=True):
        joined.made.append(_identity(node.input[0] + _HALVES[order[place]], name))
    return True


def _split_pieces(node: onnx.NodeProto, joined: _Joined) -> list[int]:
    sizes = joined.known.constants.get(node.input[1]) if len(node.input) > 1 and node.input[1] else None
    if len(node.output) != 2 or (sizes is not None and sizes[0] != sizes[1]):
        raise NotByImageError(f"{node.op_type} does not part it into two halves")
    return [0, 1]


def _sliced_half(node: onnx.NodeProto, joined: _Joined) -> int | None:
    """Which half a slice along the batch takes; None for a slice along other axes."""
    constants = joined.known.constants
    axes = constants.get(node.input[3]) if len(node.input) > 3 else np.zeros(1)
    if axes is not None and 0 not in axes:
        return None
    if axes is None or len(axes) != 1:
        raise NotByImageError("Slice takes several axes")
    steps = constants.get(node.input[4]) if len(node.input) > 4 else np.ones(1)
    if steps is None or steps.tolist() != [1]:
        raise NotByImageError("Slice takes steps")
    return _which_half(node, joined)


def _which_half(node: onnx.NodeProto, joined: _Joined) -> int:
    found = set()
    for batch in (joined.known.batch,) if joined.known.batch else (1, 2, 3):
        ends = [_numbers(name, batch, joined) for name in node.input[1:3]]
        whole = 2 * batch
        start, end = (int(value) + whole if value < 0 else min(int(value), whole) for value in ends)
        found.add({(0, batch): 0, (batch, whole): 1}.get((start, end)))
    (half,) = found if len(found) == 1 else (None,)
    if half is None:
        raise NotByImageError("Slice does not take one half of it")
    return half


def _numbers(name: str, batch: int, joined: _Joined) -> Any:
    value = joined.known.constants.get(name)
    if value is None:
        value = joined.numbers(name, batch)
    if value is None or value.size != 1:
        raise NotByImageError("Slice's bounds are not known")
    return value.reshape(())[()]


def _part_gather(node: onnx.NodeProto, joined: _Joined, order: tuple[int, int]) -> bool:
    from onnx import helper, numpy_helper

    indices = joined.known.constants.get(node.input[1])
    if indices is None or joined.known.batch is None:
        raise NotByImageError("Gather's indices are not known")
    indices = np.where(indices < 0, indices + 2 * joined.known.batch, indices)
    place = int(indices.flat[0] >= joined.known.batch) if indices.size else 0
    if not ((indices >= joined.known.batch) == bool(place)).all():
        raise NotByImageError("Gather mixes the images")
    local = f"{node.output[0]}/indices"
    value = numpy_helper.from_array(np.asarray(indices - place * joined.known.batch, dtype=np.int64), local)
    joined.made.append(helper.make_node("Constant", [], [local], value=value))
    reads = [node.input[0] + _HALVES[order[place]], local]
    joined.made.append(helper.make_node("Gather", reads, list(node.output), axis=0))
    return True


class _Shapes:
    """Gives numbers that hang on the images' shapes alone."""

    def __init__(
        self, model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], images: tuple[str, str]
    ) -> None:
        self._model = model
        self._nodes = nodes
        self._images = images

    def __call__(self, name: str, batch: int) -> Numbers | None:
        """The value of ``name`` for a batch; None when more than shapes of the images is needed for it."""
        from onnx import TensorProto, helper
        from onnx.reference import ReferenceEvaluator

        from inspector_app.engines.golden_split import needed

        nodes = needed(self._nodes, {name})
        kinds = {node.op_type for node in nodes}
        if not kinds <= {
            "Shape",
            "Gather",
            "Squeeze",
            "Unsqueeze",
            "Constant",
            "Concat",
            "Cast",
            "Mul",
            "Add",
            "Reshape",
        }:
            return None
        graph = helper.make_graph(
            nodes,
            "numbers",
            [helper.make_tensor_value_info(image, TensorProto.FLOAT, None) for image in self._images],
            [helper.make_tensor_value_info(name, TensorProto.INT64, None)],
            [
                entry
                for entry in self._model.graph.initializer
                if any(entry.name in node.input for node in nodes)
            ],
        )
        made = helper.make_model(
            graph, opset_imports=self._model.opset_import, ir_version=self._model.ir_version
        )
        image = np.zeros((batch, 3, 32, 32), dtype=np.float32)
        (value,) = ReferenceEvaluator(made).run(None, dict.fromkeys(self._images, image))
        return np.asarray(value)


def _identity(name: str, makes: str) -> onnx.NodeProto:
    from onnx import helper

    return helper.make_node("Identity", [name], [makes])


def _constants(model: onnx.ModelProto) -> dict[str, Numbers]:
    from onnx import numpy_helper

    known = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return known


def _ranks(model: onnx.ModelProto) -> dict[str, int]:
    return {
        name: len(kind.tensor_type.shape.dim)
        for name, kind in known_types(model).items()
        if kind.tensor_type.HasField("shape")
    }


def _batch(model: onnx.ModelProto, image: str) -> int | None:
    """The graph's fixed batch."""
    entry = next(entry for entry in model.graph.input if entry.name == image)
    return entry.type.tensor_type.shape.dim[0].dim_value or None
