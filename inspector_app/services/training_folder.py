"""The folder that a recipe's training works in: whose it is, so that it clears nothing but its own."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write, ensure_folder
from inspector_app.services.fine_tuning import model_name
from inspector_app.services.training_plan import read_plan

OWNER = "recipe.txt"
LOCK = ".lock"


def training_name(trainings: Path, recipe: str, models: Collection[str]) -> str:
    """The name of the model to train, and of its folder in ``trainings``: that of a training of this recipe which
    has not become a model, else the first that neither a model nor another training has."""
    folders = sorted(path for path in trainings.iterdir() if path.is_dir()) if trainings.is_dir() else []
    for folder in folders:
        if folder.name not in models and belongs_to(folder, recipe):
            return folder.name
    return model_name(recipe, {*models, *(folder.name for folder in folders if _contents(folder))})


def belongs_to(folder: Path, recipe: str) -> bool:
    """Whether ``folder`` was made for a training of this recipe."""
    with suppress(OSError, UnicodeDecodeError):
        return (folder / OWNER).read_text(encoding="utf-8") == recipe
    with suppress(KeeperError):
        plan = read_plan(folder)
        return plan is not None and plan.recipe == recipe
    return False


def check_free(folder: Path, recipe: str) -> None:
    """
    Raises:
        KeeperError: ``training_folder_taken`` when ``folder`` holds anything that is not of a training of this recipe.
    """
    if _contents(folder) and not belongs_to(folder, recipe):
        raise KeeperError(
            "training_folder_taken",
            f'{folder} holds files that are not of a training of the recipe "{recipe}".',
            "Name a new or empty folder with --out-dir.",
        )


def _contents(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name != LOCK] if folder.is_dir() else []


def claim(folder: Path, recipe: str) -> None:
    """Say whose the folder is.

    Raises:
        KeeperError: it cannot be written.
    """
    ensure_folder(folder)
    atomic_write(folder / OWNER, recipe.encode())
