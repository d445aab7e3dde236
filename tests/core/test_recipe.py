from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from inspector_app.core.recipe import GoldenRef, Recipe, View, native_min_area


def golden(digit: str = "a", width: int = 10) -> GoldenRef:
    return GoldenRef(name="golden.png", sha256=digit * 64, width=width, height=10)


def test_embedded_pixels_do_not_change_what_a_recipe_is() -> None:
    plain = Recipe(name="r", goldens=(golden(),))
    embedded = Recipe(name="r", goldens=(golden().model_copy(update={"data": "AAAA"}),))
    assert plain.fingerprint() == embedded.fingerprint()
    assert plain.fingerprint() != Recipe(name="r", goldens=(golden("b"),)).fingerprint()


@pytest.mark.parametrize(
    "bad",
    [
        {"goldens": ()},
        {"goldens": (golden(), golden())},
        {"goldens": (golden(), golden("b", width=11))},
        {"name": " r"},
        {"name": "a\nb"},
        {"um_per_px": 0},
        {"surprise": 1},
    ],
)
def test_what_cannot_be_a_recipe(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate({"name": "r", "goldens": (golden(),), **bad})


@given(st.integers(1, 5000), st.integers(32, 512), st.integers(32, 4000))
def test_a_least_area_scales_with_the_image(area: int, grid: int, frame: int) -> None:
    scaled = native_min_area(area, (grid, grid), (frame, frame))
    assert scaled >= 1
    assert scaled == pytest.approx(area * (frame / grid) ** 2, abs=1.0) or scaled == 1
    assert native_min_area(area, (grid, grid), (grid, grid)) == area


def test_a_view_tells_of_the_mirror_only_where_it_looks_into_it() -> None:
    plain, mirrored = View(mode="tiles"), View(mirrored=True)
    # What versions before stored: a recipe's fingerprint and a run's must not change by it.
    assert plain.model_dump_json() == '{"mode":"tiles","scale":1.0,"tile":null}'
    assert mirrored.model_dump(mode="json") == {"mode": "whole", "scale": 1.0, "tile": None, "mirrored": True}
    for view in (plain, mirrored):
        assert View.model_validate_json(view.model_dump_json()) == view
    recipes = [Recipe(name="r", goldens=(golden(),), view=view) for view in (plain, mirrored)]
    assert recipes[0].fingerprint() != recipes[1].fingerprint()
