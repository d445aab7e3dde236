"""What the tests of the TensorRT engine share: the stand-ins put in place, and graphs to run on them."""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inspector_app.engines.tensorrt.builder import BuildJob
from inspector_app.engines.tensorrt.progress import BuildProgress
from inspector_app.engines.tensorrt.worker import build_and_store

FOLDER = Path(__file__).resolve().parent / "gpu_stand_ins"
SIDE = 32


@contextlib.contextmanager
def stand_ins() -> Iterator[Any]:
    """``import tensorrt`` and ``cuda.bindings`` give the stand-ins, in spawned processes too.

    Yields the state of the stand-in's GPU. The real modules, where there are any, are back at the end: an
    extension module is not loaded twice.
    """
    real = _take_out()
    sys.path.insert(0, str(FOLDER))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module("cuda.bindings.runtime")._state
    finally:
        sys.path.remove(str(FOLDER))
        _take_out()
        sys.modules.update(real)


def _take_out() -> dict[str, types.ModuleType]:
    names = [name for name in sys.modules if name.split(".")[0] in ("tensorrt", "cuda")]
    return {name: sys.modules.pop(name) for name in names}


def nothing_left(gpu: Any) -> bool:
    """Whether all memory, streams and events were given back."""
    return not (gpu.blocks or gpu.streams or gpu.events or gpu.graphs)


def build_here(
    job: BuildJob, on_progress: Callable[[BuildProgress], None], cancelled: Callable[[], bool]
) -> Path:
    """In place of ``build_plan``, for tests that need no process of its own."""
    return build_and_store(job, on_progress, cancelled)


def pair(count: int, side: int = SIDE, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """``count`` test tensors and a golden's."""
    rng = np.random.default_rng(seed)
    tests = rng.uniform(-1, 1, (count, 3, side, side)).astype(np.float32)
    return tests, rng.uniform(-1, 1, (1, 3, side, side)).astype(np.float32)


def siamese_model(
    path: Path,
    *,
    batch: int | None = None,
    side: int | None = SIDE,
    batched: bool = False,
    unknown: bool = False,
    half: bool = False,
    strongest: str = "",
) -> Path:
    """A shared encoder at half scale, then the difference, enlarged to a size that is read from the golden.

    As exporters do it, shapes of the golden's tensors cross to the rest. ``batched``: both images in one pass.
    ``unknown``: with operators that nobody knows. ``half``: features in float16. ``strongest``: the difference is
    measured by the greatest of all goldens' features, found in the ``golden``'s part or in the ``rest``.
    """
    axes = [batch or "batch_size", 3, side or "height", side or "width"]
    nodes = _encoder(batched)
    if half:
        nodes += [helper.make_node("Cast", [f"f{n}"], [f"h{n}"], to=TensorProto.FLOAT16) for n in (0, 1)]
        nodes.append(helper.make_node("Sub", ["h0", "h1"], ["d_half"]))
        nodes.append(helper.make_node("Cast", ["d_half"], ["d"], to=TensorProto.FLOAT))
    else:
        nodes.append(helper.make_node("Sub", ["f0", "f1"], ["d"]))
    nodes += [
        helper.make_node("Shape", ["f1"], ["shape"]),
        helper.make_node("Reshape", ["d", "flat"], ["d_flat"]),
        helper.make_node("Reshape", ["d_flat", "shape"], ["d_again"]),
        helper.make_node("Abs", ["d_again"], ["plain" if strongest else "difference"]),
        *_strongest(strongest),
        helper.make_node("Shape", ["input1"], ["whole"]),
        helper.make_node("Slice", ["whole", "two", "four"], ["whole_side"]),
        helper.make_node("Slice", ["shape", "zero", "two"], ["batch_and_channels"]),
        helper.make_node("Concat", ["batch_and_channels", "whole_side"], ["sizes"], axis=0),
        helper.make_node("Resize", ["difference", "", "", "sizes"], ["enlarged"], mode="linear"),
        helper.make_node("Conv", ["enlarged", "head"], ["output_final"]),
        helper.make_node("Identity", ["difference"], ["output0"]),
    ]
    if unknown:
        nodes.append(helper.make_node("Mystery", ["d"], ["x"], name="first", domain="unknown"))
        nodes.append(helper.make_node("Riddle", ["d"], ["y"], name="second", domain="unknown"))
    final = [axes[0], 2, axes[2], axes[3]]
    graph = helper.make_graph(
        nodes,
        "siamese",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name in ("input0", "input1")],
        [
            helper.make_tensor_value_info("output_final", TensorProto.FLOAT, final),
            helper.make_tensor_value_info("output0", TensorProto.FLOAT, [None] * 4),
        ],
        _weights(),
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("unknown", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def _strongest(part: str) -> list[onnx.NodeProto]:
    if not part:
        return []
    nodes = [
        helper.make_node("ReduceMax", ["f1" if part == "golden" else "tied", "but_channels"], ["strongest"]),
        helper.make_node("Div", ["plain", "strongest"], ["difference"]),
    ]
    if part == "golden":
        return nodes
    # Nothing is added, but it cannot be computed before the test is there.
    return [
        helper.make_node("Mul", ["f0", "nothing"], ["none"]),
        helper.make_node("Add", ["f1", "none"], ["tied"]),
        *nodes,
    ]


def _encoder(batched: bool) -> list[onnx.NodeProto]:
    conv: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}
    if not batched:
        return [helper.make_node("Conv", [f"input{n}", "encoder"], [f"f{n}"], **conv) for n in (0, 1)]
    return [
        helper.make_node("Concat", ["input0", "input1"], ["both"], axis=0),
        helper.make_node("Conv", ["both", "encoder"], ["features"], **conv),
        helper.make_node("Split", ["features"], ["f0", "f1"], axis=0, num_outputs=2),
    ]


def _weights() -> list[onnx.TensorProto]:
    rng = np.random.default_rng(4)
    head = np.stack([np.zeros((4, 1, 1)), rng.uniform(0.5, 1, (4, 1, 1))]).astype(np.float32)
    return [
        numpy_helper.from_array(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "encoder"),
        numpy_helper.from_array(head, "head"),
        numpy_helper.from_array(np.array([0, 4, -1], dtype=np.int64), "flat"),
        numpy_helper.from_array(np.array([0, 2, 3], dtype=np.int64), "but_channels"),
        numpy_helper.from_array(np.zeros(1, dtype=np.float32), "nothing"),
        *(
            numpy_helper.from_array(np.array([value], dtype=np.int64), name)
            for name, value in (("zero", 0), ("two", 2), ("four", 4))
        ),
    ]
