"""``inspector-app doctor --gpu``: build on this machine's GPU, compare with onnxruntime, time, print the table."""

from __future__ import annotations

from itertools import chain

from rich.console import Console

from inspector_app.bootstrap import Inspector
from inspector_app.cli.engines import building_plans
from inspector_app.core.errors import InspectorError
from inspector_app.core.protocols import ChangeEngine
from inspector_app.engines.models import Model
from inspector_app.engines.reference import ReferenceLoop
from inspector_app.engines.registry import EngineChoice, open_engine, self_check_tolerance
from inspector_app.engines.tensorrt.device import Card
from inspector_app.engines.tensorrt.engine import TensorRtEngine
from inspector_app.engines.tensorrt.opening import find_card
from inspector_app.services.bench import BenchPlan, Candidate, run_bench
from inspector_app.services.card import (
    Agreement,
    Borrowed,
    compare_engines,
    pairs_of_files,
    published_fps,
    rendered_pairs,
)
from inspector_app.services.plan import plan_demo

HALF = "-fp16"
BATCHES = (1, 8, 16, 32)
RENDERED = 16


def check_gpu(console: Console, inspector: Inspector, name: str) -> bool:
    """Try model ``name``, and its float16 variant where there is one; False when the GPU does not serve."""
    try:
        card, version = find_card()
    except InspectorError as error:
        inspector.find_model(name)
        console.print(f"No GPU check: {error.message}.", style="bold red", markup=False)
        if error.hint:
            console.print(f"On a machine with an NVIDIA GPU: {error.hint}", markup=False)
        return False
    console.print(f"{card.name}, compute capability {card.capability}, TensorRT {version}", markup=False)
    names = [name, *([name + HALF] if name + HALF in inspector.models() else [])]
    healthy = [_check_model(console, inspector, card, each) for each in names]
    if len(names) == 1:
        console.print(f"There is no {name}{HALF}, so float16 was not tried.", markup=False)
    for found, fps, remark in published_fps(card.name):
        said = f"{found}: {fps:g} pairs/s{f' ({remark})' if remark else ''}"
        console.print(f"Published network on {said}, float16, trtexec, inference only.", markup=False)
    return all(healthy)


def _check_model(console: Console, inspector: Inspector, card: Card, name: str) -> bool:
    model = inspector.find_model(name)
    try:
        engine = _open(console, inspector, name, model)
    except InspectorError as error:
        console.print(f"{name}: {error}", style="bold red", markup=False)
        return False
    try:
        agreement = _compare(inspector, model, engine)
        good = agreement.worst <= self_check_tolerance(model.manifest.precision)
        _say_agreement(console, name, agreement, good)
        _print_table(console, inspector, card, model, engine)
    except InspectorError as error:
        console.print(f"{name}: {error}", style="bold red", markup=False)
        return False
    finally:
        engine.close()
    return good


def _open(console: Console, inspector: Inspector, name: str, model: Model) -> ChangeEngine:
    began = inspector.clock.monotonic()
    with building_plans(name) as rules:
        engine = open_engine(model, EngineChoice.TENSORRT, building=rules)
    seconds = inspector.clock.monotonic() - began
    console.print(f"{name}: ready after {seconds:.1f} s, {engine.info.precision}", markup=False)
    note = engine.info.golden_note
    kept = f"computed for each batch: {note}" if note else "computed once and kept"
    console.print(f"  golden: {kept}", markup=False)
    if isinstance(engine, TensorRtEngine):
        graphs = engine.plain_note
        console.print(f"  CUDA graphs: {f'none: {graphs}' if graphs else 'replayed'}", markup=False)
    return engine


def _compare(inspector: Inspector, model: Model, engine: ChangeEngine) -> Agreement:
    """With onnxruntime on the CPU, on the demo set's pairs and on rendered ones."""
    spec = model.manifest.input
    reference = open_engine(model, EngineChoice.CPU)
    try:
        files = pairs_of_files(plan_demo(inspector.demo_folder()), spec)
        return compare_engines(engine, reference, chain(files, rendered_pairs(RENDERED, spec)))
    finally:
        reference.close()


def _say_agreement(console: Console, name: str, agreement: Agreement, good: bool) -> None:
    said = (
        f"  {'as' if good else 'NOT as'} onnxruntime on the CPU: {agreement.images} images, probability off by "
        f"at most {agreement.worst:.1e}, {agreement.crossing:.4%} of the pixels on the other side of the threshold"
    )
    console.print(said, style="" if good else "bold red", markup=False)


def _print_table(
    console: Console, inspector: Inspector, card: Card, model: Model, engine: ChangeEngine
) -> None:
    """In Markdown, for the model's card; copies to and from the GPU are included."""
    spec, precision, name = engine.manifest.input, engine.info.precision, model.manifest.name
    lines = [
        f"{name} on {card.name}, {spec.width} x {spec.height}, {precision}, TensorRT:",
        "",
        "| batch | golden | images/s | p50 ms a batch | p95 ms a batch | x the reference loop's network |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    lent = Candidate(name, EngineChoice.TENSORRT.value, lambda: Borrowed(engine))
    report = run_bench([lent], ReferenceLoop(model), inspector.clock, BenchPlan(batches=BATCHES))
    for row in report.rows:
        figures = f"{row.per_second:.1f} | {row.p50_ms:.2f} | {row.p95_ms:.2f} | {row.ratio:.1f}"
        lines.append(f"| {row.batch} | {row.golden.value} | {figures} |")
    lines += [f"Not timed to the end: {refusal.reason}." for refusal in report.refusals]
    console.print("\n".join(["", *lines, ""]), markup=False)
