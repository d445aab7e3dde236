"""Every problem of a bad file at once, each as one line with its place and, where one is near, a hint."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_SHOWN = 60
_KINDS = {
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "string_type": "must be text",
}
"""What pydantic says of types in a programmer's words, by its kind of error."""


def problem_lines(
    error: ValidationError,
    model: type[BaseModel],
    within: Sequence[int | str] = (),
    names: Mapping[str, str] | None = None,
) -> list[str]:
    """One line a problem, such as ``limits.threshold: must be greater than 0, not -1``.

    Args:
        error: what pydantic found wrong.
        model: the model that was being validated; its fields are the known keys.
        within: the place of the model in the file.
        names: fields of the model that are called otherwise in the file.
    """
    details = error.errors(include_url=False)
    inner = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    return [
        _line(detail, model, within, names or {})
        for detail in details
        # Pydantic counts only the items that are right: with wrong ones in it, a list is not too short.
        if not (detail["type"] == "too_short" and detail["loc"] in inner)
    ]


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


def _line(
    detail: ErrorDetails, model: type[BaseModel], within: Sequence[int | str], names: Mapping[str, str]
) -> str:
    location = [names.get(part, part) if isinstance(part, str) else part for part in detail["loc"]]
    where = place([*within, *location])
    text = _text(detail, [names.get(key, key) for key in _known_keys(model, detail["loc"][:-1])])
    return f"{where}: {text}" if where else text


def _text(detail: ErrorDetails, known: Sequence[str]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return f"unknown key{near_miss(str(detail['loc'][-1]), known)}"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    said = _KINDS.get(kind) or f"must {detail['msg'].partition(' should ')[2] or 'be valid'}"
    if kind in {"too_short", "too_long"}:
        return said.replace(" after validation", "")
    given = repr(detail["input"])
    shown = given if len(given) <= _SHOWN else given[:_SHOWN] + "..."
    hint = near_miss(str(detail["input"]), _choices(detail)) if kind == "literal_error" else ""
    return f"{said}, not {shown}{hint}"


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
