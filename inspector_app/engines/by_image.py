"""Which steps of a graph treat each image of a batch by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

Numbers = NDArray[Any]

# Each value of the result hangs on values of the same image alone, whatever the attributes.
_BY_IMAGE = frozenset(
    {
        *(
            "Abs",
            "AveragePool",
            "BatchNormalization",
            "Cast",
            "Ceil",
            "Celu",
            "Clip",
            "DepthToSpace",
            "Elu",
            "Erf",
        ),
        *("Exp", "Floor", "Gelu", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "GroupNormalization"),
        *(
            "HardSigmoid",
            "HardSwish",
            "Identity",
            "InstanceNormalization",
            "LRN",
            "LeakyRelu",
            "Log",
            "LpPool",
        ),
        *(
            "MaxPool",
            "Mish",
            "Neg",
            "Reciprocal",
            "Relu",
            "Round",
            "Selu",
            "Shape",
            "Sigmoid",
            "Sign",
            "Softplus",
        ),
        *("Softsign", "SpaceToDepth", "Sqrt", "Tanh", "ThresholdedRelu"),
    }
)
# Weights are constants that all images share.
_WITH_WEIGHTS = frozenset({"Conv", "ConvTranspose", "DequantizeLinear", "QuantizeLinear"})
_BETWEEN = frozenset({"Add", "Div", "Max", "Mean", "Min", "Mul", "PRelu", "Pow", "Sub", "Sum", "Where"})
_ALONG = {"Softmax": -1, "LogSoftmax": -1, "Hardmax": -1, "LayerNormalization": -1, "Concat": 0, "Flatten": 1}
_REDUCTIONS = frozenset(
    {"ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare"}
)


class NotByImageError(Exception):
    """A step that may mix the images of a batch."""


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a graph: its constants, the ranks of its tensors, and its fixed batch."""

    constants: Mapping[str, Numbers]
    ranks: Mapping[str, int]
    batch: int | None


def check_by_image(node: onnx.NodeProto, batched: set[str], known: Known) -> None:
    """Make sure that ``node`` treats each image of the tensors in ``batched`` by itself.

    Raises:
        NotByImageError: it may mix them.
    """
    kind = node.op_type
    others = [name for name in node.input if name and name not in batched]
    if node.domain not in ("", "ai.onnx") or any(entry.HasField("g") for entry in node.attribute):
        fine = False
    elif kind in _BY_IMAGE or kind in _WITH_WEIGHTS:
        fine = node.input[0] in batched and all(name in known.constants for name in others)
    elif kind in _BETWEEN:
        fine = all(_same_for_all(name, node, batched, known) for name in others)
    elif kind in _ALONG:
        axis = attribute(node, "axis", _ALONG[kind])
        fine = (
            axis != 0
            and (axis > 0 or -axis < known.ranks.get(node.input[0], 0))
            and (kind != "Concat" or not others)
            and (kind != "Flatten" or axis == 1)
        )
    elif kind in _REDUCTIONS:
        fine = _axes_spare_batch(node, known)
    elif kind == "Transpose":
        fine = list(attribute(node, "perm", []))[:1] == [0]
    elif kind == "MatMul":
        fine = _matmul_by_image(node, others, batched, known)
    elif kind in ("Resize", "Pad", "Reshape", "Slice"):
        fine = _by_numbers(node, batched, known)
    else:
        fine = False
    if not fine:
        raise NotByImageError(f"{kind} is not known to treat each image by itself")


def _same_for_all(name: str, node: onnx.NodeProto, batched: set[str], known: Known) -> bool:
    """True for a constant that is the same for all images of a batch."""
    value = known.constants.get(name)
    if value is None:
        return False
    rank = max(known.ranks.get(each, 0) for each in node.input if each in batched)
    return value.size == 1 or value.ndim < rank or (value.ndim == rank and value.shape[0] == 1)


def _axes_spare_batch(node: onnx.NodeProto, known: Known) -> bool:
    given = known.constants.get(node.input[1]) if len(node.input) > 1 else attribute(node, "axes")
    if given is None:
        return False
    rank = known.ranks.get(node.input[0], 0)
    return bool(rank) and len(given) > 0 and all(int(axis) % rank != 0 for axis in given)


def _matmul_by_image(node: onnx.NodeProto, others: Sequence[str], batched: set[str], known: Known) -> bool:
    """By a matrix that all images share, or of two stacks of matrices, image by image."""
    left, right = node.input
    if others:
        shared = known.constants.get(right)
        return left in batched and shared is not None and shared.ndim == 2 and known.ranks.get(left, 0) > 1
    return known.ranks.get(left, 0) == known.ranks.get(right, 0) > 2


def _by_numbers(node: onnx.NodeProto, batched: set[str], known: Known) -> bool:
    """Nodes that are told by numbers which axes they change."""
    if batched & set(node.input[1:]):
        # A reshape to numbers read off the tensor itself: each half reads its own.
        return node.op_type == "Reshape"
    values = [known.constants.get(name) if name else None for name in node.input]
    if node.op_type == "Resize":
        return len(values) == 3 and values[2] is not None and float(values[2][0]) == 1.0
    if node.op_type == "Pad":
        pads = values[1] if len(values) < 4 else None
        return pads is not None and pads[0] == 0 and pads[len(pads) // 2] == 0
    if node.op_type == "Slice":
        return len(values) > 3 and values[3] is not None and all(int(axis) > 0 for axis in values[3])
    shape = values[1]
    # Zero copies the batch axis; -1 infers it, which the proof at load sees through when it is not the batch.
    return (
        shape is not None
        and shape.size > 0
        and int(shape[0]) in (0, -1)
        and not attribute(node, "allowzero", 0)
    )


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """An attribute's value, or ``default``."""
    from onnx import helper

    return next(
        (helper.get_attribute_value(entry) for entry in node.attribute if entry.name == name), default
    )
