"""A model's facts, and what was tried to make it faster, as tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from inspector_app.core.manifest import ModelManifest
from inspector_app.engines.cost import Cost
from inspector_app.engines.models import Model
from inspector_app.services.acceptance import IOU_MAY_FALL
from inspector_app.services.optimisation_report import OptimisationReport


def manifest_table(model: Model) -> Table:
    """What the manifest says."""
    facts = model.manifest
    spec, limits = facts.input, facts.judgement
    batch = "any batch" if facts.batch is None else f"batch {facts.batch}"
    size = f"{spec.width} x {spec.height}" + (
        f", or other multiples of {spec.multiple}" if spec.dynamic else ""
    )
    rows = {
        "name": facts.name,
        "version": facts.version,
        "description": facts.description,
        "file": str(model.path.resolve()),
        "sha256": facts.sha256,
        "precision": facts.precision,
        "made from": facts.optimised_from or "",
        "input": f"{size}, {batch}, resized by {spec.resize}",
        "limits": f"threshold {limits.threshold:g}, least area {limits.min_area_px} px of the network's grid",
        "looks": "twice at the whole pair, mirrored too (--no-mirror: once)" if limits.mirrored else "",
        "trained on": facts.training_data,
        "licence": facts.licence,
        **{name.replace("_", " "): score_text(name, value) for name, value in facts.scores.items()},
    }
    return _pairs({name: text for name, text in rows.items() if text})


SHARES = ("precision", "recall", "iou", "f1", "accuracy", "auroc")
"""Words in the names of scores that are shares of 1."""


def score_text(name: str, value: float) -> str:
    """A share in per cent, a count as a whole number, anything else as it is."""
    if any(word in name for word in SHARES) and not name.endswith("points"):
        return f"{value * 100:.2f} %"
    return f"{value:,.0f}" if value.is_integer() else f"{value:g}"


def cost_table(cost: Cost, manifest: ModelManifest) -> Table:
    """Parameters and multiply-adds."""
    size = f"{manifest.input.width} x {manifest.input.height}"
    rows = {"parameters": f"{cost.parameters:,}", f"multiply-adds a pair of {size}": f"{cost.macs:,}"}
    if cost.golden_kept:
        rows["of these for the golden, once"] = f"{cost.golden_macs:,}"
        rows["of these for each test image"] = f"{cost.test_macs:,}"
    else:
        rows["the golden"] = "is computed anew for each image"
    if cost.uncounted:
        rows["not counted"] = f"{cost.uncounted} nodes of unknown shape"
    return _pairs(rows)


def _pairs(rows: dict[str, str]) -> Table:
    table = Table(show_header=False, title=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in rows.items():
        table.add_row(escape(name), escape(text))
    return table


def report_table(report: OptimisationReport) -> Table:
    """One row a candidate."""
    table = Table(
        "precision", "how", "engine", "ms", "x float32", "verdicts changed", "IoU fall", "mask agreement", "result",
        header_style="bold", title=f"variants of {report.base}", title_justify="left",
    )  # fmt: skip
    for one in report.candidates:
        own = [timed.ms for timed in one.times if timed.engine == one.engine]
        judged = bool(one.engine)
        if one.installed:
            result = f"[green]{escape(one.installed)}[/]" + (f": {escape(one.reason)}" if one.reason else "")
        else:
            result = f"[yellow]no: {escape(one.reason)}[/]"
        table.add_row(
            one.precision,
            escape(one.setting),
            escape(one.engine),
            f"{own[0]:.1f}" if own else "",
            "" if one.ratio is None else f"{one.ratio:.2f}",
            str(len(one.changed)) if judged else "",
            "" if one.iou_fall is None else f"{one.iou_fall:.2f}",
            "" if one.mask_agreement is None else f"{100 * one.mask_agreement:.1f} %",
            result,
        )
    return table


def report_lines(report: OptimisationReport) -> Iterator[str]:
    """What the table rests on, and its outcome in a sentence."""
    shared = "" if report.disjoint else " (the same ones: too few to divide)"
    verdicts = ", ".join(f"{count} {name}" for name, count in report.verdicts.items())
    yield (
        f"Ranges from {report.calibrated_on} images, judged on {report.accepted_on}{shared}, threshold "
        f"{report.threshold:g}; float32 verdicts: {verdicts or 'none'}."
    )
    truth = "the annotations" if report.annotated else "the float32 masks, since nothing is annotated"
    yield (
        f"Accepted is what changes no verdict, loses less than {IOU_MAY_FALL:g} points of pooled IoU (against {truth}) "
        f"and, for CPUs, is faster."
    )
    times = ", ".join(f"{timed.engine} {timed.ms:.1f} ms" for timed in report.times)
    yield (
        f"float32 on {report.processor}, threads {report.threads or 'all'}: {times} a pair, the golden kept; "
        f"made {report.made:%Y-%m-%d}."
    )
    names = [one.installed for one in report.accepted]
    yield (
        f"New models: {', '.join(names)}."
        if names
        else "Nothing was accepted: the float32 model stays the one to use."
    )
