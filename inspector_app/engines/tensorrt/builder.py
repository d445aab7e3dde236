"""ONNX to plan, inside the worker process: TensorRT's builder, from the parser to the serialised network.

Not run on a GPU: written against TensorRT's documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspector_app.core.errors import KeeperError
from inspector_app.engines.tensorrt.messages import last_error, message_log
from inspector_app.engines.tensorrt.plans import BuildSettings, PlanKey
from inspector_app.engines.tensorrt.progress import BuildProgress, Phases, progress_monitor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class InputRange:
    """The least, best and greatest shape of one input."""

    name: str
    least: Shape
    best: Shape
    most: Shape


@dataclass(frozen=True)
class BuildJob:
    """One plan to build; crosses to the worker process.

    Attributes:
        graph: an ONNX file (which may have its weights in files beside it), or a serialised model.
        key: what the plan is stored under, in ``folder``.
        note: why the golden is not split off, for a whole graph.
        inputs: of all inputs of the graph; equal shapes for an input without a dynamic axis.
        outputs: the wanted ones; others are dropped.
    """

    graph: Path | bytes
    key: PlanKey
    note: str
    inputs: tuple[InputRange, ...]
    outputs: tuple[str, ...]
    folder: Path
    settings: BuildSettings
    device: int = 0


@dataclass(frozen=True)
class BuiltPlan:
    """What the builder gives: the plan, and the kernels that it measured on the way."""

    plan: bytes
    timing: bytes


def build_serialized(
    trt: Any,
    job: BuildJob,
    timing: bytes,
    report: Callable[[BuildProgress], None],
    cancelled: Callable[[], bool],
) -> BuiltPlan:
    """Build the plan on the current device.

    Raises:
        KeeperError: ``plan_parse_failed`` with all that the parser found, ``plan_build_failed``,
            ``plan_cancelled``.
    """
    # Everything made from the logger uses it, so it lives as long as this function.
    log = message_log(trt)
    builder = trt.Builder(log)
    network = builder.create_network(_network_flags(trt))
    # The network does not copy the weights out of the parser: it must live on too.
    parser = _parse(trt, network, log, job.graph)
    _drop_outputs(network, job.outputs)
    monitor = progress_monitor(trt, Phases(job.key.part, report), cancelled)
    config = _config(trt, builder, job, monitor)
    cache = config.create_timing_cache(timing)
    config.set_timing_cache(cache, False)
    serialized = builder.build_serialized_network(network, config)
    if cancelled():
        raise KeeperError("plan_cancelled", "Building the TensorRT plan was cancelled.")
    if serialized is None:
        raise KeeperError("plan_build_failed", f"TensorRT could not build a plan{last_error(log)}.")
    del parser
    return BuiltPlan(bytes(serialized), bytes(config.get_timing_cache().serialize()))


def _network_flags(trt: Any) -> int:
    """Strong typing: TensorRT 10 is asked for it; from 11 on there is nothing else, and the flag may go."""
    strongly = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if strongly is None else 1 << int(strongly)


def _parse(trt: Any, network: Any, log: Any, graph: Path | bytes) -> Any:
    parser = trt.OnnxParser(network, log)
    parsed = parser.parse(graph) if isinstance(graph, bytes) else parser.parse_from_file(str(graph))
    if not parsed:
        errors = [_parser_error(parser.get_error(index)) for index in range(parser.num_errors)]
        found = "; ".join(errors) or "no reason given"
        raise KeeperError("plan_parse_failed", f"TensorRT cannot read the network: {found}{last_error(log)}.")
    return parser


def _parser_error(error: Any) -> str:
    where = " ".join(part for part in (error.node_operator(), error.node_name()) if part)
    said = " ".join(str(error.desc()).split()).rstrip(".")
    return f"{where}: {said}" if where else said


def _drop_outputs(network: Any, wanted: tuple[str, ...]) -> None:
    outputs = [network.get_output(index) for index in range(network.num_outputs)]
    missing = set(wanted) - {output.name for output in outputs}
    if missing:
        raise KeeperError("model_interface", f"The network has no output {', '.join(sorted(missing))}.")
    for output in outputs:
        if output.name not in wanted:
            network.unmark_output(output)


def _config(trt: Any, builder: Any, job: BuildJob, monitor: Any) -> Any:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, job.settings.workspace_mib << 20)
    if job.settings.tf32:
        config.set_flag(trt.BuilderFlag.TF32)
    else:
        config.clear_flag(trt.BuilderFlag.TF32)
    config.progress_monitor = monitor
    profile = builder.create_optimization_profile()
    try:
        for entry in job.inputs:
            profile.set_shape(entry.name, entry.least, entry.best, entry.most)
    except ValueError as error:
        raise KeeperError("plan_build_failed", f"TensorRT refuses the sizes: {error}.") from error
    if config.add_optimization_profile(profile) < 0:
        raise KeeperError("plan_build_failed", "TensorRT refuses the optimization profile.")
    return config
