"""A thin wrapper of cuda-python: memory, pinned host buffers, streams and events, with every status checked.

Not run on a GPU: the calls were tried on cuda-bindings 13.0 to 13.5 without a driver, which take their arguments.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError

DRIVER_HINT = "Install NVIDIA's current driver: https://www.nvidia.com/drivers"


@dataclass(frozen=True)
class Card:
    """A GPU: its index, name and compute capability, e.g. ``NVIDIA L4`` and ``8.9``."""

    index: int
    name: str
    capability: str


@dataclass(frozen=True, eq=False)
class DeviceBuffer:
    """Memory on the GPU: its address and its size in bytes. ``Cuda.free`` gives it back."""

    address: int
    size: int

    def part(self, start: int, size: int) -> DeviceBuffer:
        """``size`` bytes of it from ``start`` on, which are given back with the whole."""
        if start + size > self.size:
            raise ValueError(f"{size} bytes from {start} on are not within {self.size}")
        return DeviceBuffer(self.address + start, size)


@dataclass(frozen=True, eq=False)
class HostBuffer:
    """Page-locked memory, which the GPU copies from and to while the processor does other work."""

    address: int
    size: int

    def array(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """The buffer's beginning as an array; it dies with the buffer, so nobody else may keep it."""
        count = int(np.prod(shape))
        if count * dtype.itemsize > self.size:
            raise ValueError(f"{shape} of {dtype} do not fit {self.size} bytes")
        memory = memoryview((ctypes.c_uint8 * self.size).from_address(self.address)).cast("B")
        return np.frombuffer(memory, dtype=np.uint8)[: count * dtype.itemsize].view(dtype).reshape(shape)


