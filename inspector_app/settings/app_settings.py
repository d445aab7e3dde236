"""The station's settings: one frozen, versioned model, read once and written whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write, ensure_folder
from inspector_app.core.problems import problem_lines

EngineName = Literal["auto", "tensorrt", "cuda", "openvino", "cpu"]
OverlayMode = Literal["fill", "outline", "heat"]
Theme = Literal["system", "light", "dark"]


class AppSettings(BaseModel):
    """What the station's keeper and the window remember; recipes hold what decides.

    Attributes:
        schema_version: of the file's form.
        station: its name in records.
        theme: of the window.
        engine: which engine is asked for; ``auto`` takes the best that works.
        default_model: a shipped model's name or an ONNX file, for inspections without a recipe.
        overlay_opacity: of the mask over the test image, 0..1.
        overlay_mode: how the mask is drawn.
        every_nth_pass: which live images that passed are archived; 0 none, 1 all.
        sound: whether verdicts are heard.
        last_golden: the file opened last as a golden, or None.
        last_recipe: the recipe used last, or None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_version: Literal[1] = 1
    station: str = Field(default="", max_length=100)
    theme: Theme = "system"
    engine: EngineName = "auto"
    default_model: str = Field(default="generic", min_length=1)
    overlay_opacity: float = Field(default=0.5, ge=0, le=1)
    overlay_mode: OverlayMode = "fill"
    every_nth_pass: int = Field(default=20, ge=0)
    sound: bool = False
    last_golden: str | None = None
    last_recipe: str | None = None


def load_settings(path: Path) -> AppSettings:
    """The settings at ``path`` (JSON), the defaults where there is no file.

    Raises:
        KeeperError: ``settings_invalid`` with one line for every problem; the file stays as it is.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return AppSettings()
    except NotADirectoryError as error:
        raise KeeperError(
            "path_missing", f"{path.parent} is no folder.", "Choose another data folder (--data-dir)."
        ) from error
    except OSError as error:
        raise _invalid(path, [f"it cannot be read: {error.strerror or error}"]) from error
    try:
        json.loads(data)
        return AppSettings.model_validate_json(data)
    except ValidationError as error:
        raise _invalid(path, problem_lines(error, AppSettings)) from error
    except (ValueError, RecursionError) as error:
        raise _invalid(path, [f"it is not JSON: {error}"]) from error


def save_settings(path: Path, settings: AppSettings) -> None:
    """Write ``settings`` to ``path``, whole or not at all.

    Raises:
        KeeperError: ``disk_full``, ``folder_not_writable`` or ``file_not_written``.
    """
    ensure_folder(path.parent)
    atomic_write(path, settings.model_dump_json(indent=2).encode() + b"\n")


def _invalid(path: Path, problems: list[str]) -> KeeperError:
    lines = "\n".join(f"  {problem}" for problem in problems)
    return KeeperError(
        "settings_invalid",
        f"The settings in {path} cannot be used:\n{lines}\n",
        "Mend the file, or delete it to start from the defaults.",
    )
