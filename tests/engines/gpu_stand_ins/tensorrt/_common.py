"""What building and running share in the stand-in for ``tensorrt``."""

from __future__ import annotations

import enum
from typing import Any

import onnx

MAGIC = b"stand-in plan\n"


class DataType:
    def __init__(self, kind: int) -> None:
        self._numpy = onnx.helper.tensor_dtype_to_np_dtype(kind)

    @property
    def itemsize(self) -> float:
        return self._numpy.itemsize


def nptype(kind: DataType) -> Any:
    return kind._numpy.type


class TensorIOMode(enum.Enum):
    _none = 0
    INPUT = 1
    _output = 2


class TensorLocation(enum.Enum):
    DEVICE = 0
    _host = 1


class ILogger:
    class Severity(enum.Enum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        _info = 3

    def __init__(self) -> None:
        self._made = True

    def log(self, severity: Severity, msg: str) -> None:
        raise NotImplementedError


def shape_of(entry: onnx.ValueInfoProto) -> list[int]:
    axes = entry.type.tensor_type.shape.dim
    return [axis.dim_value if axis.HasField("dim_value") else -1 for axis in axes]
