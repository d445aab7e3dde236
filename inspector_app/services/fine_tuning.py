"""What a recipe says of the training of its own model: names, sizes, and how two models are compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from inspector_app.core.errors import KeeperError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import MeasureAt
from inspector_app.core.protocols import RecipeRevision
from inspector_app.core.recipe import View
from inspector_app.engines.models import MANIFEST, Model, load_model, read_manifest
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.evaluate import observe, report
from inspector_app.services.inspect import InspectionService
from inspector_app.services.limits import recipe_settings
from inspector_app.services.training_plan import HELD_OUT, TrainingPlan, examination
from inspector_app.services.training_report import Measures

STEPS = 600
EPOCH_STEPS = 50
"""Steps between two checkpoints: some minutes."""
WARM_SIZE = 192
CACHE_SIZE = 320
LEAST_SIDE, LARGEST_SIDE = 64, 1024
MEMORY = 1_000_000_000
"""Bytes that the pictures of a training may take."""
LEAST, MOST = 16, 400
"""Pictures of each kind, good and defective."""
Settings = dict[str, int | float]


def model_name(recipe: str, taken: Collection[str]) -> str:
    """``NAME-N``: the recipe's name as a model's, with the first number that is free."""
    stem = re.sub(r"[^a-z0-9._-]+", "-", recipe.lower()).strip("-._")[:50] or "recipe"
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def original_of(model: Model, installed: Mapping[str, Path]) -> Model:
    """The model that a variant of lower precision was made from, where it is installed; others are their own."""
    if model.manifest.optimised_from is None:
        return model
    for folder in installed.values():
        with suppress(KeeperError):
            if read_manifest(folder / MANIFEST).sha256 == model.manifest.optimised_from:
                return load_model(folder)
    return model


def training_settings(side: int, view: View, golden: tuple[int, int], given: Mapping[str, int]) -> Settings:
    """Sizes and steps of a training of a recipe's model.

    With a view of tiles the network is shown pieces of ``size`` at the view's scale, cut out of pictures of at most
    1,024 a side; else whole pictures, small ones first, for speed.

    Args:
        side: of the network's input.
        view: the recipe's.
        golden: ``(width, height)`` of its goldens.
        given: what was asked for: ``steps``, ``batch``, ``size``, ``seed``.
    """
    own = (view.tile or side) if view.mode != "whole" else side
    size = given.get("size", min(LARGEST_SIDE, max(LEAST_SIDE, -(-own // 32) * 32)))
    settings: Settings = {"steps": STEPS, "epoch_steps": EPOCH_STEPS, "seed": 0, **given, "size": size}
    picture = -(-round(max(golden) * view.scale) // 32) * 32
    if view.mode == "whole" or picture <= size:
        return {**settings, "warm_size": min(WARM_SIZE, size), "cache_size": max(CACHE_SIZE, size)}
    picture = max(size, min(picture, LARGEST_SIDE))
    return {**settings, "size": picture, "warm_size": size, "cache_size": picture, "warm_share": 1.0}


def most_pictures(cache_side: int) -> int:
    """Pictures of each kind that a training keeps in memory: each with a golden and a mask."""
    return max(LEAST, min(MOST, MEMORY // (7 * cache_side * cache_side) // 2))


def examine(
    service: InspectionService,
    plan: TrainingPlan,
    folder: Path,
    revision: RecipeRevision,
    goldens: tuple[Frame, ...],
    on_done: Callable[[int, int], None],
) -> Measures:
    """Judge the held-out pictures by the recipe; pixels are counted on 256 x 256."""
    items = examination(plan, folder)
    settings = recipe_settings(revision, MeasureAt.GRID_256)
    job = BatchJob("held out", folder / HELD_OUT, items, settings, goldens)
    return Measures.of(report(observe(service, job, on_done)).total)
