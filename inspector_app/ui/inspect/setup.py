"""The set-up of an inspection as it stands on screen, and which settings really decide."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inspector_app.core.geometry import Region
from inspector_app.core.inspection import Settings
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import RecipeRevision
from inspector_app.core.recipe import GOLDENS_USED, Alignment, Limits, View
from inspector_app.services.limits import recipe_settings, suggested_limits, suggested_view


def what_decides(settings: Settings) -> tuple[object, ...]:
    """The part of the settings that a verdict hangs on, whatever recipe it came from."""
    return *needs_the_network(settings), settings.limits, settings.regions, settings.um_per_px


def needs_the_network(settings: Settings) -> tuple[object, ...]:
    """The part of what decides that changes the map itself: no preview can tell what it would do."""
    return settings.alignment, settings.view, settings.goldens_used


@dataclass(frozen=True)
class Setup:
    """Limits, alignment, view and regions on screen, and the recipe revision they started from.

    With a recipe, only its stored revision decides: what differs on screen is a preview until it is saved.
    Without one, what is on screen decides.
    """

    limits: Limits = Limits()
    alignment: Alignment = Alignment()
    regions: tuple[Region, ...] = ()
    um_per_px: float | None = None
    recipe: RecipeRevision | None = None
    touched: bool = False
    """Whether a person set the limits; until then they follow the model's suggestion."""
    view: View = View()
    goldens_used: int = GOLDENS_USED
    looks_set: bool = False
    """Whether a person set how often the network looks; until then the model's suggestion stands."""

    @staticmethod
    def of(revision: RecipeRevision) -> Setup:
        """A stored revision."""
        recipe = revision.recipe
        return Setup(
            recipe.limits,
            recipe.alignment,
            recipe.regions,
            recipe.um_per_px,
            revision,
            True,
            recipe.view,
            recipe.goldens_used,
        )

    @property
    def changed(self) -> bool:
        """Whether the screen differs from the recipe's stored revision."""
        if self.recipe is None:
            return False
        return self.on_screen != recipe_settings(self.recipe)

    @property
    def deciding(self) -> Settings:
        """What an inspection runs under."""
        return recipe_settings(self.recipe) if self.recipe is not None else self.on_screen

    @property
    def on_screen(self) -> Settings:
        """What the preview runs under."""
        base = recipe_settings(self.recipe) if self.recipe is not None else Settings()
        return replace(
            base,
            limits=self.limits,
            alignment=self.alignment,
            regions=self.regions,
            um_per_px=self.um_per_px,
            view=self.view,
            goldens_used=self.goldens_used,
        )

    def following(self, manifest: ModelManifest, frame_size: tuple[int, int] | None) -> Setup:
        """What a person has not set without a recipe as the model suggests; its least area scaled to the image, whose
        ``(width, height)`` is given where there is one."""
        if self.recipe is not None:
            return self
        view = self.view if self.looks_set else suggested_view(manifest, self.view)
        limits = self.limits if self.touched else suggested_limits(manifest, frame_size, view)
        return replace(self, view=view, limits=limits)

    def with_limits(self, limits: Limits) -> Setup:
        """Limits set by a person."""
        return replace(self, limits=limits, touched=True)

    def with_regions(self, regions: tuple[Region, ...]) -> Setup:
        """Regions drawn by a person."""
        return replace(self, regions=regions)

    def reset(self) -> Setup:
        """Back to the stored revision; without a recipe the limits follow the model again."""
        if self.recipe is not None:
            return Setup.of(self.recipe)
        return replace(self, touched=False, regions=())

    def without_recipe(self) -> Setup:
        """For a bare golden: nothing of a recipe may decide about a part that the recipe was not made for."""
        return Setup() if self.recipe is not None else self
