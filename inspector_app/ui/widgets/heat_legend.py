"""What the heat map's colours mean: always the same, from 0 to 1."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from inspector_app.ui.theme import LIGHT, Theme

Stops = tuple[tuple[int, tuple[int, int, int, int]], ...]


class HeatLegend(QWidget):
    """A strip of colour between its two ends."""

    def __init__(self, stops: Stops, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stops = stops
        self._theme = LIGHT
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolTip("Probability of change, on the same scale for every image")
        self.setAccessibleName("heat map scale from 0 to 1")

    def set_theme(self, theme: Theme) -> None:
        """Colour of the figures."""
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(96, 20)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(QColor(self._theme.text_2))
        whole = QRectF(self.rect())
        painter.drawText(whole, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), "0")
        painter.drawText(whole, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), "1")
        strip = whole.adjusted(12, 5, -12, -5)
        gradient = QLinearGradient(strip.topLeft(), strip.topRight())
        for level, (red, green, blue, alpha) in self._stops:
            gradient.setColorAt(level / 255, QColor(red, green, blue, alpha))
        painter.fillRect(strip, QColor(self._theme.canvas))
        painter.fillRect(strip, gradient)
        painter.setPen(QColor(self._theme.line_strong))
        painter.drawRect(strip)
        painter.end()
