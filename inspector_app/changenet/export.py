"""Export of a trained network to ONNX, with its manifest and a stored self-check beside it.

The graph has two inputs (``input0`` test, ``input1`` golden), runs the encoder once for each, and gives
``output_final``, the logits.  Batch, height and width are free; sides must be multiples of 32.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inspector_app.changenet.evaluate import change_probability
from inspector_app.changenet.fold import fold_batch_norm
from inspector_app.changenet.lite import ChangeNetLite
from inspector_app.changenet.module import load_checkpoint
from inspector_app.changenet.quiet import quiet
from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write
from inspector_app.core.manifest import InputSpec, Judgement, ModelManifest
from inspector_app.core.self_check import SelfCheck, made_up_pair, write_self_check

__all__ = ["ExportMismatchError", "ExportResult", "ModelStatement", "export_model", "load_checkpoint"]

OPSET = 18
LARGEST_FILE = 20 * 1000 * 1000
TOLERANCE = 1e-3
_NAMES = ("input0", "input1", "output_final")
_CHECKED_SHAPES: tuple[tuple[int, int, int], ...] = ((1, 256, 256), (3, 64, 96), (2, 320, 224))

Tensor4 = NDArray[np.float32]


class ExportMismatchError(KeeperError):
    """The exported graph is too large, or does not compute what the network computes."""


@dataclass(frozen=True)
class ModelStatement:
    """What a manifest says beyond the file: origin, licence, limits and scores."""

    name: str
    description: str
    training_data: str
    licence: str
    judgement: Judgement = field(default_factory=Judgement)
    scores: dict[str, float] = field(default_factory=dict)
    size: int = 256
    version: str = "1"


@dataclass(frozen=True)
class ExportResult:
    """The written manifest and the largest difference of logits between graph and network."""

    manifest: ModelManifest
    folder: Path
    max_abs_diff: float


def export_model(network: ChangeNetLite, out: Path, statement: ModelStatement) -> ExportResult:
    """Write ``NAME.onnx``, ``manifest.json`` and ``selfcheck.npz`` into ``out``, each atomically.

    Raises ExportMismatchError when the graph differs from the network by more than 1e-3 in any logit on
    any of three shapes, or is larger than 20 MB; nothing is put in place then.
    """
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{statement.name}.onnx"
    beside = out / f".{statement.name}.onnx.tmp"
    try:
        write_onnx(network, beside, statement.version)
        difference = check_parity(network, beside)
        manifest = _manifest(statement, target.name, beside)
        self_check = run_self_check(beside, manifest)
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    write_self_check(out / "selfcheck.npz", self_check)
    atomic_write(out / "manifest.json", (manifest.model_dump_json(indent=2) + "\n").encode())
    return ExportResult(manifest, out, difference)


def write_onnx(network: ChangeNetLite, file: Path, version: str = "1") -> None:
    """Write the graph, BatchNorm folded into the convolutions and nothing kept of where it was made.

    ``version`` stands in the file too: a model is known by its hash, and two versions may have the same weights and be judged
    otherwise.
    """
    import onnx

    folded = fold_batch_norm(network)
    # Traced at one size, since tracing with free axes takes a minute: every operator of this network works at
    # any size (the resizes are by factors), so the axes are freed afterwards and checked on several shapes.
    example = (torch.zeros(2, 3, 64, 96), torch.zeros(2, 3, 64, 96))
    # The exporter speaks of its own internals; parity is checked on the result.
    with quiet("torch.onnx", ".*"):
        program = torch.onnx.export(
            folded,
            example,
            input_names=list(_NAMES[:2]),
            output_names=list(_NAMES[2:]),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise ExportMismatchError("export_failed", "The exporter returned no graph.")
    model = program.model_proto
    _strip(model)
    onnx.helper.set_model_props(model, {"version": version})
    onnx.checker.check_model(model)
    onnx.save_model(model, str(file))
    if file.stat().st_size > LARGEST_FILE:
        megabytes = file.stat().st_size / 1e6
        raise ExportMismatchError("export_failed", f"The graph takes {megabytes:.1f} MB, more than 20.")


def check_parity(network: ChangeNetLite, file: Path) -> float:
    """Return the largest difference between graph and network over three shapes, or raise."""
    session = _session(file)
    rng = np.random.default_rng(7)
    worst = 0.0
    for batch, height, width in _CHECKED_SHAPES:
        test, golden = (rng.uniform(-1, 1, (batch, 3, height, width)).astype(np.float32) for _ in range(2))
        with torch.inference_mode():
            expected = network.eval()(torch.from_numpy(test), torch.from_numpy(golden)).numpy()
        (got,) = session.run([_NAMES[2]], {_NAMES[0]: test, _NAMES[1]: golden})
        worst = max(worst, float(np.abs(got - expected).max()))
    if not worst <= TOLERANCE:
        raise ExportMismatchError("export_failed", f"Graph and network differ by {worst:.2g} in a logit.")
    return worst


def run_self_check(file: Path, manifest: ModelManifest) -> SelfCheck:
    """Return the made-up pair of a graph with what onnxruntime gives for it."""
    test, golden = made_up_pair(manifest)
    (logits,) = _session(file).run([_NAMES[2]], {_NAMES[0]: test, _NAMES[1]: golden})
    return SelfCheck(test, golden, change_probability(logits))


def _session(file: Path) -> Any:
    # The app reaches onnxruntime through engines/ alone; the check of an export must not depend on those.
    import onnxruntime

    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


def _strip(model: Any) -> None:
    """Remove stack traces and file names of this machine, and give the free axes plain names."""
    del model.metadata_props[:]
    model.doc_string = ""
    graph = model.graph
    for entry in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        entry.doc_string = ""
        del entry.metadata_props[:]
    del graph.value_info[:]
    for tensor in (*graph.input, *graph.output):
        axes = tensor.type.tensor_type.shape.dim
        for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
            axes[axis].dim_param = name


def _manifest(statement: ModelStatement, file_name: str, file: Path) -> ModelManifest:
    return ModelManifest(
        name=statement.name,
        version=statement.version,
        description=statement.description,
        file=file_name,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        input=InputSpec(height=statement.size, width=statement.size, dynamic=True, multiple=32),
        judgement=statement.judgement,
        training_data=statement.training_data,
        scores=statement.scores,
        licence=statement.licence,
    )
