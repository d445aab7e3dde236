"""Model files: an ONNX graph with its manifest, or one that follows TAO's names and needs none."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import InputSpec, ModelManifest, ModelPrecision
from inspector_app.core.problems import problem_lines

if TYPE_CHECKING:
    import onnx

TAO_INPUTS = ("input0", "input1")
TAO_OUTPUT = "output_final"
MANIFEST = "manifest.json"
SELFCHECK = "selfcheck.npz"
OPTIMISATION_REPORT = "optimisation.json"
TRAINING_REPORT = "training.json"
LARGEST_MODEL = 2 << 30
"""Bytes: no single ONNX file can be larger, since protobuf ends there."""
LARGEST_MANIFEST = 1 << 20


@dataclass(frozen=True)
class Model:
    """A model on disk: its manifest and the path of its ONNX file."""

    manifest: ModelManifest
    path: Path

    @property
    def selfcheck(self) -> Path:
        """Where a stored input pair with its expected output lies, if it does.

        Arrays ``test``, ``golden`` (``1 x 3 x H x W`` float32 tensors), ``probability`` (``1 x H x W``).
        """
        return self.path.with_name(SELFCHECK)


UNDESCRIBED = "TAO Visual ChangeNet-Segmentation export (no manifest)"
"""What a model without a manifest is taken for."""


@dataclass(frozen=True)
class GraphTensor:
    """A graph's input or output; an axis without a fixed size is None."""

    name: str
    shape: tuple[int | None, ...]
    element: str


@dataclass(frozen=True)
class GraphInterface:
    """What a graph takes and gives."""

    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]


def sha256_of(path: Path) -> str:
    """Of a file's bytes.

    Raises:
        KeeperError: ``model_missing`` or ``model_unreadable``.
    """
    try:
        if path.is_file() and path.stat().st_size > LARGEST_MODEL:
            raise KeeperError("model_damaged", f"{path} is larger than 2 GB, which no ONNX file can be.")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise KeeperError("model_missing", f"There is no model file {path}.") from error
    except OSError as error:
        raise KeeperError("model_unreadable", f"The model file {path} cannot be read: {error}.") from error


def load_model(path: Path) -> Model:
    """Open an ONNX file or a folder that holds a manifest.

    A manifest is ``manifest.json`` beside the file when it names that file. Without one the graph must have
    TAO's names, and is fed as TAO trains.

    Raises:
        KeeperError: the file is missing, damaged, not the one that the manifest describes, or of an unknown
            interface, or its weights lie in other files, which no hash speaks for.
    """
    folder = path if path.is_dir() else path.parent
    manifest_path = folder / MANIFEST
    if manifest_path.is_file():
        manifest = read_manifest(manifest_path)
        if path.is_dir() or manifest.file == path.name:
            return _verified(Model(manifest, folder / manifest.file))
    if path.is_dir():
        raise KeeperError("model_missing", f"There is no {MANIFEST} in {path}.")
    digest = sha256_of(path)
    graph = read_self_contained(path)
    manifest = tao_manifest(path, digest, read_interface(path))
    return Model(manifest.model_copy(update={"precision": weights_precision(graph)}), path)


def find_model(name: str, folders: Iterable[Path]) -> Model:
    """A model by the name of its folder in one of ``folders``, or by the path of a file or folder.

    Raises:
        KeeperError: ``model_missing`` when nothing of that name is there, else as ``load_model``.
    """
    searched = list(folders)
    for folder in searched:
        if "/" not in name and "\\" not in name and (folder / name / MANIFEST).is_file():
            return load_model(folder / name)
    path = Path(name)
    if path.exists():
        return load_model(path)
    known = ", ".join(sorted(available_models(searched))) or "none"
    raise KeeperError(
        "model_missing",
        f"There is no model “{name}”.",
        f"Models found: {known}. Others are installed with: inspector-app models add PATH",
    )


def available_models(folders: Iterable[Path]) -> dict[str, Path]:
    """Name to folder of every model that has a manifest; the first folder wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
            # A folder that is being put together has a hidden name.
            if not manifest.parent.name.startswith("."):
                found.setdefault(manifest.parent.name, manifest.parent)
    return found


def read_manifest(path: Path) -> ModelManifest:
    """Parse and validate.

    Raises:
        KeeperError: ``manifest_invalid``, naming every problem.
    """
    try:
        return ModelManifest.model_validate(json.loads(_short_text(path)))
    except ValidationError as error:
        problems = "; ".join(problem_lines(error, ModelManifest))
        raise KeeperError("manifest_invalid", f"The manifest {path} is wrong: {problems}.") from error
    except (ValueError, OSError, RecursionError) as error:
        raise KeeperError("manifest_invalid", f"The manifest {path} cannot be read: {error}.") from error


def _short_text(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_MANIFEST + 1)
    if len(data) > LARGEST_MANIFEST:
        raise ValueError("it is larger than 1 MB")
    return data


def _verified(model: Model) -> Model:
    check_inside(model.path, model.manifest.file)
    if sha256_of(model.path) != model.manifest.sha256:
        raise KeeperError(
            "model_changed",
            f"{model.path.name} is not the file that its manifest describes (sha256 differs).",
            "Copy the model's folder again.",
        )
    read_self_contained(model.path)
    return model


def check_inside(path: Path, name: str) -> None:
    """``path`` must be what ``name`` calls a file of its folder, symbolic links resolved.

    Raises:
        KeeperError: ``manifest_invalid`` when it leads outside.
    """
    plain = path.name == name and not set(name) & {"/", "\\", "\0"} and name not in (".", "..")
    if not plain or path.resolve().parent != path.parent.resolve():
        raise KeeperError("manifest_invalid", f"The manifest names a file outside its folder: {name}.")


def read_self_contained(path: Path) -> onnx.ModelProto:
    """A graph whose weights lie in the file itself: the manifest's hash speaks for that one alone.

    Raises:
        KeeperError: ``model_damaged`` when it is no ONNX graph, ``model_external`` when it refers to others.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise KeeperError(
            "model_damaged",
            f"{path.name} cannot be loaded as a network.",
            f"Copy it again or choose another model. ({error})",
        ) from error
    if any(tensor.external_data or tensor.data_location for tensor in all_tensors(graph)):
        raise KeeperError(
            "model_external",
            f"The weights of {path.name} lie in other files, which its hash says nothing of.",
            "Save it as one file: onnx.save_model(onnx.load(FILE), NEW, save_as_external_data=False).",
        )
    return graph


