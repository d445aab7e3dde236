"""The installed models: where they lie, whether they are what their manifests say, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.report_file import read_report
from inspector_app.engines.models import (
    MANIFEST,
    OPTIMISATION_REPORT,
    Model,
    load_model,
    read_interface,
    read_manifest,
)
from inspector_app.engines.registry import EngineChoice, open_engine, self_check
from inspector_app.engines.selfcheck import read_self_check
from inspector_app.services.model_install import CARD
from inspector_app.services.optimisation_report import OptimisationReport

LARGEST_CARD = 1 << 20
SUSPECT = frozenset(
    {"self_check_failed", "engine_output", "engine_failed", "model_interface", "model_damaged"}
)
"""Codes that speak against a model, or an engine with it; all others say that an engine is not here."""


@dataclass(frozen=True)
class ModelEntry:
    """An installed model; ``problem`` says why it cannot be loaded, "" when it is what its manifest says."""

    name: str
    folder: Path
    manifest: ModelManifest | None
    problem: str


@dataclass(frozen=True)
class EngineVerdict:
    """What an engine made of a model.

    Attributes:
        engine: its label.
        difference: the largest one in probability to what is stored; None when nothing is, or it did not run.
        reason: why it does not serve, "" when it does.
        suspect: whether that speaks against the model rather than for a missing engine.
    """

    engine: str
    difference: float | None
    reason: str = ""
    suspect: bool = False


@dataclass(frozen=True)
class Verification:
    """One model, checked: ``problem`` where it could not be loaded at all."""

    name: str
    problem: str
    engines: tuple[EngineVerdict, ...]
    variant: bool = False

    @property
    def sound(self) -> bool:
        """Some engine serves, and none gives other results.

        A variant of lower precision was accepted on one engine; that others round otherwise is no fault of it.
        """
        works = any(not engine.reason for engine in self.engines)
        wrong = any(engine.suspect for engine in self.engines)
        return not self.problem and works and (self.variant or not wrong)


def list_models(installed: Mapping[str, Path]) -> tuple[ModelEntry, ...]:
    """All models by name, each with its file compared with its manifest's hash; none is run."""
    return tuple(_entry(name, folder) for name, folder in sorted(installed.items()))


def _entry(name: str, folder: Path) -> ModelEntry:
    manifest = None
    try:
        manifest = read_manifest(folder / MANIFEST)
        load_model(folder)
    except InspectorError as error:
        return ModelEntry(name, folder, manifest, str(error))
    return ModelEntry(name, folder, manifest, "")


def verify_model(name: str, path: Path) -> Verification:
    """Load the model at ``path``, check its interface, and run its self-check on every engine."""
    try:
        model = load_model(path)
        check_interface(model)
        read_self_check(model)
    except InspectorError as error:
        return Verification(name, str(error), ())
    engines = tuple(_try(model, choice) for choice in EngineChoice if choice is not EngineChoice.AUTO)
    return Verification(name, "", engines, variant=model.manifest.optimised_from is not None)


def _try(model: Model, choice: EngineChoice) -> EngineVerdict:
    label = choice.value
    try:
        engine = open_engine(model, choice)
    except InspectorError as error:
        return EngineVerdict(label, None, str(error), error.code in SUSPECT)
    try:
        return EngineVerdict(engine.info.label, self_check(engine, model))
    except InspectorError as error:
        return EngineVerdict(engine.info.label, None, str(error), error.code in SUSPECT)
    finally:
        engine.close()


def check_interface(model: Model) -> None:
    """The graph must take two ``N x 3 x H x W`` and give ``N x 2 x H x W`` float32, by the manifest's names and sizes.

    Raises:
        KeeperError: ``model_interface`` with all that does not fit.
    """
    manifest, graph = model.manifest, read_interface(model.path)
    spec = manifest.input
    side: tuple[int | None, ...] = (None, None) if spec.dynamic else (spec.height, spec.width)
    found = {tensor.name: tensor for tensor in (*graph.inputs, *graph.outputs)}
    problems = []
    for name, channels in ((manifest.test_input, 3), (manifest.golden_input, 3), (manifest.output, 2)):
        tensor = found.get(name)
        if tensor is None:
            problems.append(f"there is no {name}")
            continue
        wanted = (manifest.batch, channels, *side)
        fits = len(tensor.shape) == 4 and all(
            real is None or asked is None or real == asked
            for real, asked in zip(tensor.shape, wanted, strict=True)
        )
        if not fits or tensor.element != "tensor(float)":
            problems.append(f"{name} is {tensor.element} {_axes(tensor.shape)}, not float32 {_axes(wanted)}")
    if problems:
        raise KeeperError(
            "model_interface", f"{manifest.file} does not fit its manifest: {'; '.join(problems)}."
        )


def _axes(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if axis is None else str(axis) for axis in shape)


def model_card(folder: Path) -> str:
    """The text of the card beside a model, "" where there is none."""
    path = folder / CARD
    if not path.is_file() or path.stat().st_size > LARGEST_CARD:
        return ""
    return path.read_text(encoding="utf-8", errors="replace")


def report_path(own: Path, name: str) -> Path:
    """Where the report on ``name``'s variants is kept, accepted or not: beside them."""
    return own / f"{name}.{OPTIMISATION_REPORT}"


def model_report(name: str, folder: Path, own: Path) -> OptimisationReport | None:
    """The report on a model's variants, or on how a variant was made.

    Raises:
        KeeperError: ``report_invalid``.
    """
    kept = folder / OPTIMISATION_REPORT
    return read_report(kept, OptimisationReport) or read_report(report_path(own, name), OptimisationReport)
