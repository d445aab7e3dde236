"""A verdict as shape and colour; the word stands beside it."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QWidget

from inspector_app.core.verdict import Verdict
from inspector_app.ui.theme import LIGHT, Theme


def draw_badge(painter: QPainter, box: QRectF, verdict: Verdict | None, theme: Theme) -> None:
    """PASS: ring with a tick. FAIL: octagon with a cross. REVIEW: diamond with a question mark. ERROR: a
    square with an exclamation mark. None yet: a thin ring."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    side = min(box.width(), box.height())
    box = QRectF(box.center().x() - side / 2, box.center().y() - side / 2, side, side)
    if verdict is None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.line_strong), max(1.5, side * 0.05), Qt.PenStyle.DashLine))
        painter.drawEllipse(box.adjusted(side * 0.1, side * 0.1, -side * 0.1, -side * 0.1))
        return
    colours = theme.verdict(verdict)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colours.solid))
    if verdict is Verdict.PASS:
        painter.drawEllipse(box)
    elif verdict is Verdict.FAIL:
        painter.drawPolygon(_ngon(box, 8, math.pi / 8))
    elif verdict is Verdict.REVIEW:
        painter.drawPolygon(_ngon(box, 4, 0.0))
    else:
        painter.drawRoundedRect(box.adjusted(side * 0.05, side * 0.05, -side * 0.05, -side * 0.05), 3, 3)
    _draw_sign(painter, box, verdict, QColor(colours.on_solid))


def _ngon(box: QRectF, corners: int, turn: float) -> QPolygonF:
    radius = box.width() / 2
    points = []
    for k in range(corners):
        angle = turn + 2 * math.pi * k / corners
        points.append(box.center() + QPointF(math.cos(angle), math.sin(angle)) * radius)
    return QPolygonF(points)


def _draw_sign(painter: QPainter, box: QRectF, verdict: Verdict, colour: QColor) -> None:
    side, left, top = box.width(), box.left(), box.top()

    def at(x: float, y: float) -> QPointF:
        return QPointF(left + x * side, top + y * side)

    pen = QPen(colour, max(1.6, side * 0.1))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    path = QPainterPath()
    if verdict is Verdict.PASS:
        path.moveTo(at(0.29, 0.52))
        path.lineTo(at(0.45, 0.67))
        path.lineTo(at(0.72, 0.36))
    elif verdict is Verdict.FAIL:
        path.moveTo(at(0.34, 0.34))
        path.lineTo(at(0.66, 0.66))
        path.moveTo(at(0.66, 0.34))
        path.lineTo(at(0.34, 0.66))
    elif verdict is Verdict.REVIEW:
        path.moveTo(at(0.40, 0.41))
        path.cubicTo(at(0.40, 0.27), at(0.61, 0.27), at(0.61, 0.41))
        path.cubicTo(at(0.61, 0.50), at(0.50, 0.49), at(0.50, 0.59))
    else:
        path.moveTo(at(0.5, 0.27))
        path.lineTo(at(0.5, 0.56))
    painter.drawPath(path)
    if verdict in (Verdict.REVIEW, Verdict.ERROR):
        painter.setBrush(colour)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawEllipse(at(0.5, 0.73), side * 0.06, side * 0.06)


def badge_pixmap(verdict: Verdict | None, side: int, theme: Theme) -> QPixmap:
    """The shape as a pixmap, for tables."""
    pixmap = QPixmap(side * 2, side * 2)
    pixmap.fill(QColor(Qt.GlobalColor.transparent))
    painter = QPainter(pixmap)
    draw_badge(painter, QRectF(2, 2, side * 2 - 4, side * 2 - 4), verdict, theme)
    painter.end()
    pixmap.setDevicePixelRatio(2.0)
    return pixmap


class VerdictBadge(QWidget):
    """The shape as a widget."""

    def __init__(self, side: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verdict: Verdict | None = None
        self._theme = LIGHT
        self.setFixedSize(QSize(side, side))

    def show_verdict(self, verdict: Verdict | None, theme: Theme) -> None:
        """Change what is shown."""
        self._verdict, self._theme = verdict, theme
        self.setAccessibleName(verdict.value if verdict else "no verdict")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        draw_badge(painter, QRectF(self.rect()).adjusted(1, 1, -1, -1), self._verdict, self._theme)
        painter.end()
