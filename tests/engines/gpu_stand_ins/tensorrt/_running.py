"""Running a plan, in the stand-in for ``tensorrt``: onnxruntime computes when the stream comes to it."""

from __future__ import annotations

import ctypes
import json
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from cuda.bindings import runtime as cuda

from tensorrt._common import MAGIC, DataType, ILogger, TensorIOMode, TensorLocation, shape_of


class Runtime:
    def __init__(self, logger: ILogger) -> None:
        assert logger._made
        self._log = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        if not serialized_engine.startswith(MAGIC):
            self._log.log(ILogger.Severity.ERROR, "the magic tag does not match")
            return None
        about, _, model = serialized_engine[len(MAGIC) :].partition(b"\n")
        return ICudaEngine(json.loads(about), onnx.load_from_string(model))


class ICudaEngine:
    def __init__(self, about: dict[str, Any], model: onnx.ModelProto) -> None:
        self._ranges = about["ranges"]
        self._flags = about["flags"]
        self._inputs = {entry.name: entry for entry in model.graph.input}
        self._outputs = {entry.name: entry for entry in model.graph.output}
        self._names = [*self._inputs, *self._outputs]
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )

    @property
    def num_io_tensors(self) -> int:
        return len(self._names)

    def get_tensor_name(self, index: int) -> str:
        return self._names[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self._inputs else TensorIOMode._output

    def get_tensor_location(self, name: str) -> TensorLocation:
        return TensorLocation.DEVICE

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(shape_of(self._entry(name)))

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType(self._entry(name).type.tensor_type.elem_type)

    def create_execution_context(self) -> IExecutionContext:
        return IExecutionContext(self)

    def _entry(self, name: str) -> onnx.ValueInfoProto:
        return self._inputs.get(name) or self._outputs[name]


def _recorded(
    made_by: weakref.ref[IExecutionContext],
    changes: int,
    shapes: dict[str, tuple[int, ...]],
    addresses: dict[str, int],
) -> Callable[[], None]:
    def run() -> None:
        context = made_by()
        assert context is not None, "the context of a recorded run is gone"
        assert context._changes == changes, "a context was changed after its run was recorded"
        context._run(shapes, addresses)

    return run


class IExecutionContext:
    def __init__(self, engine: ICudaEngine) -> None:
        self._engine = engine
        shapes = {name: engine.get_tensor_shape(name) for name in engine._inputs}
        self._shapes = {name: shape for name, shape in shapes.items() if -1 not in shape}
        self._addresses: dict[str, int] = {}
        # A recorded run is tied to the state that its context had: whoever changes it spoils the recorded run.
        self._changes = 0
        self._settled = False

    def set_input_shape(self, name: str, shape: Sequence[int]) -> bool:
        fixed = self._engine.get_tensor_shape(name)
        low, _, high = self._engine._ranges.get(name, [fixed, fixed, fixed])
        inside = len(shape) == len(low) and all(
            a <= axis <= b for a, axis, b in zip(low, shape, high, strict=True)
        )
        if inside:
            self._changes += 1
            self._settled = self._settled and self._shapes.get(name) == tuple(shape)
            self._shapes[name] = tuple(shape)
        return inside

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if name in self._engine._inputs:
            return self._shapes.get(name, self._engine.get_tensor_shape(name))
        if self.infer_shapes():
            return self._engine.get_tensor_shape(name)
        return self._compute({key: np.zeros(s, self._kind(key)) for key, s in self._shapes.items()})[
            name
        ].shape

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._changes += 1
        self._addresses[name] = memory
        return name in self._engine._names

    def infer_shapes(self) -> list[str]:
        return [name for name in self._engine._inputs if name not in self._shapes]

    def execute_async_v3(self, stream_handle: int) -> bool:
        if set(self._addresses) != set(self._engine._names):
            return False
        # TensorRT takes shapes and addresses when the run is enqueued, and reads memory when it is run.
        shapes, addresses = dict(self._shapes), dict(self._addresses)
        stream = cuda._state.streams[stream_handle]
        if stream._recording is None:
            self._settled = True
            stream._put(lambda: self._run(shapes, addresses))
        elif self._settled:
            stream._put(_recorded(weakref.ref(self), self._changes, shapes, addresses))
        else:
            cuda._state.spoil()
            return False
        return cuda._state.begin("execute_async_v3") == 0

    def _run(self, shapes: dict[str, tuple[int, ...]], addresses: dict[str, int]) -> None:
        feed = {name: self._memory(name, addresses[name], shape).copy() for name, shape in shapes.items()}
        for name, value in self._compute(feed).items():
            self._memory(name, addresses[name], value.shape)[...] = value

    def _compute(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        names = list(self._engine._outputs)
        return dict(zip(names, self._engine._session.run(names, feed), strict=True))

    def _memory(self, name: str, address: int, shape: Sequence[int]) -> np.ndarray:
        kind = self._kind(name)
        size = int(np.prod(shape)) * kind.itemsize
        cuda._state.check(address, size, pinned=False)
        raw = (ctypes.c_uint8 * size).from_address(address)
        return np.frombuffer(raw, dtype=kind).reshape(shape)

    def _kind(self, name: str) -> np.dtype:
        return self._engine.get_tensor_dtype(name)._numpy
