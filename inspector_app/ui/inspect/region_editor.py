"""Drawing regions on the golden: click corners, double click or Enter closes, drag moves a corner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF, QTransform
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from inspector_app.core.geometry import Region
from inspector_app.ui.inspect.overlay import RegionsLayer
from inspector_app.ui.theme import Theme
from inspector_app.ui.widgets.parts import button, label
from inspector_app.ui.widgets.segments import Segments

Mode = Literal["inspect", "ignore"]
Points = list[tuple[float, float]]
MODES: tuple[tuple[Mode, str], ...] = (("inspect", "Inspect"), ("ignore", "Ignore"))


class RegionEditor:
    """The tool on the golden's canvas. Holds the corners being drawn; whole regions go to ``changed``."""

    def __init__(self, changed: Callable[[tuple[Region, ...]], None]) -> None:
        self._changed = changed
        self.regions: tuple[Region, ...] = ()
        self.mode: Mode = "inspect"
        self.drawing: Points = []
        self.pointer: tuple[float, float] | None = None
        self.chosen: int | None = None
        self._held: tuple[int, int] | None = None
        self.size: tuple[int, int] = (0, 0)

    def press(self, point: QPointF, reach: float) -> None:
        """Take a corner, or set the next one; near the first corner it closes."""
        if not self.drawing and (held := self._corner_near(point, reach)) is not None:
            self._held, self.chosen = held, held[0]
            return
        inside = self._region_at(point)
        if not self.drawing and inside is not None:
            self.chosen = inside
            return
        if len(self.drawing) >= 3 and _distance(self.drawing[0], point) <= reach:
            self.close()
            return
        self.chosen = None
        self.drawing.append(self._within(point))

    def move(self, point: QPointF, held: bool) -> None:
        """Drag a corner, or lead the next line."""
        self.pointer = self._within(point)
        if held and self._held is not None:
            region_at, corner = self._held
            points = list(self.regions[region_at].points)
            points[corner] = self.pointer
            self._replace(region_at, tuple(points))

    def release(self, point: QPointF) -> None:
        """The dragged corner is where it belongs: tell."""
        if self._held is not None:
            self._held = None
            self._changed(self.regions)

    def double(self, point: QPointF) -> None:
        """Close what is drawn."""
        self.close()

    def close(self) -> None:
        """Make a region of the corners, when there are three."""
        points = _without_repeats(self.drawing)
        self.drawing = []
        if len(points) < 3:
            return
        number = sum(1 for region in self.regions if region.mode == self.mode) + 1
        region = Region(name=f"{self.mode} {number}", mode=self.mode, points=tuple(points))
        self.regions = (*self.regions, region)
        self.chosen = len(self.regions) - 1
        self._changed(self.regions)

    def undo(self) -> None:
        """Take back the last corner, else the chosen or last region."""
        if self.drawing:
            self.drawing.pop()
            return
        if self.regions:
            at = len(self.regions) - 1 if self.chosen is None else self.chosen
            self.regions = self.regions[:at] + self.regions[at + 1 :]
            self.chosen = None
            self._changed(self.regions)

    def clear(self) -> None:
        """No regions: everything is inspected."""
        self.drawing, self.regions, self.chosen = [], (), None
        self._changed(())

    def _replace(self, at: int, points: tuple[tuple[float, float], ...]) -> None:
        region = self.regions[at].model_copy(update={"points": points})
        self.regions = (*self.regions[:at], region, *self.regions[at + 1 :])

    def _within(self, point: QPointF) -> tuple[float, float]:
        width, height = self.size
        x, y = min(max(point.x(), 0.0), float(width)), min(max(point.y(), 0.0), float(height))
        return round(x, 1), round(y, 1)

    def _corner_near(self, point: QPointF, reach: float) -> tuple[int, int] | None:
        for index, region in enumerate(self.regions):
            for corner, place in enumerate(region.points):
                if _distance(place, point) <= reach:
                    return index, corner
        return None

    def _region_at(self, point: QPointF) -> int | None:
        for index in range(len(self.regions) - 1, -1, -1):
            outline = QPolygonF([QPointF(x, y) for x, y in self.regions[index].points])
            if outline.containsPoint(point, Qt.FillRule.OddEvenFill):
                return index
        return None


def _distance(place: tuple[float, float], point: QPointF) -> float:
    return max(abs(place[0] - point.x()), abs(place[1] - point.y()))


def _without_repeats(points: Points) -> Points:
    return [point for index, point in enumerate(points) if index == 0 or point != points[index - 1]]


class EditedRegions:
    """The regions as they stand in the editor, with handles, and the corners being drawn."""

    def __init__(self, editor: RegionEditor, theme: Theme) -> None:
        self._editor, self._theme = editor, theme

    def draw(self, painter: QPainter, to_view: QTransform) -> None:
        """Paint lines and handles."""
        editor = self._editor
        theme = self._theme
        RegionsLayer(editor.regions, theme.inspect_region, theme.ignore_region, editor.chosen).draw(
            painter, to_view
        )
        for region in editor.regions:
            for x, y in region.points:
                self._handle(painter, to_view.map(QPointF(x, y)))
        if not editor.drawing:
            return
        corners = [to_view.map(QPointF(x, y)) for x, y in editor.drawing]
        inspect = editor.mode == "inspect"
        colour = QColor(self._theme.inspect_region if inspect else self._theme.ignore_region)
        trail = [*corners, to_view.map(QPointF(*editor.pointer))] if editor.pointer else corners
        for pen in (QPen(QColor(0, 0, 0, 130), 4.0), QPen(colour, 2.0)):
            painter.setPen(pen)
            painter.drawPolyline(QPolygonF(trail))
        for corner in corners:
            self._handle(painter, corner)

    def _handle(self, painter: QPainter, at: QPointF) -> None:
        painter.setPen(QPen(QColor("#10151A"), 1.5))
        painter.setBrush(QColor("#FFFFFF"))
        painter.drawRect(int(at.x()) - 4, int(at.y()) - 4, 8, 8)


class RegionBar(QFrame):
    """Which kind is drawn, and how to take it back."""

    mode_chosen = Signal(str)
    undo = Signal()
    clear = Signal()
    done = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "bar")
        self.modes = Segments([name for _, name in MODES], "What the next region does")
        self.modes.chosen.connect(lambda index: self.mode_chosen.emit(MODES[index][0]))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 12, 4)
        layout.setSpacing(8)
        hint = label(
            "Click corners on the golden, double click closes. Drag a corner to move it.", "small", wrap=True
        )
        layout.addWidget(self.modes)
        layout.addWidget(hint, 1)
        layout.addWidget(button("Undo", self.undo.emit, tip="Last corner, or the chosen region  ·  Ctrl+Z"))
        layout.addWidget(button("Clear", self.clear.emit, tip="Inspect everything"))
        layout.addWidget(button("Done", self.done.emit, tip="Stop drawing  ·  F8"))
