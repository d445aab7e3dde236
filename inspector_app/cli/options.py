"""Options that several commands share, and what they amount to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from inspector_app.bootstrap import Inspector
from inspector_app.core.errors import KeeperError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import MeasureAt, Settings
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.problems import problem_lines
from inspector_app.core.protocols import RecipeRevision
from inspector_app.core.recipe import Alignment, Limits, View
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.limits import grid_size, recipe_settings, suggested_limits, suggested_view
from inspector_app.vision.tiling import tile_shape

Checked = TypeVar("Checked", bound=BaseModel)

EngineOption = Annotated[EngineChoice, typer.Option("--engine", help="What computes the network.")]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=0, help="Threads of the CPU engine; 0: all cores.")
]
ModelOption = Annotated[str | None, typer.Option("--model", help="A model's name, or an ONNX file.")]
MeasureOption = Annotated[
    MeasureAt, typer.Option("--measure-at", help="The grid on which pixels are counted.")
]
ThresholdOption = Annotated[
    float | None, typer.Option("--threshold", help="Probability from which a pixel is change.")
]
MinAreaOption = Annotated[
    int | None, typer.Option("--min-area", help="Least area of a defect, in pixels of the image.")
]
ReviewOption = Annotated[float | None, typer.Option("--review-threshold", help="From this score on: REVIEW.")]
MaxDefectsOption = Annotated[int | None, typer.Option("--max-defects", help="Defects that still pass.")]
AlignOption = Annotated[str, typer.Option("--align", help="none, translation, rigid or affine.")]
ViewOption = Annotated[
    str, typer.Option("--view", help="How an image is shown to the network: whole, tiles or both.")
]
ScaleOption = Annotated[
    float, typer.Option("--scale", help="Network pixels for each pixel of the image; for tiles.")
]
TileOption = Annotated[
    int | None, typer.Option("--tile", help="Side of a tile in network pixels (default: the model's own).")
]
MirrorOption = Annotated[
    bool | None,
    typer.Option(
        "--mirror/--no-mirror",
        help="Look at each pair a second time, mirrored: surer, at twice the time.",
        show_default="the whole as the model suggests, tiles once",
    ),
]


DECIDED_BY_A_RECIPE = (
    "threshold", "min_area", "review_threshold", "max_defects", "align", "view", "scale", "tile", "mirror",
)  # fmt: skip
"""Parameters of commands that a recipe has values of its own for."""


def given_options(context: typer.Context, names: Sequence[str]) -> list[str]:
    """Which of these parameters stand on the command line, as they are written there."""
    return [
        parameter.secondary_opts[0]
        if parameter.secondary_opts and context.params[parameter.name] is False
        else parameter.opts[0]
        for parameter in context.command.params
        if parameter.name is not None and parameter.name in names and _was_given(context, parameter.name)
    ]


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT")


def check_left_to_recipe(context: typer.Context, recipe: str | None) -> None:
    """With a recipe, see that the command line says nothing of what the recipe decides.

    Raises:
        KeeperError: ``option_invalid``.
    """
    if recipe and (given := given_options(context, DECIDED_BY_A_RECIPE)):
        raise KeeperError(
            "option_invalid",
            f"A recipe brings its own limits, alignment and view; leave {', '.join(given)} out, or change the recipe.",
        )


@dataclass(frozen=True)
class LimitOptions:
    """What the command line says of the limits; None leaves it to the model."""

    threshold: float | None = None
    min_area: int | None = None
    review_threshold: float | None = None
    max_defects: int | None = None


@dataclass(frozen=True)
class ViewOptions:
    """What the command line says of how an image is shown to the network."""

    mode: str = "whole"
    scale: float = 1.0
    tile: int | None = None
    mirrored: bool | None = None

    def view(self, manifest: ModelManifest) -> View:
        """The view, held against what the model takes.

        Raises:
            KeeperError: ``option_invalid`` or ``tile_size``.
        """
        if self.mode == "whole" and (self.scale, self.tile) != (1.0, None):
            raise KeeperError("usage", "--scale and --tile are for --view tiles and --view both.")
        values = {**vars(self), "mirrored": bool(self.mirrored)}
        view = _fitting(View, values, "This view does not fit")
        tile_shape(view, manifest.input)
        return suggested_view(manifest, view) if self.mirrored is None else view


@dataclass(frozen=True, eq=False)
class Basis:
    """The settings of a run, with the recipe's goldens, the model and the network's size for a suggested least area."""

    settings: Settings
    model: str
    goldens: tuple[Frame, ...] = ()
    grid: tuple[int, int] | None = None


def recipe_basis(inspector: Inspector, name: str, measure_at: MeasureAt) -> Basis:
    """From a stored recipe: ``NAME``, or ``NAME@REVISION``.

    Raises:
        KeeperError: ``recipe_missing``, or a golden is missing or damaged.
    """
    revision = find_revision(inspector, name)
    goldens = tuple(inspector.recipes.golden_frame(ref) for ref in revision.recipe.goldens)
    return Basis(recipe_settings(revision, measure_at), revision.recipe.model, goldens)


def find_revision(inspector: Inspector, text: str) -> RecipeRevision:
    """``NAME``, or ``NAME@REVISION``; a name may itself hold an @.

    Raises:
        KeeperError: ``recipe_missing``.
    """
    name, _, number = text.rpartition("@")
    if name and number.isdigit():
        try:
            return inspector.recipes.get(name, int(number))
        except KeeperError:
            if inspector.store.recipe_revision(text) is None:
                raise
    return inspector.recipes.get(text)


def bare_basis(
    manifest: ModelManifest,
    model: str,
    options: LimitOptions,
    align: str,
    measure_at: MeasureAt,
    views: ViewOptions = ViewOptions(),
) -> Basis:
    """For a bare golden: the model's suggestions, under what the command line says.

    Raises:
        KeeperError: ``option_invalid`` or ``tile_size`` with the reason.
    """
    changes: Mapping[str, object] = {
        name: value
        for name, value in (
            ("threshold", options.threshold),
            ("review_threshold", options.review_threshold),
            ("min_area_px", options.min_area),
            ("max_defects", options.max_defects),
        )
        if value is not None
    }
    suggested = suggested_limits(manifest).model_dump()
    limits = _fitting(Limits, {**suggested, **changes}, "These limits do not fit")
    named = {"method": "--align"}
    alignment = _fitting(Alignment, {"method": align}, "This alignment does not fit", named)
    view = views.view(manifest)
    settings = Settings(limits=limits, alignment=alignment, measure_at=measure_at, view=view)
    return Basis(settings, model, grid=grid_size(manifest) if options.min_area is None else None)


def _fitting(
    model: type[Checked], values: Mapping[str, object], refusal: str, names: Mapping[str, str] | None = None
) -> Checked:
    """``values`` as the model; ``names``: see ``problem_lines``.

    Raises:
        KeeperError: ``option_invalid``: the refusal with every problem.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(problem_lines(error, model, names=names))
        raise KeeperError("option_invalid", f"{refusal}: {problems}.") from error


def existing(path: Path, what: str) -> Path:
    """``path`` itself.

    Raises:
        KeeperError: when nothing is there.
    """
    if not path.exists():
        raise KeeperError("path_missing", f"There is no {what} {path}.")
    return path