class Cuda:
    """CUDA's runtime with its errors raised. One thread uses it: a device is current to a thread."""

    def __init__(self, runtime: Any, device: int = 0) -> None:
        """``runtime`` is ``cuda.bindings.runtime``; nothing is called before ``use``."""
        self._runtime = runtime
        self._device = device

    def card(self) -> Card:
        """The GPU that is used.

        Raises:
            KeeperError: ``gpu_missing`` when there is no driver, no GPU or not this one.
        """
        kinds = self._runtime.cudaError_t
        status, count = self._runtime.cudaGetDeviceCount()
        if status == kinds.cudaErrorInsufficientDriver:
            raise KeeperError("gpu_missing", self._driver_problem(), DRIVER_HINT)
        if status == kinds.cudaErrorNoDevice or (status == kinds.cudaSuccess and count <= self._device):
            raise KeeperError("gpu_missing", "no NVIDIA GPU was found")
        self._raise_unless_done(status, "cudaGetDeviceCount")
        (properties,) = self._call("cudaGetDeviceProperties", self._device)
        name = properties.name
        text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        return Card(self._device, text.strip("\0 "), f"{properties.major}.{properties.minor}")

    def use(self) -> None:
        """Make the device current to the calling thread."""
        self._call("cudaSetDevice", self._device)

    def allocate(self, size: int) -> DeviceBuffer:
        """``size`` bytes on the GPU."""
        (address,) = self._call("cudaMalloc", size)
        return DeviceBuffer(int(address), size)

    def free(self, buffer: DeviceBuffer) -> None:
        """Give memory back; waits for the work that may use it."""
        self._call("cudaFree", buffer.address)

    def allocate_host(self, size: int) -> HostBuffer:
        """``size`` page-locked bytes."""
        (address,) = self._call("cudaHostAlloc", size, self._runtime.cudaHostAllocDefault)
        return HostBuffer(int(address), size)

    def free_host(self, buffer: HostBuffer) -> None:
        """Give page-locked memory back."""
        self._call("cudaFreeHost", buffer.address)

    def stream(self) -> Any:
        """A new stream, independent of the default one."""
        return self._call("cudaStreamCreateWithFlags", self._runtime.cudaStreamNonBlocking)[0]

    def wait(self, stream: Any) -> None:
        """Until all that was put on ``stream`` is done; faults of that work are raised here."""
        self._call("cudaStreamSynchronize", stream)

    def destroy_stream(self, stream: Any) -> None:
        """No further work on ``stream``."""
        self._call("cudaStreamDestroy", stream)

    def event(self) -> Any:
        """A new event."""
        return self._call("cudaEventCreateWithFlags", self._runtime.cudaEventDisableTiming)[0]

    def record(self, event: Any, stream: Any) -> None:
        """``event`` happens when what is on ``stream`` by now is done."""
        self._call("cudaEventRecord", event, stream)

    def hold(self, stream: Any, event: Any) -> None:
        """What is put on ``stream`` from now on waits for ``event``; the caller does not."""
        self._call("cudaStreamWaitEvent", stream, event, 0)

    def wait_event(self, event: Any) -> None:
        """Until ``event`` has happened; faults of the work before it are raised here."""
        self._call("cudaEventSynchronize", event)

    def destroy_event(self, event: Any) -> None:
        """No further use of ``event``."""
        self._call("cudaEventDestroy", event)

    def upload(self, target: DeviceBuffer, source: HostBuffer, size: int, stream: Any) -> None:
        """Copy ``size`` bytes to the GPU once ``stream`` comes to it."""
        self._copy(target.address, source.address, size, "cudaMemcpyHostToDevice", stream)

    def download(self, target: HostBuffer, source: DeviceBuffer, size: int, stream: Any) -> None:
        """Copy ``size`` bytes from the GPU once ``stream`` comes to it."""
        self._copy(target.address, source.address, size, "cudaMemcpyDeviceToHost", stream)

    def copy(self, target: DeviceBuffer, source: DeviceBuffer, size: int, stream: Any) -> None:
        """Copy ``size`` bytes within the GPU once ``stream`` comes to it."""
        self._copy(target.address, source.address, size, "cudaMemcpyDeviceToDevice", stream)

    def record_run(self, stream: Any, enqueue: Callable[[], None]) -> Any:
        """What ``enqueue`` puts on ``stream``, recorded as a graph for ``replay`` instead of being done.

        Raises:
            KeeperError: ``engine_failed`` when it cannot be recorded; the stream serves on.
        """
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", stream, mode)
        try:
            enqueue()
        except BaseException:
            # Whatever came of it is dropped; a stream that goes on recording would be of no use.
            status, graph = self._runtime.cudaStreamEndCapture(stream)
            if status == self._runtime.cudaError_t.cudaSuccess:
                self._runtime.cudaGraphDestroy(graph)
            raise
        (graph,) = self._call("cudaStreamEndCapture", stream)
        try:
            (recorded,) = self._call("cudaGraphInstantiate", graph, 0)
        finally:
            self._call("cudaGraphDestroy", graph)
        return recorded

    def replay(self, recorded: Any, stream: Any) -> None:
        """Do what was recorded once ``stream`` comes to it."""
        self._call("cudaGraphLaunch", recorded, stream)

    def destroy_recorded(self, recorded: Any) -> None:
        """No further replay."""
        self._call("cudaGraphExecDestroy", recorded)

    def repeat(self, buffer: DeviceBuffer, size: int, times: int, stream: Any) -> None:
        """Copy the first ``size`` bytes of ``buffer`` behind themselves, ``times`` in all."""
        for place in range(1, times):
            target = buffer.address + place * size
            self._copy(target, buffer.address, size, "cudaMemcpyDeviceToDevice", stream)

    def _copy(self, target: int, source: int, size: int, kind: str, stream: Any) -> None:
        kinds = self._runtime.cudaMemcpyKind
        self._call("cudaMemcpyAsync", target, source, size, getattr(kinds, kind), stream)

    def _call(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        status, *results = getattr(self._runtime, name)(*arguments)
        self._raise_unless_done(status, name)
        return tuple(results)

    def _raise_unless_done(self, status: Any, name: str) -> None:
        if status != self._runtime.cudaError_t.cudaSuccess:
            said = getattr(status, "name", str(status))
            raise KeeperError("engine_failed", f"The GPU failed: {said} in {name}.")

    def _driver_problem(self) -> str:
        (version,) = self._call("cudaDriverGetVersion")
        if not version:
            return "no NVIDIA driver is installed"
        return f"the NVIDIA driver is too old (it knows CUDA {version // 1000}.{version % 1000 // 10})"
