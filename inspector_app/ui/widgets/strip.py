"""The last ten results as a row of shapes, the newest at the right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from inspector_app.core.inspection import InspectionRecord
from inspector_app.ui.theme import LIGHT, Theme
from inspector_app.ui.widgets.verdict_badge import draw_badge

LENGTH = 10


class ResultStrip(QWidget):
    """``picked`` tells the record that was clicked."""

    picked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = LIGHT
        self._records: tuple[InspectionRecord, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(34)
        self.setAccessibleName("last ten results")

    def set_theme(self, theme: Theme) -> None:
        """Colours."""
        self._theme = theme
        self.update()

    def show_records(self, records: Sequence[InspectionRecord]) -> None:
        """The oldest first; only the last ten are kept."""
        self._records = tuple(records)[-LENGTH:]
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(280, 34)

    def _cell(self, index: int) -> QRectF:
        width = self.width() / LENGTH
        return QRectF(index * width, 0, width, self.height())

    def _record_at(self, x: float) -> InspectionRecord | None:
        index = int(x / (self.width() / LENGTH)) - (LENGTH - len(self._records))
        return self._records[index] if 0 <= index < len(self._records) else None

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        empty = LENGTH - len(self._records)
        for index in range(LENGTH):
            cell = self._cell(index)
            if index < empty:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(self._theme.line_strong))
                painter.drawEllipse(cell.center(), 2.5, 2.5)
            else:
                side = min(cell.width() - 5, 24 if index == LENGTH - 1 else 19)
                box = QRectF(cell.center().x() - side / 2, cell.center().y() - side / 2, side, side)
                draw_badge(painter, box, self._records[index - empty].verdict, self._theme)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        record = self._record_at(event.position().x())
        if record is not None:
            self.picked.emit(record)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            record = self._record_at(event.pos().x())
            if record is None:
                QToolTip.hideText()
            else:
                unit = record.identity.serial or record.image.name
                QToolTip.showText(
                    event.globalPos(), f"#{record.id}  {unit}\n{record.verdict}: {record.reason}", self
                )
            return True
        return super().event(event)
