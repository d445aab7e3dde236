"""A stand-in for ``tensorrt`` with the surface that the app uses, and no more; onnxruntime computes.

Strict where TensorRT is: networks are strongly typed, every input has a rank, every dynamic axis is covered by the
optimization profile, shapes stay within it, and all tensors have an address before a run.

The environment variable ``STAND_IN_BUILD`` spoils builds, in the worker process too: ``fail``, ``crash``, ``slow``.
"""

from __future__ import annotations

import enum
import json
import os
import time
from collections.abc import Sequence

import onnx
from google.protobuf.message import DecodeError as _DecodeError

from tensorrt._common import MAGIC as _MAGIC
from tensorrt._common import DataType, ILogger, TensorIOMode, TensorLocation, nptype
from tensorrt._common import shape_of as _shape
from tensorrt._running import ICudaEngine, IExecutionContext, Runtime

__all__ = [
    "DataType",
    "ICudaEngine",
    "IExecutionContext",
    "Runtime",
    "TensorIOMode",
    "TensorLocation",
    "nptype",
]
__version__ = "11.4.0.106"


class BuilderFlag(enum.Enum):
    TF32 = 7


class MemoryPoolType(enum.Enum):
    WORKSPACE = 0


class NetworkDefinitionCreationFlag(enum.IntEnum):
    STRONGLY_TYPED = 1


class IProgressMonitor:
    def __init__(self) -> None:
        self._made = True

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        raise NotImplementedError

    def step_complete(self, phase_name: str, step: int) -> bool:
        raise NotImplementedError

    def phase_finish(self, phase_name: str) -> None:
        raise NotImplementedError


class ITensor:
    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name


class ParserError:
    def __init__(self, node: str, operator: str, said: str) -> None:
        self._node, self._operator, self._said = node, operator, said

    def desc(self) -> str:
        return self._said

    def node_name(self) -> str:
        return self._node

    def node_operator(self) -> str:
        return self._operator


class INetworkDefinition:
    def __init__(self) -> None:
        self._model: onnx.ModelProto | None = None
        self._outputs: list[ITensor] = []

    @property
    def num_outputs(self) -> int:
        return len(self._outputs)

    def get_output(self, index: int) -> ITensor:
        return self._outputs[index]

    def unmark_output(self, tensor: ITensor) -> None:
        self._outputs.remove(tensor)


class OnnxParser:
    def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
        assert logger._made
        self._network = network
        self._errors: list[ParserError] = []

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]

    def parse(self, model: bytes) -> bool:
        try:
            loaded = onnx.load_from_string(model)
        except _DecodeError:
            self._errors.append(ParserError("", "", "Failed to parse ONNX model."))
            return False
        return self._take(loaded)

    def parse_from_file(self, model: str) -> bool:
        return self._take(onnx.load(model))

    def _take(self, model: onnx.ModelProto) -> bool:
        for node in model.graph.node:
            if node.domain == "unknown":
                self._errors.append(ParserError(node.name, node.op_type, "No importer registered for op."))
        for entry in model.graph.input:
            if not entry.type.tensor_type.HasField("shape"):
                self._errors.append(ParserError(entry.name, "", "An input without a rank."))
        self._network._model = model
        self._network._outputs = [ITensor(entry.name) for entry in model.graph.output]
        return not self._errors


class IOptimizationProfile:
    def __init__(self) -> None:
        self._ranges: dict[str, list[list[int]]] = {}

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None:
        if any(not low <= best <= high for low, best, high in zip(min, opt, max, strict=True)):
            raise ValueError("inconsistent dimensions")
        self._ranges[input] = [list(min), list(opt), list(max)]


class _HostMemory(bytes):
    pass


class ITimingCache:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def serialize(self) -> bytes:
        return self._data


class IBuilderConfig:
    progress_monitor: IProgressMonitor | None = None

    def __init__(self) -> None:
        self._workspace = 0
        self._flags = {BuilderFlag.TF32}
        self._profiles: list[IOptimizationProfile] = []
        self._cache: ITimingCache | None = None

    def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
        self._workspace = pool_size

    def set_flag(self, flag: BuilderFlag) -> None:
        self._flags.add(flag)

    def clear_flag(self, flag: BuilderFlag) -> None:
        self._flags.discard(flag)

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache:
        return ITimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        self._cache = cache
        return True

    def get_timing_cache(self) -> ITimingCache | None:
        return self._cache

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        self._profiles.append(profile)
        return len(self._profiles) - 1


class Builder:
    def __init__(self, logger: ILogger) -> None:
        assert logger._made
        self._log = logger
        self._flags = 0

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        self._flags = flags
        return INetworkDefinition()

    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig()

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(
        self, network: INetworkDefinition, config: IBuilderConfig
    ) -> _HostMemory | None:
        assert self._flags == 1 << int(NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        assert config._workspace > 0
        spoiled = os.environ.get("STAND_IN_BUILD", "")
        if spoiled == "crash":
            os._exit(9)
        if not _steps(config.progress_monitor, 400 if spoiled == "slow" else 4):
            return None
        problem = "no tactic left" if spoiled == "fail" else _uncovered(network, config)
        if problem:
            self._log.log(ILogger.Severity.ERROR, problem)
            return None
        if config._cache is not None:
            config._cache._data += b"measured;"
        return _serialized(network, config)


def _steps(monitor: IProgressMonitor | None, count: int) -> bool:
    if monitor is None:
        return True
    assert monitor._made
    monitor.phase_start("Building engine", None, 2)
    monitor.phase_start("Tactic selection", "Building engine", count)
    going = True
    for step in range(count):
        if count > 4:
            time.sleep(0.02)
        going = monitor.step_complete("Tactic selection", step)
        if not going:
            break
    monitor.phase_finish("Tactic selection")
    going = going and monitor.step_complete("Building engine", 0)
    monitor.phase_finish("Building engine")
    return going


def _uncovered(network: INetworkDefinition, config: IBuilderConfig) -> str:
    ranges = config._profiles[0]._ranges if config._profiles else {}
    for entry in network._model.graph.input:
        shape = _shape(entry)
        low, _, high = ranges.get(entry.name, [shape, shape, shape])
        if len(low) != len(shape) or -1 in low:
            return f"{entry.name}: dynamic axes without an optimization profile"
        if any(
            axis not in (-1, a) or axis not in (-1, b) for axis, a, b in zip(shape, low, high, strict=True)
        ):
            return f"{entry.name}: the profile does not fit {shape}"
    return ""


def _serialized(network: INetworkDefinition, config: IBuilderConfig) -> _HostMemory:
    model = onnx.ModelProto.FromString(network._model.SerializeToString())
    wanted = {tensor.name for tensor in network._outputs}
    outputs = [entry for entry in model.graph.output if entry.name in wanted]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    about = {
        "ranges": config._profiles[0]._ranges if config._profiles else {},
        "workspace": config._workspace,
        "flags": sorted(flag.name for flag in config._flags),
    }
    return _HostMemory(_MAGIC + json.dumps(about).encode() + b"\n" + model.SerializeToString())
