from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inspector_app.core.problems import place, problem_lines


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = Field(default=1, ge=1)
    mode: Literal["rigid", "affine"] = "rigid"


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()


def lines(tree: object, **options: dict[str, str]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(tree)
    return problem_lines(caught.value, Outer, **options)


def test_every_problem_has_its_place_and_a_hint() -> None:
    found = lines({"inner": {"size": 0, "mode": "ridgid"}, "many": [{"siez": 3}], "nmae": 1})
    assert found == [
        "name: is missing",
        "inner.size: must be greater than or equal to 1, not 0",
        "inner.mode: must be 'rigid' or 'affine', not 'ridgid' (did you mean \"rigid\"?)",
        'many[0].siez: unknown key (did you mean "size"?)',
        'nmae: unknown key (did you mean "name"?)',
    ]


def test_a_field_that_the_file_calls_otherwise() -> None:
    assert lines({"titel": 1}, names={"name": "title"}) == [
        "title: is missing",
        'titel: unknown key (did you mean "title"?)',
    ]


def test_a_list_with_a_wrong_item_is_not_called_too_short() -> None:
    class Points(BaseModel):
        points: tuple[int, ...] = Field(min_length=1)

    def said(points: list[object]) -> list[str]:
        with pytest.raises(ValidationError) as caught:
            Points.model_validate({"points": points})
        return problem_lines(caught.value, Points)

    assert said([]) == ["points: must have at least 1 item, not 0"]
    assert said(["x"]) == ["points[0]: must be a whole number, not 'x'"]


def test_place() -> None:
    assert place(("goldens", 0, "name")) == "goldens[0].name"
    assert place(()) == ""
