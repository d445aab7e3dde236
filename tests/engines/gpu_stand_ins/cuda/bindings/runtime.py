"""A stand-in for ``cuda.bindings.runtime`` with the surface that the app uses, and no more.

Streams are lazy: what is put on them is done only when somebody waits. So a result that is read too early, or a
buffer that is used again too early, gives wrong numbers here as it would on a GPU. Memory is checked for bounds and
for use after it was freed; a thread must take the device first, and a stream is used by the thread that made it.
"""

# ruff: noqa: N801, N802, N815, N816
from __future__ import annotations

import ctypes
import enum
import threading
from collections.abc import Callable

cudaStreamNonBlocking = 1
cudaHostAllocDefault = 0
cudaEventDisableTiming = 2


class cudaError_t(enum.IntEnum):
    cudaSuccess = 0
    _memory = 2
    cudaErrorInsufficientDriver = 35
    cudaErrorNoDevice = 100
    _lost = 719
    _not_while_recording = 900
    _recording_spoiled = 901


class cudaStreamCaptureMode(enum.IntEnum):
    _global = 0
    cudaStreamCaptureModeThreadLocal = 1


class cudaMemcpyKind(enum.IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2
    cudaMemcpyDeviceToDevice = 3


class cudaDeviceProp:
    def __init__(self) -> None:
        self.name = b"Stand-in GPU"
        self.major = 8
        self.minor = 9


class _Stream:
    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._work: list[Callable[[], None]] = []
        self._done = 0
        self._thread = threading.get_ident()
        self._recording: list[Callable[[], None]] | None = None
        self._spoiled = False

    def __int__(self) -> int:
        return self._handle

    def _put(self, work: Callable[[], None]) -> None:
        assert self._thread == threading.get_ident(), "a stream on a thread that did not make it"
        (self._work if self._recording is None else self._recording).append(work)

    def _run(self, until: int | None = None) -> None:
        until = len(self._work) if until is None else until
        while self._done < until:
            self._done += 1
            self._work[self._done - 1]()


class _Graph:
    def __init__(self, work: list[Callable[[], None]]) -> None:
        self._work = work


class _Event:
    _place: tuple[_Stream, int] | None = None


class _State:
    def __init__(self) -> None:
        self.status = cudaError_t.cudaSuccess
        self.count = 1
        self.driver = 13000
        self.faults: dict[str, cudaError_t] = {}
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.streams: dict[int, _Stream] = {}
        self.blocks: dict[int, tuple[ctypes.Array[ctypes.c_char], bool]] = {}
        self.events: set[_Event] = set()
        self.graphs: set[_Graph] = set()

    def begin(self, name: str) -> cudaError_t:
        self.calls.append(name)
        assert threading.get_ident() in self.threads, f"{name} on a thread that has not taken the device"
        if name in _NOT_WHILE_RECORDING and any(s._recording is not None for s in self.streams.values()):
            self.spoil()
            return cudaError_t._not_while_recording
        return self.faults.get(name, cudaError_t.cudaSuccess)

    def take(self, size: int, pinned: bool) -> int:
        memory = ctypes.create_string_buffer(b"\xff" * max(size, 1), max(size, 1))
        address = ctypes.addressof(memory)
        self.blocks[address] = (memory, pinned)
        return address

    def check(self, address: int, size: int, pinned: bool) -> None:
        for start, (memory, kind) in self.blocks.items():
            if start <= address and address + size <= start + len(memory):
                assert kind == pinned, "host memory where device memory belongs, or the other way"
                return
        raise AssertionError(f"{size} bytes at {address:#x} were not allocated, or were freed")

    def spoil(self) -> None:
        for stream in self.streams.values():
            stream._spoiled = stream._recording is not None

    def settle(self) -> None:
        for stream in self.streams.values():
            stream._run()


_NOT_WHILE_RECORDING = {
    "cudaMalloc", "cudaHostAlloc", "cudaFree", "cudaFreeHost", "cudaStreamSynchronize", "cudaEventSynchronize",
    "cudaEventRecord", "cudaStreamWaitEvent",
}  # fmt: skip
"""Those that wait for the device, or (of events) that this stand-in cannot record."""
_state = _State()


def cudaGetDeviceCount() -> tuple[cudaError_t, int | None]:
    return _state.status, _state.count if _state.status == cudaError_t.cudaSuccess else None


def cudaDriverGetVersion() -> tuple[cudaError_t, int]:
    return cudaError_t.cudaSuccess, _state.driver


def cudaGetDeviceProperties(device: int) -> tuple[cudaError_t, cudaDeviceProp]:
    return cudaError_t.cudaSuccess, cudaDeviceProp()


def cudaSetDevice(device: int) -> tuple[cudaError_t]:
    _state.threads.add(threading.get_ident())
    return (_state.begin("cudaSetDevice"),)


def cudaMalloc(size: int) -> tuple[cudaError_t, int | None]:
    status = _state.begin("cudaMalloc")
    return (status, None) if status else (status, _state.take(size, pinned=False))


def cudaHostAlloc(size: int, flags: int) -> tuple[cudaError_t, int | None]:
    status = _state.begin("cudaHostAlloc")
    return (status, None) if status else (status, _state.take(size, pinned=True))


def cudaFree(address: int) -> tuple[cudaError_t]:
    status = _state.begin("cudaFree")
    _state.settle()
    del _state.blocks[address]
    return (status,)


def cudaFreeHost(address: int) -> tuple[cudaError_t]:
    status = _state.begin("cudaFreeHost")
    _state.settle()
    del _state.blocks[address]
    return (status,)


def cudaStreamCreateWithFlags(flags: int) -> tuple[cudaError_t, _Stream]:
    assert flags == cudaStreamNonBlocking
    status = _state.begin("cudaStreamCreateWithFlags")
    stream = _Stream(len(_state.calls) + 4096)
    _state.streams[int(stream)] = stream
    return status, stream


def cudaStreamDestroy(stream: _Stream) -> tuple[cudaError_t]:
    status = _state.begin("cudaStreamDestroy")
    del _state.streams[int(stream)]
    return (status,)


def cudaStreamSynchronize(stream: _Stream) -> tuple[cudaError_t]:
    status = _state.begin("cudaStreamSynchronize")
    if stream._recording is None:
        stream._run()
    return (status,)


def cudaStreamBeginCapture(stream: _Stream, mode: cudaStreamCaptureMode) -> tuple[cudaError_t]:
    assert mode == cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
    assert stream._recording is None, "a stream that is recorded already"
    status = _state.begin("cudaStreamBeginCapture")
    if not status:
        stream._recording, stream._spoiled = [], False
    return (status,)


def cudaStreamEndCapture(stream: _Stream) -> tuple[cudaError_t, _Graph | None]:
    assert stream._recording is not None, "a stream that is not recorded"
    work, stream._recording = stream._recording, None
    status = _state.begin("cudaStreamEndCapture")
    if stream._spoiled:
        status = cudaError_t._recording_spoiled
    return (status, None) if status else (status, _made(work))


def _made(work: list[Callable[[], None]]) -> _Graph:
    graph = _Graph(work)
    _state.graphs.add(graph)
    return graph


def cudaGraphInstantiate(graph: _Graph, flags: int) -> tuple[cudaError_t, _Graph | None]:
    assert flags == 0
    assert graph in _state.graphs
    status = _state.begin("cudaGraphInstantiate")
    return (status, None) if status else (status, _made(list(graph._work)))


def cudaGraphLaunch(graph: _Graph, stream: _Stream) -> tuple[cudaError_t]:
    assert graph in _state.graphs, "a recorded run that was destroyed"
    status = _state.begin("cudaGraphLaunch")
    if not status:
        for work in graph._work:
            stream._put(work)
    return (status,)


def cudaGraphDestroy(graph: _Graph) -> tuple[cudaError_t]:
    _state.graphs.remove(graph)
    return (_state.begin("cudaGraphDestroy"),)


def cudaGraphExecDestroy(graph: _Graph) -> tuple[cudaError_t]:
    _state.settle()
    _state.graphs.remove(graph)
    return (_state.begin("cudaGraphExecDestroy"),)


def cudaStreamWaitEvent(stream: _Stream, event: _Event, flags: int) -> tuple[cudaError_t]:
    assert flags == 0
    status = _state.begin("cudaStreamWaitEvent")
    assert event._place is not None, "an event that was never recorded holds nothing up"
    other, until = event._place
    stream._put(lambda: other._run(until))
    return (status,)


def cudaEventCreateWithFlags(flags: int) -> tuple[cudaError_t, _Event]:
    assert flags == cudaEventDisableTiming
    event = _Event()
    _state.events.add(event)
    return _state.begin("cudaEventCreateWithFlags"), event


def cudaEventDestroy(event: _Event) -> tuple[cudaError_t]:
    _state.events.remove(event)
    return (_state.begin("cudaEventDestroy"),)


def cudaEventRecord(event: _Event, stream: _Stream) -> tuple[cudaError_t]:
    event._place = (stream, len(stream._work))
    return (_state.begin("cudaEventRecord"),)


def cudaEventSynchronize(event: _Event) -> tuple[cudaError_t]:
    status = _state.begin("cudaEventSynchronize")
    if event._place is not None:
        stream, until = event._place
        stream._run(until)
    return (status,)


def cudaMemcpyAsync(
    target: int, source: int, size: int, kind: cudaMemcpyKind, stream: _Stream
) -> tuple[cudaError_t]:
    status = _state.begin("cudaMemcpyAsync")

    def copy() -> None:
        _state.check(target, size, pinned=kind == cudaMemcpyKind.cudaMemcpyDeviceToHost)
        _state.check(source, size, pinned=kind == cudaMemcpyKind.cudaMemcpyHostToDevice)
        ctypes.memmove(target, source, size)

    stream._put(copy)
    return (status,)
