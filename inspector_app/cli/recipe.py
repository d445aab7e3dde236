"""``inspector-app recipe``: make, show, list, import and export recipes."""

from __future__ import annotations

import getpass
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from inspector_app.bootstrap import Inspector
from inspector_app.cli.console import DataDir, err, known_errors, opened, out
from inspector_app.cli.options import (
    AlignOption,
    LimitOptions,
    MaxDefectsOption,
    MinAreaOption,
    MirrorOption,
    ModelOption,
    ReviewOption,
    ScaleOption,
    ThresholdOption,
    TileOption,
    ViewOption,
    ViewOptions,
    bare_basis,
    find_revision,
)
from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import MeasureAt
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import RecipeRevision
from inspector_app.core.recipe import GOLDENS_USED, Recipe, native_min_area
from inspector_app.services.recipes import dump_recipe, load_recipe_file
from inspector_app.vision.tiling import tile_shape

recipe_app = typer.Typer(help="Recipes: all that is needed to inspect one product.", no_args_is_help=True)

AuthorOption = Annotated[str | None, typer.Option("--author", help="Who made it (default: your login name).")]
NoteOption = Annotated[str, typer.Option("--note", help="What changed and why.")]


@recipe_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The recipe's name.")],
    golden: Annotated[list[Path], typer.Option(help="A golden; may be given several times.")],
    product: Annotated[str, typer.Option(help="The product's name.")] = "",
    model: ModelOption = None,
    goldens_used: Annotated[
        int, typer.Option(min=1, max=10, help="So many best-matching goldens judge each image together.")
    ] = GOLDENS_USED,
    align: AlignOption = "none",
    view: ViewOption = "whole",
    scale: ScaleOption = 1.0,
    tile: TileOption = None,
    mirror: MirrorOption = None,
    threshold: ThresholdOption = None,
    review_threshold: ReviewOption = None,
    min_area: MinAreaOption = None,
    max_defects: MaxDefectsOption = None,
    mm_per_px: Annotated[
        float | None, typer.Option(min=1e-6, help="Millimetres a pixel of the golden.")
    ] = None,
    author: AuthorOption = None,
    note: NoteOption = "",
    data_dir: DataDir = None,
) -> None:
    """Make a recipe, or the next revision of one, from golden images and limits.

    What is not given comes from the model's suggestions. Regions are drawn in the window, or written in the
    exported file.
    """
    limits = LimitOptions(threshold, min_area, review_threshold, max_defects)
    with known_errors(), opened(data_dir) as inspector:
        chosen = model or inspector.settings.default_model
        manifest = inspector.find_model(chosen).manifest
        views = ViewOptions(view, scale, tile, mirror)
        basis = bare_basis(manifest, chosen, limits, align, MeasureAt.NATIVE, views)
        recipe = inspector.recipes.new(
            name,
            golden,
            product=product,
            model=chosen,
            goldens_used=goldens_used,
            view=basis.settings.view,
            alignment=basis.settings.alignment,
            limits=basis.settings.limits,
            um_per_px=None if mm_per_px is None else mm_per_px * 1000.0,
        )
        recipe = _scaled(recipe, basis.grid)
        revision = inspector.recipes.save_revision(recipe, author or login_name(), note)
        _warn_of_place(inspector, revision.recipe)
    _said(revision)


def _scaled(recipe: Recipe, network: tuple[int, int] | None) -> Recipe:
    """With a least area that the model suggested brought from the map's grid to the golden's pixels."""
    if network is None:
        return recipe
    size = (recipe.goldens[0].width, recipe.goldens[0].height)
    area = native_min_area(recipe.limits.min_area_px, recipe.view.grid(network, size), size)
    return recipe.model_copy(update={"limits": recipe.limits.model_copy(update={"min_area_px": area})})


@recipe_app.command("list")
def list_(data_dir: DataDir = None) -> None:
    """List the newest revision of every recipe."""
    with known_errors(), opened(data_dir, only_look=True) as inspector:
        table = Table(
            "recipe",
            "revision",
            "product",
            "model",
            "goldens",
            "author",
            "saved",
            "note",
            header_style="bold",
        )
        for one in inspector.recipes.list():
            recipe = one.recipe
            saved = one.time.astimezone().strftime("%Y-%m-%d %H:%M")
            cells = (recipe.product, recipe.model, str(len(recipe.goldens)), one.author, saved, one.note)
            table.add_row(escape(recipe.name), str(one.revision), *map(escape, cells))
        out().print(table)


