"""Recipe files, TOML or JSON by their suffix: read with every problem at once, and written."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import ValidationError

from inspector_app.core.errors import KeeperError
from inspector_app.core.problems import place, problem_lines
from inspector_app.core.recipe import GoldenRef, Limits, Recipe
from inspector_app.services.golden_entries import resolve_golden

RecipeFormat = Literal["toml", "json"]
_NAMES = {"um_per_px": "mm_per_px"}
_STAND_IN = GoldenRef(name="x", sha256="0" * 64, width=1, height=1)
Tree = dict[str, Any]


def format_of(path: Path) -> RecipeFormat:
    """The form of a recipe file, by its suffix.

    Raises:
        KeeperError: ``recipe_invalid`` when it is neither ``.toml`` nor ``.json``.
    """
    match path.suffix.lower():
        case ".toml":
            return "toml"
        case ".json":
            return "json"
    raise recipe_invalid(str(path), ["the file's name must end in .toml or .json"])


def load_recipe_file(path: Path) -> Recipe:
    """Read a recipe file. Goldens given by ``file`` or ``data`` come with their bytes embedded.

    Raises:
        KeeperError: ``recipe_unreadable``, or ``recipe_invalid`` with one line for every problem.
    """
    form = format_of(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KeeperError(
            "recipe_unreadable", f"The recipe file {path} cannot be read: {error.strerror or error}."
        ) from error
    problems: list[str] = []
    tree = _parse(data, form, problems)
    recipe = None if tree is None else _recipe(tree, path.parent, problems)
    if recipe is None or problems:
        raise recipe_invalid(str(path), problems)
    return recipe


def dump_recipe(recipe: Recipe, form: RecipeFormat) -> bytes:
    """A recipe as a file's bytes; ``load_recipe_file`` gives an equal recipe back."""
    body = recipe.model_dump(mode="json", exclude_none=True, exclude={"um_per_px"})
    # In decimal digits, so that not even the last bit of the scale changes on the way.
    scale = None if recipe.um_per_px is None else Decimal(repr(recipe.um_per_px)).scaleb(-3)
    if form == "toml":
        return tomli_w.dumps(body if scale is None else {"mm_per_px": scale, **body}).encode()
    text = json.dumps(body, indent=2, ensure_ascii=False)
    if scale is not None:
        text = text.replace("{", f'{{\n  "mm_per_px": {scale},', 1)
    return text.encode() + b"\n"


def recipe_invalid(what: str, problems: list[str]) -> KeeperError:
    """All problems of a recipe as one error."""
    lines = "\n".join(f"  {problem}" for problem in problems)
    return KeeperError("recipe_invalid", f"The recipe {what} cannot be used:\n{lines}")


def _parse(data: bytes, form: RecipeFormat, problems: list[str]) -> Tree | None:
    def pairs(items: list[tuple[str, Any]]) -> Tree:
        tree = dict(items)
        if len(tree) < len(items):
            names = [name for name, _ in items]
            problems.extend(f"{name}: is given twice" for name in tree if names.count(name) > 1)
        return tree

    try:
        text = data.decode("utf-8-sig")
        if form == "toml":
            return tomllib.loads(text.replace("\r\n", "\n"), parse_float=Decimal)
        tree = json.loads(text, parse_float=Decimal, parse_constant=Decimal, object_pairs_hook=pairs)
    except UnicodeDecodeError:
        problems.append("the file is not UTF-8 text")
        return None
    except (ValueError, RecursionError) as error:
        problems.append(f"the file is not {form.upper()}: {error}")
        return None
    if isinstance(tree, dict):
        return tree
    problems.append("the file must hold one object")
    return None


def _recipe(tree: Tree, folder: Path, problems: list[str]) -> Recipe | None:
    tree = _finite(tree, (), problems)
    goldens = _goldens(tree.pop("goldens", None), folder, problems)
    if "um_per_px" in tree:
        del tree["um_per_px"]
        problems.append('um_per_px: unknown key (did you mean "mm_per_px"? it is in millimetres)')
    scale = tree.pop("mm_per_px", None)
    if scale is not None:
        tree["um_per_px"] = scale
    stand_in = [_STAND_IN.model_dump()]
    _validate({**tree, "goldens": stand_in}, problems)
    _validate_thresholds(tree.get("limits"), problems)
    if problems:
        return None
    if scale is not None:
        tree["um_per_px"] = _micrometres(scale)
    return _validate({**tree, "goldens": [golden.model_dump() for golden in goldens]}, problems)


def _validate(tree: Mapping[str, Any], problems: list[str]) -> Recipe | None:
    try:
        # Through JSON, since only there a strict check takes a list for a tuple.
        return Recipe.model_validate_json(json.dumps(tree, default=_plain), strict=True)
    except ValidationError as error:
        # A number that was not finite is out of the tree already, and told.
        lines = problem_lines(error, Recipe, names=_NAMES)
        problems.extend(line for line in lines if line not in problems)
        return None


def _validate_thresholds(limits: object, problems: list[str]) -> None:
    """The two thresholds against each other, which a fault elsewhere in the limits would hide."""
    if not isinstance(limits, dict):
        return
    both = {key: limits[key] for key in ("threshold", "review_threshold") if key in limits}
    try:
        Limits.model_validate_json(json.dumps(both, default=_plain), strict=True)
    except ValidationError as error:
        lines = problem_lines(error, Limits, within=["limits"])
        problems.extend(line for line in lines if line not in problems)


def _goldens(entries: object, folder: Path, problems: list[str]) -> list[GoldenRef]:
    if not isinstance(entries, list) or not entries:
        problems.append("goldens: at least one golden is needed, each as a table of its own")
        return []
    found: list[GoldenRef] = []
    for index, entry in enumerate(entries):
        golden, wrong = resolve_golden(entry, folder, ("goldens", index))
        problems += wrong
        found += [golden] if golden else []
    if found and len(found) == len(entries):
        _validate({"name": "x", "goldens": [golden.model_dump() for golden in found]}, problems)
    return found


def _finite(value: Any, where: tuple[int | str, ...], problems: list[str]) -> Any:
    """The tree without numbers that are not finite, each of which is a problem."""
    if isinstance(value, dict):
        cleaned = {key: _finite(each, (*where, key), problems) for key, each in value.items()}
        return {key: each for key, each in cleaned.items() if each is not None or value[key] is None}
    if isinstance(value, list):
        return [
            each if (each := _finite(item, (*where, index), problems)) is not None else 0.0
            for index, item in enumerate(value)
        ]
    if isinstance(value, Decimal | int) and not _is_finite(value):
        problems.append(f"{place(where)}: must be a finite number")
        return None
    return value


def _is_finite(value: Decimal | int) -> bool:
    try:
        # A thousand times as much still has to fit: millimetres become micrometres.
        return math.isfinite(float(value) * 1000.0)
    except OverflowError:
        return False


def _micrometres(scale: Decimal | int) -> float:
    return float(Decimal(scale).scaleb(3))


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else str(value)
