"""One golden as a recipe file gives it: embedded, as a file beside the recipe, or by its hash alone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inspector_app.core.errors import InspectorError
from inspector_app.core.frame import Frame
from inspector_app.core.problems import place, problem_lines
from inspector_app.core.recipe import GoldenRef
from inspector_app.vision.decode import decode_frame


class GoldenEntry(BaseModel):
    """The keys of a golden in a file. With ``data`` or ``file`` the others may be left out; where they are
    given, they must agree with the picture."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str | None = Field(default=None, min_length=1, max_length=255)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    width: int | None = Field(default=None, ge=1)
    height: int | None = Field(default=None, ge=1)
    data: str | None = None
    file: str | None = Field(default=None, min_length=1)


def resolve_golden(
    entry: object, folder: Path, where: Sequence[int | str]
) -> tuple[GoldenRef | None, list[str]]:
    """The golden of one entry, its bytes embedded where the file gives them; or None and what is wrong.

    Args:
        entry: as parsed.
        folder: the recipe file's, from which ``file`` is relative.
        where: the entry's place in the recipe.
    """
    if not isinstance(entry, dict):
        return None, [f"{place(where)}: must be a table with name and file, data or sha256"]
    try:
        golden = GoldenEntry.model_validate_json(json.dumps(entry, default=str))
    except ValidationError as error:
        return None, problem_lines(error, GoldenEntry, within=where)
    if golden.data is not None and golden.file is not None:
        return None, [f"{place(where)}: data and file exclude each other"]
    if golden.data is None and golden.file is None:
        return _by_hash(golden, where)
    data = _bytes(golden, folder)
    if isinstance(data, str):
        return None, [f"{place([*where, 'file' if golden.file else 'data'])}: {data}"]
    return _by_bytes(golden, data, where)


def embedded_golden(name: str, data: bytes) -> GoldenRef:
    """A golden with its encoded bytes.

    Raises:
        OperatorError: when they are no picture.
    """
    frame = decode_frame(data, name)
    encoded = base64.b64encode(data).decode("ascii")
    digest = hashlib.sha256(data).hexdigest()
    return GoldenRef(name=name, sha256=digest, width=frame.width, height=frame.height, data=encoded)


def golden_of_frame(frame: Frame) -> GoldenRef:
    """A live frame as a golden: encoded losslessly as PNG, since it has no file of its own."""
    done, data = cv2.imencode(".png", cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"no PNG can hold a frame of {frame.width} x {frame.height}")
    return embedded_golden(frame.name, data.tobytes())


def embedded_bytes(golden: GoldenRef) -> bytes | None:
    """The bytes within a golden, None where there are none or where they are not base64."""
    if golden.data is None:
        return None
    try:
        return base64.b64decode(golden.data, validate=True)
    except (binascii.Error, ValueError):
        return None


def _by_hash(golden: GoldenEntry, where: Sequence[int | str]) -> tuple[GoldenRef | None, list[str]]:
    needed = {
        "name": golden.name,
        "sha256": golden.sha256,
        "width": golden.width,
        "height": golden.height,
    }
    missing = [key for key, value in needed.items() if value is None]
    if "sha256" in missing:
        return None, [f"{place(where)}: needs one of file, data and sha256"]
    if missing:
        return None, [f"{place([*where, key])}: is missing (needed beside sha256)" for key in missing]
    return GoldenRef.model_validate(needed), []


def _by_bytes(
    entry: GoldenEntry, data: bytes, where: Sequence[int | str]
) -> tuple[GoldenRef | None, list[str]]:
    name = entry.name or (Path(entry.file).name if entry.file else None)
    problems = [] if name else [f"{place([*where, 'name'])}: is missing"]
    source = place([*where, "file" if entry.file else "data"])
    try:
        golden = embedded_golden(name or "golden", data)
    except ValidationError:
        return None, [*problems, f"{source}: its name is too long, give a shorter one as name"]
    except InspectorError as error:
        return None, [*problems, f"{source}: {error.message}"]
    for key, said in (("sha256", entry.sha256), ("width", entry.width), ("height", entry.height)):
        true = getattr(golden, key)
        if said is not None and said != true:
            problems.append(f"{place([*where, key])}: is {said}, but the picture's is {true}")
    return (None if problems else golden), problems


def _bytes(golden: GoldenEntry, folder: Path) -> bytes | str:
    """The encoded bytes, or what is wrong with where they should be."""
    if golden.file is not None:
        try:
            return (folder / golden.file).read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            return f"{golden.file} cannot be read: {reason}"
    try:
        return base64.b64decode("".join((golden.data or "").split()), validate=True)
    except (binascii.Error, ValueError):
        return "is not base64"
