"""Cut a two-input graph into what depends on the golden alone and the rest, so that the golden is run once.

Works on any ONNX graph: a node belongs to the golden's part when it depends on the golden's input and not on
the test's. Nodes that no wanted output needs fall away; an encoder that takes both images in one batch is taken apart
first. Nothing is assumed about shapes: the golden's part is fed as many copies of the golden as the rest is fed
tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inspector_app.core.manifest import ModelManifest
from inspector_app.engines.by_image import NotByImageError
from inspector_app.engines.known_types import known_types
from inspector_app.engines.unbatch import unbatch

if TYPE_CHECKING:
    import onnx


_OF_SHAPE = frozenset({"Shape", "Size"})


@dataclass(frozen=True)
class GraphParts:
    """Two serialised ONNX models. ``rest`` takes the test's input and the tensors named in ``cut``.

    ``sizes`` are those of ``cut`` that hang on the golden's shape alone, not on what it shows.
    """

    golden: bytes
    rest: bytes
    cut: tuple[str, ...]
    golden_nodes: int
    rest_nodes: int
    sizes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Unsplit:
    """Why a graph is run whole."""

    reason: str


def split_graph(path: Path, manifest: ModelManifest) -> GraphParts | Unsplit:
    """Split the graph at ``path`` by its manifest's input and output names."""
    import onnx
    from onnx import inliner

    model = inliner.inline_local_functions(onnx.load(path))
    nodes = needed(in_order(model.graph), {manifest.output})
    try:
        apart = _taken_apart(model, nodes, manifest)
    except NotByImageError as reason:
        return Unsplit(f"it encodes both images in one batched pass, and {reason}")
    if apart is not None:
        model = _with_nodes(model, apart)
        nodes = needed(list(model.graph.node), {manifest.output})
    of_golden = _reached(nodes, manifest.golden_input)
    of_test = _reached(nodes, manifest.test_input)
    own = [node for node in nodes if _reads(node) & of_golden and not _reads(node) & of_test]
    rest = [node for node in nodes if _reads(node) & of_test]
    constant = [node for node in nodes if not _reads(node) & (of_golden | of_test)]
    made = set().union(*(_makes(node) for node in own))
    cut = tuple(dict.fromkeys(name for node in rest for name in sorted(_reads(node) & made)))
    shown = _reached([node for node in nodes if node.op_type not in _OF_SHAPE], manifest.golden_input)
    kinds = known_types(model)
    problem = _why_not(own, cut, kinds)
    if problem:
        return Unsplit(problem)
    inputs = [manifest.test_input, *cut]
    if any(manifest.golden_input in _reads(node) for node in rest):
        inputs.append(manifest.golden_input)
    order = {id(node): place for place, node in enumerate(nodes)}
    first = sorted([*constant, *own], key=lambda node: order[id(node)])
    second = sorted([*constant, *rest], key=lambda node: order[id(node)])
    return GraphParts(
        golden=_model(model, needed(first, set(cut)), [manifest.golden_input], cut, kinds),
        rest=_model(model, needed(second, {manifest.output}), inputs, [manifest.output], kinds),
        cut=cut,
        golden_nodes=len(own),
        rest_nodes=len(rest),
        sizes=frozenset(cut) - shown,
    )


def _taken_apart(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], manifest: ModelManifest
) -> list[onnx.NodeProto] | None:
    """The nodes with a pass over both images at once made two; None where there is no such pass."""
    of_test, of_golden = (_reached(nodes, name) for name in (manifest.test_input, manifest.golden_input))
    alone = (of_test - of_golden, of_golden - of_test)
    return unbatch(model, nodes, alone, (manifest.test_input, manifest.golden_input))


def _why_not(own: Sequence[onnx.NodeProto], cut: tuple[str, ...], kinds: dict[str, onnx.TypeProto]) -> str:
    """Why the graph cannot be split, or nothing."""
    if not own:
        return "no part of it depends on the golden alone"
    if not cut:
        return "its output does not depend on both images"
    unknown = [name for name in cut if name not in kinds]
    return f"the element type of {unknown[0]} is not known" if unknown else ""


def _reads(node: onnx.NodeProto) -> set[str]:
    """Names that a node reads, those that its subgraphs take from around them too."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            inner = {entry.name for entry in (*graph.input, *graph.initializer)}
            inner.update(name for each in graph.node for name in each.output)
            names |= set().union(*(_reads(each) for each in graph.node), set()) - inner
            names |= {entry.name for entry in graph.output} - inner
    return names


def _makes(node: onnx.NodeProto) -> set[str]:
    return {name for name in node.output if name}


def _reached(nodes: Iterable[onnx.NodeProto], start: str) -> set[str]:
    """The tensors that depend on ``start``, itself included; nodes stand in order of computation."""
    reached = {start}
    for node in nodes:
        if _reads(node) & reached:
            reached |= _makes(node)
    return reached


def in_order(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes in order of computation. ONNX asks for it, but not every tool that writes files keeps it."""
    nodes = list(graph.node)
    made_by = {name: node for node in nodes for name in _makes(node)}
    ordered: list[onnx.NodeProto] = []
    placed: set[int] = set()
    for start in nodes:
        waiting = [start]
        while waiting:
            node = waiting[-1]
            before = [made_by[name] for name in _reads(node) if name in made_by]
            missing = [each for each in before if id(each) not in placed and each is not node]
            if missing and id(node) not in placed:
                waiting.extend(missing)
                continue
            waiting.pop()
            if id(node) not in placed:
                placed.add(id(node))
                ordered.append(node)
    return ordered


def needed(nodes: Sequence[onnx.NodeProto], outputs: set[str]) -> list[onnx.NodeProto]:
    """The nodes that ``outputs`` need, in order."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if _makes(node) & wanted:
            kept.append(node)
            wanted |= _reads(node)
    return kept[::-1]


def _with_nodes(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> onnx.ModelProto:
    copy = type(model)()
    copy.CopyFrom(model)
    del copy.graph.node[:], copy.graph.value_info[:]
    copy.graph.node.extend(nodes)
    return copy


def _model(
    whole: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[str],
    outputs: Sequence[str],
    kinds: dict[str, onnx.TypeProto],
) -> bytes:
    """The nodes as a model of their own, with the initializers that they read."""
    import onnx

    read = set().union(*(_reads(node) for node in nodes), set(outputs))
    graph = onnx.helper.make_graph(
        list(nodes),
        whole.graph.name or "part",
        [onnx.helper.make_value_info(name, kinds[name]) for name in inputs],
        [onnx.helper.make_value_info(name, kinds[name]) for name in outputs],
        [entry for entry in whole.graph.initializer if entry.name in read],
    )
    graph.sparse_initializer.extend(e for e in whole.graph.sparse_initializer if e.values.name in read)
    part = onnx.helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)
    return bytes(part.SerializeToString())
