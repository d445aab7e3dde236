"""Two canvases, one view."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRectF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from inspector_app.core.geometry import Box
from inspector_app.ui.images import picture_of
from inspector_app.ui.inspect.pair_view import PairView
from inspector_app.ui.widgets.canvas import FIT, MAX_ZOOM


@pytest.fixture
def view(qtbot: QtBot) -> PairView:
    made = PairView()
    qtbot.addWidget(made)
    made.resize(800, 420)
    made.show()
    picture = picture_of(np.zeros((300, 300, 3), np.uint8))
    made.show_golden(picture, "golden.png")
    made.show_test(picture, "test.png")
    return made


def test_panning_and_zooming_one_moves_both(view: PairView, qtbot: QtBot) -> None:
    view.test.zoom_by(4.0, QPointF(100, 100))
    assert view.golden.view == view.test.view != FIT
    before = view.golden.view
    qtbot.mousePress(view.golden, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    qtbot.mouseMove(view.golden, QPoint(160, 180))
    qtbot.mouseRelease(view.golden, Qt.MouseButton.LeftButton, pos=QPoint(160, 180))
    assert view.test.view == view.golden.view
    assert view.test.view.cx > before.cx
    view.fit()
    assert view.test.view == view.golden.view == FIT


def test_the_point_under_the_pointer_stays_there(view: PairView) -> None:
    pointer = QPointF(250, 130)
    before = view.test.to_image(pointer)
    view.test.zoom_by(3.0, pointer)
    after = view.test.to_image(pointer)
    assert (after - before).manhattanLength() < 1e-6


def test_zoom_has_ends(view: PairView) -> None:
    for _ in range(50):
        view.zoom_by(2.0)
    assert view.test.view.zoom == MAX_ZOOM
    for _ in range(50):
        view.zoom_by(0.5)
    assert view.test.view == FIT


def test_looking_at_a_box_brings_it_to_the_middle(view: PairView) -> None:
    view.look_at(Box(x=200, y=40, w=20, h=10))
    centre = view.test.to_image(QPointF(view.test.width() / 2, (view.test.height() + 24) / 2))
    assert abs(centre.x() - 210) < 0.5
    assert abs(centre.y() - 45) < 0.5
    seen = view.test.transform().mapRect(QRectF(200, 40, 20, 10))
    assert view.test.rect().contains(seen.toAlignedRect())


def test_it_paints_with_and_without_a_picture(view: PairView) -> None:
    assert not view.grab().isNull()
    view.show_test(None)
    view.test.set_empty_text("nothing")
    assert not view.grab().isNull()


def test_files_can_be_dropped_on_either_side(view: PairView, qtbot: QtBot) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/tmp/a.png")])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    with qtbot.waitSignal(view.test_dropped) as caught:
        view.test.dropEvent(event)
    assert [path.name for path in caught.args[0]] == ["a.png"]
