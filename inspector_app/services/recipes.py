"""Recipes: made, kept as immutable revisions, read from files and written to them."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.files import atomic_write
from inspector_app.core.frame import Frame
from inspector_app.core.geometry import Region
from inspector_app.core.problems import near_miss, problem_lines
from inspector_app.core.protocols import ImageArchive, RecipeRevision, RecordStore
from inspector_app.core.recipe import GOLDENS_USED, Alignment, GoldenRef, Limits, Recipe, View
from inspector_app.services.golden_entries import embedded_bytes, embedded_golden, golden_of_frame
from inspector_app.services.recipe_files import (
    RecipeFormat,
    dump_recipe,
    format_of,
    load_recipe_file,
    recipe_invalid,
)
from inspector_app.vision.decode import decode_frame

__all__ = [
    "RecipeFormat",
    "RecipeService",
    "dump_recipe",
    "golden_of_frame",
    "load_recipe_file",
]


class RecipeService:
    """Recipes over a record store, with their goldens' files in the image archive."""

    def __init__(self, store: RecordStore, archive: ImageArchive) -> None:
        self._store = store
        self._archive = archive

    def new(
        self,
        name: str,
        goldens: Sequence[Path],
        *,
        product: str = "",
        model: str = "generic",
        goldens_used: int = GOLDENS_USED,
        view: View | None = None,
        alignment: Alignment | None = None,
        regions: Sequence[Region] = (),
        limits: Limits | None = None,
        um_per_px: float | None = None,
    ) -> Recipe:
        """A recipe from golden files, not saved yet.

        Raises:
            KeeperError: ``recipe_invalid`` with every problem.
        """
        found: list[GoldenRef] = []
        problems: list[str] = []
        for path in goldens:
            golden = _golden_at(path)
            if isinstance(golden, str):
                problems.append(golden)
            else:
                found.append(golden)
        if problems:
            raise recipe_invalid(f'"{name}"', problems)
        try:
            return Recipe(
                name=name,
                product=product,
                model=model,
                goldens=tuple(found),
                goldens_used=goldens_used,
                view=view or View(),
                alignment=alignment or Alignment(),
                regions=tuple(regions),
                limits=limits or Limits(),
                um_per_px=um_per_px,
            )
        except ValidationError as error:
            raise recipe_invalid(f'"{name}"', problem_lines(error, Recipe)) from error

    def save_revision(self, recipe: Recipe, author: str, note: str) -> RecipeRevision:
        """Keep the goldens' files in the archive and ``recipe`` as the next revision of its name.

        The stored recipe names its goldens by hash; their bytes are in the archive before it is committed.

        Raises:
            KeeperError: ``recipe_name``, ``golden_damaged``, ``archive_missing`` (a golden by hash that this station does not
                have), ``archive_damaged``, ``disk_full`` or another fault of the store.
        """
        if re.search(r"@\d+$", recipe.name) and self._store.recipe_revision(recipe.name) is None:
            raise KeeperError(
                "recipe_name",
                f"“{recipe.name}” cannot be a recipe's name: an @ with a number at the end means a revision.",
            )
        goldens = tuple(self._kept(golden) for golden in recipe.goldens)
        return self._store.add_recipe_revision(recipe.model_copy(update={"goldens": goldens}), author, note)

    def with_model(self, name: str, model: str, author: str, note: str) -> RecipeRevision:
        """Save the newest revision with another model as the next one.

        Raises:
            KeeperError: ``recipe_missing``, ``model_in_use``, and see ``save_revision``.
        """
        newest = self.get(name)
        if newest.recipe.model == model:
            raise KeeperError(
                "model_in_use", f"{name} judges with {model} already: revision {newest.revision} says so."
            )
        return self.save_revision(newest.recipe.model_copy(update={"model": model}), author, note)

    def list(self) -> tuple[RecipeRevision, ...]:
        """The newest revision of each recipe, by name."""
        return tuple(self._store.recipes())

    def history(self, name: str) -> tuple[RecipeRevision, ...]:
        """All revisions of one recipe, the newest first."""
        return tuple(self._store.recipe_history(name))

    def get(self, name: str, revision: int | None = None) -> RecipeRevision:
        """A revision, the newest when none is named.

        Raises:
            KeeperError: ``recipe_missing``.
        """
        found = self._store.recipe_revision(name, revision)
        if found is not None:
            return found
        history = self._store.recipe_history(name)
        if history:
            raise KeeperError(
                "recipe_missing",
                f'The recipe "{name}" has no revision {revision}; the newest is {history[0].revision}.',
            )
        hint = near_miss(name, [each.recipe.name for each in self._store.recipes()]).strip(" ()")
        raise KeeperError("recipe_missing", f'There is no recipe "{name}".', hint.capitalize())

    def export(self, name: str, revision: int | None, path: Path) -> RecipeRevision:
        """Write a revision to a ``.toml`` or ``.json`` file that stands alone, its goldens embedded.

        Raises:
            KeeperError: ``recipe_missing``, ``recipe_invalid`` (another suffix), a golden is missing or
                damaged, or the file cannot be written.
        """
        form = format_of(path)
        found = self.get(name, revision)
        goldens = tuple(
            ref.model_copy(update={"data": base64.b64encode(self._bytes(ref)).decode("ascii")})
            for ref in found.recipe.goldens
        )
        atomic_write(path, dump_recipe(found.recipe.model_copy(update={"goldens": goldens}), form))
        return found

    def golden_frame(self, ref: GoldenRef) -> Frame:
        """The decoded golden, from its embedded bytes or from the archive.

        Raises:
            KeeperError: ``archive_missing``, ``archive_damaged`` or ``golden_damaged``.
        """
        data = self._bytes(ref)
        try:
            frame = decode_frame(data, ref.name)
        except InspectorError as error:
            raise _damaged(ref, error.message) from error
        if frame.sha256 != ref.sha256:
            raise _damaged(ref, "its bytes are not those that its hash names")
        if (frame.width, frame.height) != (ref.width, ref.height):
            raise _damaged(
                ref, f"it is {frame.width} x {frame.height}, the recipe says {ref.width} x {ref.height}"
            )
        return frame

    def _kept(self, golden: GoldenRef) -> GoldenRef:
        self.golden_frame(golden)
        if golden.data is not None:
            self._archive.put_bytes(self._bytes(golden))
        return golden.model_copy(update={"data": None})

    def _bytes(self, golden: GoldenRef) -> bytes:
        if golden.data is None:
            return self._archive.get_bytes(golden.sha256)
        data = embedded_bytes(golden)
        if data is None:
            raise _damaged(golden, "its data are not base64")
        return data


def _golden_at(path: Path) -> GoldenRef | str:
    """The golden at ``path``, or what is wrong with it."""
    try:
        return embedded_golden(path.name, path.read_bytes())
    except InspectorError as error:
        return f"golden {path}: {error.message}"
    except OSError as error:
        return f"golden {path}: cannot be read ({error.strerror or error})"
    except ValidationError:
        return f"golden {path}: its name is too long"


def _damaged(golden: GoldenRef, why: str) -> KeeperError:
    return KeeperError(
        "golden_damaged",
        f'The golden "{golden.name}" cannot be used: {why}.',
        "Import the recipe again, or save a revision with a new golden.",
    )
