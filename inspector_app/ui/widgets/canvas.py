"""One picture with layers over it, panned and zoomed; draws only, decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from inspector_app.ui.images import Picture

MAX_ZOOM = 64.0
STEP = 1.2
MARGIN = 10
TITLE = 24


@dataclass(frozen=True)
class ViewState:
    """Where a view looks: ``cx, cy`` as fractions of the picture, ``zoom`` against fitting it whole."""

    cx: float = 0.5
    cy: float = 0.5
    zoom: float = 1.0


FIT = ViewState()


class Layer(Protocol):
    """Something drawn over a picture."""

    def draw(self, painter: QPainter, to_view: QTransform) -> None:
        """Paint; ``to_view`` takes image pixels (corners at whole numbers) to the widget."""


class Tool(Protocol):
    """Something that takes the mouse over, such as drawing a region."""

    def press(self, point: QPointF, reach: float) -> None:
        """Left button down at an image point; ``reach`` is a finger's width in image pixels."""

    def move(self, point: QPointF, held: bool) -> None:
        """The pointer moved."""

    def release(self, point: QPointF) -> None:
        """Left button up."""

    def double(self, point: QPointF) -> None:
        """Double click."""


class ImageCanvas(QWidget):
    """Shows a picture and its layers. Wheel zooms at the pointer, dragging pans, double click fits."""

    view_changed = Signal(object)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self._name = ""
        self._empty = ""
        self._picture: Picture | None = None
        self._layers: tuple[Layer, ...] = ()
        self._view = FIT
        self._tool: Tool | None = None
        self._drag: tuple[QPoint, ViewState] | None = None
        self._background = QColor("#C6CACF")
        self._ink = QColor("#4C545E")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 160)
        self.setAccessibleName(title)

    # What is shown

    def set_colours(self, background: str, ink: str) -> None:
        """The surround of the picture and the writing on it."""
        self._background, self._ink = QColor(background), QColor(ink)
        self.update()

    def set_empty_text(self, text: str) -> None:
        """What to say while there is no picture."""
        self._empty = text
        self.update()

    def set_picture(self, picture: Picture | None, name: str = "") -> None:
        """Another picture; the view stays where it is."""
        self._picture, self._name = picture, name
        self.update()

    def set_layers(self, layers: Sequence[Layer]) -> None:
        """What is drawn over it, the first at the bottom."""
        self._layers = tuple(layers)
        self.update()

    def set_tool(self, tool: Tool | None) -> None:
        """Who takes the left button; None pans."""
        self._tool = tool
        self.setCursor(Qt.CursorShape.CrossCursor if tool else Qt.CursorShape.ArrowCursor)

    @property
    def picture(self) -> Picture | None:
        """What is shown."""
        return self._picture

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What is drawn over it."""
        return self._layers

    # Where it looks

    @property
    def view(self) -> ViewState:
        """Where it looks."""
        return self._view

    def set_view(self, view: ViewState) -> None:
        """Look elsewhere, without telling anyone."""
        if view != self._view:
            self._view = view
            self.update()

    def look_at(self, box: QRectF) -> None:
        """Zoom so that ``box`` (image pixels) fills about a third of the view."""
        if self._picture is None:
            return
        fit = self._fit_scale()
        side = max(box.width() / max(1, self.width()), box.height() / max(1, self.height()), 1e-6)
        zoom = min(MAX_ZOOM, max(1.0, 0.33 / side / fit), 24.0 / fit if fit < 24 else MAX_ZOOM)
        centre = box.center()
        self._go(ViewState(centre.x() / self._picture.width, centre.y() / self._picture.height, zoom))

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom, keeping the point under ``at`` (default: the middle) in place."""
        if self._picture is None:
            return
        middle = self._middle()
        anchor = at or middle
        fixed = self.to_image(anchor)
        zoom = min(MAX_ZOOM, max(1.0, self._view.zoom * factor))
        if zoom == 1.0:
            self._go(FIT)
            return
        scale = self._fit_scale() * zoom
        centre = fixed - (anchor - middle) / scale
        self._go(ViewState(centre.x() / self._picture.width, centre.y() / self._picture.height, zoom))

    def fit(self) -> None:
        """The whole picture."""
        self._go(FIT)

    def _go(self, view: ViewState) -> None:
        view = ViewState(min(1.0, max(0.0, view.cx)), min(1.0, max(0.0, view.cy)), view.zoom)
        if view != self._view:
            self._view = view
            self.update()
            self.view_changed.emit(view)

    def _fit_scale(self) -> float:
        if self._picture is None:
            return 1.0
        width, height = max(1, self.width() - 2 * MARGIN), max(1, self.height() - 2 * MARGIN - TITLE)
        return min(width / self._picture.width, height / self._picture.height)

    def _middle(self) -> QPointF:
        """Of the room under the title."""
        return QPointF(self.width() / 2, (self.height() + TITLE) / 2)

    def transform(self) -> QTransform:
        """Image pixels to widget points."""
        if self._picture is None:
            return QTransform()
        scale = self._fit_scale() * self._view.zoom
        transform = QTransform()
        middle = self._middle()
        transform.translate(middle.x(), middle.y())
        transform.scale(scale, scale)
        transform.translate(-self._view.cx * self._picture.width, -self._view.cy * self._picture.height)
        return transform

    def to_image(self, point: QPointF) -> QPointF:
        """A widget point in image pixels."""
        inverse, _ = self.transform().inverted()
        return inverse.map(point)

    # Painting

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(420, 420)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._background)
        if self._picture is None:
            self._paint_empty(painter)
        else:
            transform = self.transform()
            self._paint_picture(painter, transform)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for layer in self._layers:
                painter.save()
                layer.draw(painter, transform)
                painter.restore()
        self._paint_title(painter)
        painter.end()

    def _paint_picture(self, painter: QPainter, transform: QTransform) -> None:
        assert self._picture is not None
        draw_picture(painter, transform, self._picture, QRectF(self.rect()))

    def _paint_title(self, painter: QPainter) -> None:
        font = QFont(self.font())
        font.setPixelSize(12)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        room = self.width() - 2 * MARGIN
        text = f"{self._title}   {self._name}" if self._name else self._title
        text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room - 12)
        strip = QRectF(0, 0, self.width(), 26)
        backing = QColor(self._background)
        backing.setAlpha(225)
        painter.fillRect(strip, backing)
        painter.setPen(self._ink)
        painter.drawText(strip.adjusted(MARGIN, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), text)

    def _paint_empty(self, painter: QPainter) -> None:
        painter.setPen(self._ink)
        area = self.rect().adjusted(24, 24, -24, -24)
        flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(area, flags, self._empty)

    # Hands

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        notches = event.angleDelta().y() / 120.0
        if notches:
            self.zoom_by(STEP**notches, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._picture is None:
            return
        if self._tool is not None and event.button() is Qt.MouseButton.LeftButton:
            reach = 12.0 / max(1e-9, self.transform().m11())
            self._tool.press(self.to_image(event.position()), reach)
            self.update()
        elif event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._drag = (event.position().toPoint(), self._view)
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._drag is not None and self._picture is not None:
            start, view = self._drag
            moved = (event.position() - QPointF(start)) / (self._fit_scale() * view.zoom)
            cx = view.cx - moved.x() / self._picture.width
            cy = view.cy - moved.y() / self._picture.height
            self._go(ViewState(cx, cy, view.zoom))
        elif self._tool is not None and self._picture is not None:
            held = bool(event.buttons() & Qt.MouseButton.LeftButton)
            self._tool.move(self.to_image(event.position()), held)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._drag is not None:
            self._drag = None
            self.set_tool(self._tool)
        elif self._tool is not None and event.button() is Qt.MouseButton.LeftButton:
            self._tool.release(self.to_image(event.position()))
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._tool is not None:
            self._tool.double(self.to_image(event.position()))
            self.update()
        else:
            self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        event.ignore()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self.update()


def draw_picture(painter: QPainter, transform: QTransform, picture: Picture, clip: QRectF) -> None:
    """Draw the part of a picture that falls into ``clip``, from the level that suits the zoom."""
    scale = transform.m11()
    image = picture.for_scale(scale * painter.device().devicePixelRatio())
    inverse, ok = transform.inverted()
    if not ok:
        return
    # Whole pixels around what is visible, so that a zoomed view does not scale the unseen rest.
    seen = inverse.mapRect(clip).adjusted(-1, -1, 1, 1)
    seen = QRectF(seen.toAlignedRect()).intersected(QRectF(0, 0, picture.width, picture.height))
    if seen.isEmpty():
        return
    fx, fy = image.width() / picture.width, image.height() / picture.height
    source = QRectF(seen.x() * fx, seen.y() * fy, seen.width() * fx, seen.height() * fy)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 3.0)
    painter.drawImage(transform.mapRect(seen), image, source)