@recipe_app.command("history")
def history(
    name: Annotated[str, typer.Argument(help="The recipe's name.")], data_dir: DataDir = None
) -> None:
    """List all revisions of a recipe, the newest first, with what decides in each."""
    with known_errors(), opened(data_dir, only_look=True) as inspector:
        inspector.recipes.get(name)
        table = Table(
            "revision", "saved", "author", "model", "limits", "goldens", "note", header_style="bold"
        )
        for one in inspector.recipes.history(name):
            limits = one.recipe.limits
            review = "" if limits.review_threshold is None else f", review {limits.review_threshold:g}"
            decides = f"{limits.threshold:g}{review}, {limits.min_area_px} px"
            saved = one.time.astimezone().strftime("%Y-%m-%d %H:%M")
            cells = (one.author, one.recipe.model, decides, str(len(one.recipe.goldens)), one.note)
            table.add_row(str(one.revision), saved, *map(escape, cells))
        out().print(table)


@recipe_app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="NAME, or NAME@REVISION.")], data_dir: DataDir = None
) -> None:
    """Print a recipe as TOML."""
    with known_errors(), opened(data_dir, only_look=True) as inspector:
        revision = find_revision(inspector, name)
        typer.echo(f"# revision {revision.revision} by {revision.author}: {revision.note}".rstrip(": "))
        typer.echo(dump_recipe(revision.recipe, "toml").decode(), nl=False)


@recipe_app.command("set-model")
def set_model(
    name: Annotated[str, typer.Argument(help="The recipe's name.")],
    model: Annotated[str, typer.Argument(help="A model's name, or the path of its folder or ONNX file.")],
    author: AuthorOption = None,
    note: NoteOption = "",
    data_dir: DataDir = None,
) -> None:
    """Save a recipe's newest revision with another model as the next one."""
    with known_errors(), opened(data_dir) as inspector:
        manifest = inspector.find_model(model).manifest
        _check_tiles(inspector.recipes.get(name).recipe, manifest)
        revision = inspector.recipes.with_model(name, model, author or login_name(), note)
        _warn_of_place(inspector, revision.recipe)
    _said(revision)


@recipe_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A recipe file, .toml or .json.")],
    author: AuthorOption = None,
    note: NoteOption = "",
    data_dir: DataDir = None,
) -> None:
    """Save a recipe file as the next revision; every problem of a bad file is told at once."""
    with known_errors(), opened(data_dir) as inspector:
        recipe = load_recipe_file(file)
        manifest = _manifest_at_hand(inspector, recipe.model)
        if manifest is not None:
            _check_tiles(recipe, manifest)
        revision = inspector.recipes.save_revision(recipe, author or login_name(), note)
    _said(revision)


@recipe_app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="NAME, or NAME@REVISION.")],
    file: Annotated[Path, typer.Argument(help="Where to write it, .toml or .json.")],
    data_dir: DataDir = None,
) -> None:
    """Write a recipe to a file that stands alone, its goldens embedded."""
    with known_errors(), opened(data_dir, only_look=True) as inspector:
        found = find_revision(inspector, name)
        inspector.recipes.export(found.recipe.name, found.revision, file)
        out().print(f"{found.recipe.name} revision {found.revision} in {file}", markup=False)


def _manifest_at_hand(inspector: Inspector, model: str) -> ModelManifest | None:
    """None where the model cannot be asked: a recipe may come before its model does."""
    try:
        return inspector.find_model(model).manifest
    except KeeperError:
        return None


def _check_tiles(recipe: Recipe, manifest: ModelManifest) -> None:
    """See that the model takes the recipe's tiles, where it is shown tiles at all.

    Raises:
        KeeperError: ``tile_size``.
    """
    if recipe.view.mode != "whole":
        tile_shape(recipe.view, manifest.input)


def _warn_of_place(inspector: Inspector, recipe: Recipe) -> None:
    """A recipe whose model is found only from this folder would fail in every other."""
    if inspector.is_found_everywhere(recipe.model):
        return
    folder = inspector.models().get(recipe.model)
    path = folder or Path(recipe.model)
    how = f"inspector-app models add {shlex.quote(str(path))}"
    if folder is None:
        name = path.resolve().name if path.is_dir() else path.stem
        how += f", then: inspector-app recipe set-model {shlex.quote(recipe.name)} {shlex.quote(name)}"
    err().print(
        f"The model {recipe.model} is found only from this folder, {Path.cwd()}. For everywhere: {how}",
        markup=False,
        soft_wrap=True,
    )


def login_name() -> str:
    """The user's login name, "" where there is none (a container's bare number)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _said(revision: RecipeRevision) -> None:
    out().print(f"{revision.recipe.name} is now at revision {revision.revision}", markup=False)
