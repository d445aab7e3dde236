"""Export to TAO's ONNX interface: ``input0`` (test), ``input1`` (golden), five outputs.

A dynamic batch axis is named ``batch_size``; height and width are fixed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inspector_app.changenet.quiet import quiet
from inspector_app.changenet.tao.network import VisualChangeNet

INPUTS = ("input0", "input1")
OUTPUTS = ("output0", "output1", "output2", "output3", "output_final")
BATCH_AXIS = "batch_size"
OLDEST_OPSET = 17
DEFAULT_OPSET = 18
TOLERANCE = 1e-3
_NATIVE_OPSET = 18
# The position's projection is folded, a layer's weight is not: both images' passes share that one.
_FOLDED_ELEMENTS = 32_768


class TaoExportError(RuntimeError):
    """The exported graph does not compute what the network computes."""


def export_tao_onnx(
    network: VisualChangeNet,
    out: Path,
    batch: int | None = None,
    opset: int = DEFAULT_OPSET,
    size: tuple[int, int] = (256, 256),
) -> float:
    """Write ``network`` as ONNX file ``out`` and check it against PyTorch with onnxruntime.

    Args:
        network: left in the mode that it was in; its evaluation mode is exported.
        out: replaced only when the check has passed.
        batch: fixed number of pairs, or None for a dynamic batch axis.
        opset: 17 or newer.
        size: height and width in pixels, multiples of 16.

    Returns:
        The largest absolute difference in any of the five outputs.

    Raises:
        ValueError: ``batch``, ``opset`` or ``size`` is out of range.
        TaoExportError: the largest difference exceeds 1e-3 of an output's standard deviation.
    """
    if opset < OLDEST_OPSET or (batch is not None and batch < 1) or any(s < 16 or s % 16 for s in size):
        raise ValueError(
            f"opset {opset} (17 or newer), batch {batch} or size {size} (multiples of 16) is wrong"
        )
    beside = out.with_name(f".{out.name}.tmp")
    training = network.training
    network.eval()
    try:
        _write(network, beside, batch, opset, size)
        difference = _checked(network, beside, batch or 2, size)
        os.replace(beside, out)
    finally:
        network.train(training)
        beside.unlink(missing_ok=True)
    return difference


def _write(
    network: VisualChangeNet, file: Path, batch: int | None, opset: int, size: tuple[int, int]
) -> None:
    import onnx
    import onnx.version_converter
    import onnxscript

    # The tracer takes an example of one for a fixed size, so a free axis is shown by two.
    example = torch.zeros(batch or 2, 3, *size)
    free = {0: torch.export.Dim(BATCH_AXIS)} if batch is None else None
    # The exporter warns of its own internals; the result is checked by running it.
    with quiet("torch.onnx", ".*"):
        program = torch.onnx.export(
            network,
            (example, example.clone()),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            opset_version=max(opset, _NATIVE_OPSET),
            dynamic_shapes=None if free is None else (free, free),
            dynamo=True,
            verbose=False,
            optimize=False,
        )
    if program is None:
        raise TaoExportError("the exporter returned no graph")
    # Folding is all that this graph needs; the exporter's own pattern rewriting takes minutes over it.
    onnxscript.optimizer.fold_constants(program.model, input_size_limit=_FOLDED_ELEMENTS)
    model = program.model_proto
    _infer_batch(model)
    onnxscript.optimizer.remove_unused_nodes(model)
    if opset < _NATIVE_OPSET:
        model = onnx.version_converter.convert_version(model, opset)
    _clean(model, batch)
    onnx.checker.check_model(model)
    onnx.save_model(model, str(file))


def _infer_batch(model: Any) -> None:
    """Let each reshape infer the batch instead of reading it off ``input0``.

    Else the golden's pass would hang on the test's shape, and an engine could not run it by itself.
    """
    from onnx import numpy_helper

    graph = model.graph
    known = _constants(graph)
    joined = {node.output[0]: node for node in graph.node if node.op_type == "Concat"}
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] not in joined:
            continue
        parts = [known.get(name) for name in joined[node.input[1]].input]
        if sum(part is None for part in parts) == 1:
            sizes = [np.array([-1]) if part is None else part.ravel() for part in parts]
            target = numpy_helper.from_array(
                np.concatenate(sizes).astype(np.int64), f"{node.output[0]}_shape"
            )
            graph.initializer.append(target)
            node.input[1] = target.name


def _constants(graph: Any) -> dict[str, NDArray[Any]]:
    """Give the value of every initializer and constant node by name."""
    from onnx import helper, numpy_helper

    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            value = helper.get_attribute_value(node.attribute[0])
            known[node.output[0]] = (
                numpy_helper.to_array(value) if hasattr(value, "dims") else np.array(value)
            )
    return known


def _clean(model: Any, batch: int | None) -> None:
    """Remove stack traces and file names of this machine, and name the batch axis."""
    graph = model.graph
    for entry in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        entry.doc_string = ""
        del entry.metadata_props[:]
    del graph.value_info[:]
    if batch is None:
        for tensor in (*graph.input, *graph.output):
            tensor.type.tensor_type.shape.dim[0].dim_param = BATCH_AXIS


def _checked(network: VisualChangeNet, file: Path, batch: int, size: tuple[int, int]) -> float:
    rng = np.random.default_rng(11)
    test, golden = (rng.uniform(-1, 1, (batch, 3, *size)).astype(np.float32) for _ in range(2))
    device = next(network.parameters()).device
    with torch.inference_mode():
        outputs = network(torch.from_numpy(test).to(device), torch.from_numpy(golden).to(device))
    expected = [output.float().cpu().numpy() for output in outputs]
    got = open_session(file).run(list(OUTPUTS), dict(zip(INPUTS, (test, golden), strict=True)))
    worst = 0.0
    for name, ours, theirs in zip(OUTPUTS, expected, got, strict=True):
        if ours.shape != theirs.shape:
            raise TaoExportError(f"{name} is {theirs.shape} in the graph and {ours.shape} in the network")
        difference = float(np.abs(ours - theirs).max())
        if not difference <= TOLERANCE * float(ours.std()):
            raise TaoExportError(f"{name} differs by {difference:.2g} between graph and network")
        worst = max(worst, difference)
    return worst


def open_session(file: Path) -> Any:
    """Open a graph on the CPU with onnxruntime, by itself: a check must not rest on the app's engines."""
    import onnxruntime

    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
