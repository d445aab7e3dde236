"""The settings an inspection runs under: a recipe's, or a bare golden's with the model's suggestions."""

from __future__ import annotations

from inspector_app.core.inspection import MeasureAt, Settings
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import RecipeRevision
from inspector_app.core.recipe import Limits, View, native_min_area


def suggested_limits(
    manifest: ModelManifest, frame_size: tuple[int, int] | None = None, view: View | None = None
) -> Limits:
    """The model's own limits; the least area is scaled to ``frame_size`` (``(width, height)``) when given, from
    the grid that the map has under ``view``."""
    judgement = manifest.judgement
    area = judgement.min_area_px
    if frame_size is not None:
        grid = (view or View()).grid(grid_size(manifest), frame_size)
        area = native_min_area(area, grid, frame_size)
    return Limits(threshold=judgement.threshold, min_area_px=area)


def suggested_view(manifest: ModelManifest, view: View | None = None) -> View:
    """``view``, of the whole looked at as often as the model suggests.

    By tiles once: they take many times as long as the whole already, and at its own scale a second look finds hardly more.
    """
    view = view or View()
    return view.model_copy(update={"mirrored": view.mode == "whole" and manifest.judgement.mirrored})


def grid_size(manifest: ModelManifest) -> tuple[int, int]:
    """``(width, height)`` of the network's own grid."""
    return manifest.input.width, manifest.input.height


def recipe_settings(revision: RecipeRevision, measure_at: MeasureAt = MeasureAt.NATIVE) -> Settings:
    """A stored revision as the settings of an inspection."""
    recipe = revision.recipe
    return Settings(
        limits=recipe.limits,
        alignment=recipe.alignment,
        regions=recipe.regions,
        um_per_px=recipe.um_per_px,
        recipe=recipe.name,
        revision=revision.revision,
        product=recipe.product,
        measure_at=measure_at,
        view=recipe.view,
        goldens_used=recipe.goldens_used,
    )
