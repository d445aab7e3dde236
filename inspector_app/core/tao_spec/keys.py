"""How a key of the spec is declared, and how the keys are walked."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

OtherTask = dict[str, Any]
"""A block that another task or tool reads; its keys are not looked at."""


class Section(BaseModel):
    """A block of keys; an unknown one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


def key(default: Any, text: str, idle: str = "", **bounds: Any) -> Any:
    """Declare a key.

    Args:
        default: TAO's, unless the text says otherwise.
        text: what it means, for the documentation.
        idle: why it has no effect here; empty when it has one.
        bounds: pydantic's ``ge``, ``gt``, ``le``, ``min_length`` and so on.
    """
    return Field(
        default=default, description=text, json_schema_extra={"idle": idle} if idle else None, **bounds
    )


def block(section: type[Section]) -> Any:
    """Declare a block, by default with all its defaults."""
    return Field(default_factory=section)


@dataclass(frozen=True)
class KeyNote:
    """A key that was given and has no effect here, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class KeyRow:
    """A key as the documentation lists it."""

    path: str
    kind: str
    default: str
    text: str
    idle: str


def idle_keys(section: Section, within: str = "") -> Iterator[KeyNote]:
    """The keys that were given another value than the default one, without having an effect."""
    for name in section.model_fields_set:
        field, value = type(section).model_fields[name], getattr(section, name)
        path = f"{within}.{name}" if within else name
        if isinstance(value, Section):
            yield from idle_keys(value, path)
        elif idle_reason(field) and value != field.get_default(call_default_factory=True):
            yield KeyNote(path, idle_reason(field))


def key_rows(section: type[Section], within: str = "") -> Iterator[KeyRow]:
    """Every key of a section, in order of declaration."""
    for name, field in section.model_fields.items():
        path = f"{within}.{name}" if within else name
        inner = field.annotation
        if (
            isinstance(inner, type)
            and not isinstance(inner, types.GenericAlias)
            and issubclass(inner, Section)
        ):
            yield from key_rows(inner, path)
        else:
            default = _default_text(field.get_default(call_default_factory=True))
            yield KeyRow(path, _kind(inner), default, field.description or "", idle_reason(field))


def idle_reason(field: Any) -> str:
    """Why a key has no effect here; empty when it has one."""
    extra = field.json_schema_extra
    return str(extra.get("idle", "")) if isinstance(extra, dict) else ""


def _default_text(value: object) -> str:
    if value is None or value == {}:
        return ""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(annotation: object) -> str:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return {"str": "text", "bool": "true or false", "int": "whole number", "float": "number"}.get(
            annotation.__name__, annotation.__name__
        )
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin is tuple:
        return f"list of {_kind(inner[0])}s" if inner else "list"
    if origin is dict:
        return "block"
    return " or ".join(_kind(part) for part in inner if part is not type(None))
