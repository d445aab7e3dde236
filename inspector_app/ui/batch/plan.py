"""What a person set up on the Batch page, made into a job. For a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inspector_app.bootstrap import Inspector
from inspector_app.core.errors import OperatorError
from inspector_app.core.inspection import Identity, Settings
from inspector_app.core.manifest import ModelManifest
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.limits import grid_size, recipe_settings, suggested_limits, suggested_view
from inspector_app.services.plan import plan_demo, plan_folder


@dataclass(frozen=True)
class BatchSetup:
    """As it stands on the page. ``golden`` is a file, or a folder of goldens of the same names."""

    folder: Path | None = None
    golden: Path | None = None
    recipe: str = ""
    truth: Path | None = None
    recursive: bool = True
    demo: bool = False
    model: str = "generic"
    identity: Identity = Identity()

    @property
    def problem(self) -> str:
        """What is still missing, "" when it can start."""
        if self.demo:
            return ""
        if self.folder is None:
            return "Choose a folder of test images."
        if self.golden is None and not self.recipe:
            return "Choose a golden or a recipe to compare with."
        return ""


@dataclass(frozen=True, eq=False)
class PlannedBatch:
    """A job and the model that it runs on."""

    job: BatchJob
    model: str


def plan_batch(inspector: Inspector, setup: BatchSetup) -> PlannedBatch:
    """List the images and settle what decides.

    Raises:
        InspectorError: a folder, recipe or model is missing, or there is nothing to score.
    """
    if setup.demo:
        root = inspector.demo_folder()
        manifest = inspector.find_model(setup.model).manifest
        job = BatchJob(
            "demo",
            root,
            plan_demo(root),
            _bare(manifest),
            identity=setup.identity,
            grid=grid_size(manifest),
        )
        return PlannedBatch(job, setup.model)
    if setup.folder is None or setup.problem:
        raise OperatorError("batch_incomplete", setup.problem)
    return (
        _with_recipe(inspector, setup, setup.folder)
        if setup.recipe
        else _with_golden(inspector, setup, setup.folder)
    )


def _with_recipe(inspector: Inspector, setup: BatchSetup, folder: Path) -> PlannedBatch:
    revision = inspector.recipes.get(setup.recipe)
    job = BatchJob(
        label=folder.name or str(folder),
        root=folder,
        items=plan_folder(folder, None, setup.recursive),
        settings=recipe_settings(revision),
        goldens=tuple(inspector.recipes.golden_frame(golden) for golden in revision.recipe.goldens),
        truth_dir=setup.truth,
        identity=setup.identity,
    )
    return PlannedBatch(job, revision.recipe.model)


def _with_golden(inspector: Inspector, setup: BatchSetup, folder: Path) -> PlannedBatch:
    manifest = inspector.find_model(setup.model).manifest
    job = BatchJob(
        label=folder.name or str(folder),
        root=folder,
        items=plan_folder(folder, setup.golden, setup.recursive),
        settings=_bare(manifest),
        truth_dir=setup.truth,
        identity=setup.identity,
        grid=grid_size(manifest),
    )
    return PlannedBatch(job, setup.model)


def _bare(manifest: ModelManifest) -> Settings:
    return Settings(limits=suggested_limits(manifest), view=suggested_view(manifest))


def annotations_for(folder: Path) -> Path | None:
    """Where the annotations of a folder lie by custom: MVTec's ``ground_truth`` or TAO's ``label`` beside it."""
    for name in ("ground_truth", "label"):
        for place in (folder.parent / name, folder / name):
            if place.is_dir():
                return place
    return None


def golden_for(folder: Path) -> Path | None:
    """A golden that lies beside the folder by custom: ``golden.png``, or ``B`` beside ``A``."""
    golden = folder.parent / "golden.png"
    if golden.is_file():
        return golden
    pairs = folder.parent / "B"
    return pairs if folder.name == "A" and pairs.is_dir() else None