def weights_precision(graph: onnx.ModelProto) -> ModelPrecision:
    """Of what most of the constants are; scales and shapes are few beside the weights."""
    from onnx import TensorProto

    kinds: dict[int, ModelPrecision] = {
        TensorProto.FLOAT: "float32",
        TensorProto.FLOAT16: "float16",
        TensorProto.INT8: "int8",
        TensorProto.UINT8: "int8",
    }
    counts: Counter[ModelPrecision] = Counter()
    for tensor in all_tensors(graph):
        if tensor.data_type in kinds:
            counts[kinds[tensor.data_type]] += math.prod(tensor.dims)
    return counts.most_common(1)[0][0] if counts else "float32"


def all_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every constant of a model: initializers and attributes, those of subgraphs and functions too."""
    graphs = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes.extend(graph.node)
            continue
        for attribute in nodes.pop().attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            graphs.extend((attribute.g, *attribute.graphs))


def read_interface(path: Path) -> GraphInterface:
    """Names, shapes and element types of an ONNX file, as onnxruntime reads them.

    Raises:
        KeeperError: ``model_damaged`` when it is not a graph that onnxruntime can load.
    """
    from inspector_app.engines.onnx_runtime import create_session

    session = create_session(path, ["CPUExecutionProvider"], threads=1, optimise=False)
    return GraphInterface(_tensors(session.get_inputs()), _tensors(session.get_outputs()))


def _tensors(arguments: Sequence[object]) -> tuple[GraphTensor, ...]:
    tensors = []
    for argument in arguments:
        shape = tuple(axis if isinstance(axis, int) else None for axis in getattr(argument, "shape", ()))
        tensors.append(GraphTensor(getattr(argument, "name", ""), shape, getattr(argument, "type", "")))
    return tuple(tensors)


def tao_manifest(path: Path, sha256: str, graph: GraphInterface) -> ModelManifest:
    """The manifest of a TAO Visual ChangeNet-Segmentation export, from its names and shapes.

    Raises:
        KeeperError: ``model_unknown`` when the graph has not TAO's interface.
    """
    inputs = {tensor.name: tensor for tensor in graph.inputs}
    outputs = {tensor.name: tensor for tensor in graph.outputs}
    problems = _tao_problems(inputs, outputs)
    if problems:
        raise KeeperError(
            "model_unknown",
            f"{path.name} has no {MANIFEST} and not the interface of a TAO export: {'; '.join(problems)}.",
            f"Put a {MANIFEST} beside it that names its inputs and its output.",
        )
    batch, _, height, width = inputs[TAO_INPUTS[0]].shape
    return ModelManifest(
        name=path.stem[:100] or "model",
        description=UNDESCRIBED,
        file=path.name,
        sha256=sha256,
        batch=batch,
        input=InputSpec(
            height=height or 256,
            width=width or 256,
            dynamic=height is None or width is None,
            resize="bicubic_antialias",
        ),
        licence="unknown: see where the file came from",
    )


def _tao_problems(inputs: dict[str, GraphTensor], outputs: dict[str, GraphTensor]) -> list[str]:
    problems = []
    if set(inputs) != set(TAO_INPUTS):
        problems.append(
            f"inputs are {', '.join(sorted(inputs)) or 'none'} instead of {' and '.join(TAO_INPUTS)}"
        )
    if TAO_OUTPUT not in outputs:
        problems.append(f"there is no output {TAO_OUTPUT}")
    for tensor in inputs.values():
        if len(tensor.shape) != 4 or tensor.shape[1] not in (3, None) or tensor.element != "tensor(float)":
            problems.append(f"{tensor.name} is not N x 3 x H x W float32")
    if not problems and inputs[TAO_INPUTS[0]].shape != inputs[TAO_INPUTS[1]].shape:
        problems.append("the two inputs differ in shape")
    output = outputs.get(TAO_OUTPUT)
    if output is not None and (len(output.shape) != 4 or output.shape[1] not in (2, None)):
        problems.append(f"{TAO_OUTPUT} is not N x 2 x H x W")
    return problems
