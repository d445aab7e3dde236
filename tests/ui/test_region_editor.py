"""Drawing regions with a mouse, without a window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF

from inspector_app.core.geometry import Region
from inspector_app.ui.inspect.region_editor import RegionEditor

Told = list[tuple[Region, ...]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def editor(told: Told) -> RegionEditor:
    made = RegionEditor(told.append)
    made.size = (100, 80)
    return made


def draw(editor: RegionEditor, *corners: tuple[float, float]) -> None:
    for x, y in corners:
        editor.press(QPointF(x, y), 3.0)
        editor.release(QPointF(x, y))


def test_corners_and_a_double_click_make_a_region(editor: RegionEditor, told: Told) -> None:
    draw(editor, (10, 10), (50, 10), (50, 60))
    editor.double(QPointF(50, 60))
    assert [region.points for region in told[-1]] == [((10, 10), (50, 10), (50, 60))]
    assert told[-1][0].mode == "inspect"
    assert told[-1][0].name == "inspect 1"


def test_the_first_corner_closes_and_nothing_leaves_the_picture(editor: RegionEditor, told: Told) -> None:
    editor.mode = "ignore"
    draw(editor, (-5, 10), (500, 10), (50, 900), (1, 11))
    assert told[-1][0].points == ((0, 10), (100, 10), (50, 80))
    assert told[-1][0].mode == "ignore"


def test_two_corners_are_no_region(editor: RegionEditor, told: Told) -> None:
    draw(editor, (10, 10), (50, 10))
    editor.double(QPointF(50, 10))
    assert told == []
    assert editor.drawing == []


def test_a_corner_can_be_dragged(editor: RegionEditor, told: Told) -> None:
    draw(editor, (10, 10), (50, 10), (50, 60), (10, 10))
    editor.press(QPointF(50, 61), 3.0)
    editor.move(QPointF(70, 70), True)
    assert len(told) == 1
    editor.release(QPointF(70, 70))
    assert told[-1][0].points[2] == (70, 70)


def test_undo_takes_the_last_corner_then_the_region(editor: RegionEditor, told: Told) -> None:
    draw(editor, (10, 10), (50, 10), (50, 60), (10, 10))
    draw(editor, (80, 20))
    editor.undo()
    assert editor.drawing == []
    assert len(editor.regions) == 1
    editor.undo()
    assert told[-1] == ()
    editor.undo()
    editor.clear()
    assert editor.regions == ()
