"""Choosing a recipe, and saving the present set-up as a revision."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from inspector_app.bootstrap import Inspector
from inspector_app.core.errors import KeeperError, OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.protocols import ImageArchive, RecipeRevision
from inspector_app.core.recipe import GoldenRef, Recipe
from inspector_app.services.golden_entries import embedded_golden, golden_of_frame
from inspector_app.ui.engine import EnginePresenter
from inspector_app.ui.inspect.presenter import InspectPresenter
from inspector_app.ui.inspect.setup import Setup
from inspector_app.ui.tools import RECORD_LANE, Tools
from inspector_app.ui.work import Shown


@dataclass(frozen=True, eq=False)
class LoadedRecipe:
    """A revision with its goldens decoded."""

    revision: RecipeRevision
    goldens: tuple[Shown, ...]


class RecipesPresenter(QObject):
    """Knows the recipes there are and carries one over to the Inspect page."""

    changed = Signal()

    def __init__(
        self, tools: Tools, pair: InspectPresenter, engine: EnginePresenter, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._tools, self._pair, self._engine = tools, pair, engine
        self.names: tuple[str, ...] = ()

    @property
    def current(self) -> str:
        """The recipe in use, "" for none."""
        recipe = self._pair.setup.recipe
        return recipe.recipe.name if recipe else ""

    def refresh(self) -> None:
        """Ask which recipes there are."""
        recipes = self._tools.inspector.recipes
        self._tools.runner.submit(
            RECORD_LANE,
            lambda context: tuple(revision.recipe.name for revision in recipes.list()),
            self._listed,
            self._tools.errors.failure,
        )

    def _listed(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.changed.emit()

    def choose(self, name: str) -> None:
        """Use a recipe's newest revision; "" leaves the one in use."""
        if not name:
            self._pair.set_setup(self._pair.setup.without_recipe())
            self.changed.emit()
            return
        inspector = self._tools.inspector
        self._tools.runner.submit(
            RECORD_LANE,
            lambda context: load_recipe(inspector, name),
            self._loaded,
            self._tools.errors.failure,
        )

    def _loaded(self, loaded: LoadedRecipe) -> None:
        model = loaded.revision.recipe.model
        if model != self._engine.model:
            self._engine.load(model)
        self._pair.use_recipe(Setup.of(loaded.revision), loaded.goldens)
        self.changed.emit()

    def save(self, name: str, note: str) -> None:
        """The set-up on screen as the next revision of ``name``; it is then in use."""
        golden = self._pair.golden
        if golden is None:
            self._tools.errors.error(OperatorError("no_golden", "A recipe needs a golden. Open one first."))
            return
        if not self._engine.model:
            self._tools.errors.error(OperatorError("no_engine", "A recipe needs a model. Choose one first."))
            return
        inspector, setup, frame = self._tools.inspector, self._pair.setup, golden.frame
        author, model = self._pair.identity.operator, self._engine.model
        self._tools.runner.submit(
            RECORD_LANE,
            lambda context: save_recipe(inspector, setup, frame, model, name, author, note),
            self._saved,
            self._tools.errors.failure,
        )

    def _saved(self, loaded: LoadedRecipe) -> None:
        self._pair.keep_as_recipe(Setup.of(loaded.revision), loaded.goldens)
        self._tools.errors.info(
            f"Saved as {loaded.revision.recipe.name}, revision {loaded.revision.revision}."
        )
        self.refresh()


def load_recipe(inspector: Inspector, name: str) -> LoadedRecipe:
    """For a worker."""
    return _with_goldens(inspector, inspector.recipes.get(name))


def _with_goldens(inspector: Inspector, revision: RecipeRevision) -> LoadedRecipe:
    frames = [inspector.recipes.golden_frame(golden) for golden in revision.recipe.goldens]
    return LoadedRecipe(revision, tuple(Shown.of(frame) for frame in frames))


def save_recipe(
    inspector: Inspector, setup: Setup, golden: Frame, model: str, name: str, author: str, note: str
) -> LoadedRecipe:
    """For a worker. A recipe that is in use keeps its product and, if it is the same golden, all of them."""
    base = setup.recipe.recipe if setup.recipe else None
    goldens = base.goldens if base else (golden_ref(inspector.archive, golden),)
    recipe = Recipe(
        name=name,
        product=base.product if base else "",
        model=model,
        goldens=goldens,
        goldens_used=setup.goldens_used,
        view=setup.view,
        alignment=setup.alignment,
        regions=setup.regions,
        limits=setup.limits,
        um_per_px=setup.um_per_px,
    )
    return _with_goldens(inspector, inspector.recipes.save_revision(recipe, author, note))


def golden_ref(archive: ImageArchive, golden: Frame) -> GoldenRef:
    """With the bytes that it was opened from: its file may hold another picture by now."""
    try:
        return embedded_golden(golden.name, archive.get_bytes(golden.sha256))
    except KeeperError:
        # Lost from the archive: the pixels on screen are still the golden that people judged by.
        return golden_of_frame(golden)
