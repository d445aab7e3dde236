"""Every problem of a bad file at once, each as one line with its place and, where one is near, a hint."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_SHOWN = 60


def problem_lines(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line a problem, such as ``limits.threshold: must be greater than 0, not -1``.

    Args:
        error: what pydantic found wrong.
        model: the model that was being validated; its fields are the known keys.
    """
    return [_line(detail, model) for detail in error.errors(include_url=False, include_context=True)]


def place(location: Sequence[int | str]) -> str:
    """``("goldens", 0, "name")`` becomes ``goldens[0].name``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def near_miss(word: str, known: Iterable[str]) -> str:
    """`` (did you mean "x"?)`` for the nearest known word, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _line(detail: ErrorDetails, model: type[BaseModel]) -> str:
    location = detail["loc"]
    where = place(location)
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key{near_miss(str(location[-1]), _known_keys(model, location[:-1]))}"
    if detail["type"] == "missing":
        return f"{where}: is missing"
    text = detail["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
    if detail["type"] == "value_error":
        return f"{where}: {text}" if where else text
    given = repr(detail["input"])
    shown = given if len(given) <= _SHOWN else given[:_SHOWN] + "..."
    hint = near_miss(str(detail["input"]), _choices(detail)) if detail["type"] == "literal_error" else ""
    return f"{where}: {text}, not {shown}{hint}" if where else f"{text}, not {shown}"


def _choices(detail: ErrorDetails) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]


def _known_keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str) and current is not None:
            field = current.model_fields.get(part)
            current = _model_in(field.annotation) if field else None
    return list(current.model_fields) if current else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    found = (_model_in(part) for part in typing.get_args(annotation))
    return next((each for each in found if each is not None), None)
