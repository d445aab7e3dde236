"""A plan loaded for execution: its tensors by name, and one call that puts it on a stream.

Not run on a GPU: written against TensorRT's documentation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from inspector_app.core.errors import KeeperError
from inspector_app.engines.sentences import first_line
from inspector_app.engines.tensorrt.messages import last_error

Shape = tuple[int, ...]


class LoadedPlan:
    """An execution context of a plan. Runs of one context follow each other on one stream."""

    @staticmethod
    def load(trt: Any, runtime: Any, log: Any, plan: bytes) -> LoadedPlan:
        """Deserialise ``plan``, which this program must have built itself: what is in it is run.

        Raises:
            KeeperError: ``plan_refused`` when TensorRT does not load it; see also the constructor.
        """
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise KeeperError("plan_refused", f"TensorRT does not load the plan{last_error(log)}.")
        return LoadedPlan(trt, log, engine)

    def __init__(self, trt: Any, log: Any, engine: Any) -> None:
        """Make a context of ``engine``.

        Raises:
            KeeperError: ``engine_failed`` when the GPU has no room; ``model_interface`` when a tensor must lie
                in the processor's memory.
        """
        self._trt = trt
        self._log = log
        self._engine = engine
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise KeeperError("engine_failed", f"The GPU cannot hold the network{last_error(log)}.")
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        self._check_locations(names)
        self.inputs = tuple(name for name in names if self._is_input(name))
        self.outputs = tuple(name for name in names if not self._is_input(name))

    def another(self) -> LoadedPlan:
        """The same plan with a context of its own.

        Raises:
            KeeperError: ``engine_failed`` when the GPU has no room.
        """
        return LoadedPlan(self._trt, self._log, self._engine)

    def size(self, name: str, shape: Shape) -> int:
        """Bytes that tensor ``name`` takes in ``shape``."""
        element: float = self._engine.get_tensor_dtype(name).itemsize
        return math.ceil(math.prod(shape) * element)

    def dtype(self, name: str) -> np.dtype[Any]:
        """The element type of tensor ``name``.

        Raises:
            KeeperError: ``model_interface`` when numpy has no such type.
        """
        try:
            kind: np.dtype[Any] = np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name)))
        except TypeError as error:
            raise KeeperError("model_interface", f"{name} is of a type that cannot be read.") from error
        return kind

    def fixed_shape(self, name: str) -> Shape:
        """The shape of a tensor without dynamic axes."""
        return tuple(self._engine.get_tensor_shape(name))

    def output_shape(self, name: str, inputs: Mapping[str, Shape]) -> Shape:
        """The shape of output ``name`` for inputs of these shapes; inputs without dynamic axes may be left out.

        Raises:
            KeeperError: ``engine_failed`` when the plan does not take them.
        """
        self._set_shapes(inputs)
        shape = tuple(self._context.get_tensor_shape(name))
        if any(axis < 0 for axis in shape):
            raise KeeperError("engine_failed", f"The size of {name} does not follow from the inputs.")
        return shape

    def enqueue(self, inputs: Mapping[str, Shape], addresses: Mapping[str, int], stream: Any) -> None:
        """Put one run on ``stream``. Memory at ``addresses`` must stay as it is until the run is done.

        Raises:
            KeeperError: ``engine_failed``.
        """
        self.bind(inputs, addresses)
        self.start(stream)

    def bind(self, inputs: Mapping[str, Shape], addresses: Mapping[str, int]) -> None:
        """Set the sizes and places of the next runs.

        Raises:
            KeeperError: ``engine_failed``.
        """
        self._set_shapes(inputs)
        for name in (*self.inputs, *self.outputs):
            if not self._context.set_tensor_address(name, addresses[name]):
                raise self._failure(f"it does not take the memory of {name}")
        try:
            missing = self._context.infer_shapes()
        except RuntimeError as error:
            raise self._failure(first_line(error)) from error
        if missing:
            raise self._failure(f"sizes are missing for {', '.join(missing)}")

    def start(self, stream: Any) -> None:
        """Put one run on ``stream``, as it was bound last.

        Raises:
            KeeperError: ``engine_failed``.
        """
        if not self._context.execute_async_v3(int(stream)):
            raise self._failure("it was not started")

    def _set_shapes(self, inputs: Mapping[str, Shape]) -> None:
        for name, shape in inputs.items():
            if not self._context.set_input_shape(name, shape):
                raise self._failure(f"{name} may not be {' x '.join(map(str, shape))}")

    def _failure(self, said: str) -> KeeperError:
        return KeeperError(
            "engine_failed", f"TensorRT could not run the plan: {said}{last_error(self._log)}."
        )

    def _is_input(self, name: str) -> bool:
        return bool(self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT)

    def _check_locations(self, names: list[str]) -> None:
        device = self._trt.TensorLocation.DEVICE
        elsewhere = [name for name in names if self._engine.get_tensor_location(name) != device]
        if elsewhere:
            raise KeeperError("model_interface", f"{', '.join(elsewhere)}: shapes as inputs are not served.")
