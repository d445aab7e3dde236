"""The table's view: row height, widths, and what a click means."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPalette, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from inspector_app.core.inspection import InspectionRecord
from inspector_app.ui.records.table_model import BADGE, HEADERS, MAYBE_EMPTY, Column, RecordTableModel

ROW_HEIGHT = 52
WIDTHS = {
    Column.PICTURE: 60,
    Column.VERDICT: 104,
    Column.IMAGE: 130,
    Column.SCORE: 58,
    Column.REGIONS: 66,
    Column.IOU: 72,
    Column.TIME: 166,
    Column.SERIAL: 110,
    Column.RECIPE: 110,
    Column.REASON: 140,
}
"""A column is widened where the font needs more for its heading, or for a time. What room is left is the image's
name's, up to ``WIDEST_NAME``, and the reason's."""
WIDEST_NAME = 340


class NameDelegate(QStyledItemDelegate):
    """An image's name, and above it, smaller, the folder that tells it from others of its name. What does not fit is
    cut at its beginning: there folders are alike."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        cell = QStyleOptionViewItem(option)
        self.initStyleOption(cell, index)
        folder, _, name = cell.text.rpartition("/")
        cell.text = ""
        style = cell.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, cell, painter, cell.widget)
        selected = bool(cell.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        painter.save()
        colour = cell.palette.color(role)
        field = cell.rect.adjusted(8, 4, -5, -4)
        if folder:
            half = field.height() // 2
            font = QFont(cell.font)
            font.setPixelSize(max(9, round(cell.fontMetrics.height() * 0.68)))
            self._draw(painter, font, folder, field.adjusted(0, 0, 0, -half), self._faded(colour))
            field = field.adjusted(0, half, 0, 0)
        self._draw(painter, cell.font, name, field, colour)
        painter.restore()

    @staticmethod
    def _faded(colour: QColor) -> QColor:
        faded = QColor(colour)
        faded.setAlphaF(0.75)
        return faded

    @staticmethod
    def _draw(painter: QPainter, font: QFont, text: str, field: QRect, colour: QColor) -> None:
        painter.setFont(font)
        painter.setPen(colour)
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideLeft, field.width())
        painter.drawText(field, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


class PictureDelegate(QStyledItemDelegate):
    """A thumbnail in the middle of its cell, a grey field until it is there."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        if option.state & option.state.State_Selected:
            painter.fillRect(option.rect, option.palette.highlight())
        pixmap = index.data(Qt.ItemDataRole.DecorationRole)
        field = option.rect.adjusted(8, 4, -8, -4)
        if not isinstance(pixmap, QPixmap):
            painter.fillRect(field, QColor(128, 128, 128, 50))
            return
        size = pixmap.size().scaled(field.size(), Qt.AspectRatioMode.KeepAspectRatio)
        left = field.x() + (field.width() - size.width()) // 2
        top = field.y() + (field.height() - size.height()) // 2
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(left, top, size.width(), size.height(), pixmap)


class RecordTable(QTableView):
    """``picked`` tells the record of the current row."""

    picked = Signal(object)

    def __init__(
        self,
        model: RecordTableModel,
        hidden: Iterable[Column],
        *,
        sortable: bool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._records = model
        self.setModel(model)
        self.setItemDelegateForColumn(Column.IMAGE, NameDelegate(self))
        self.setItemDelegateForColumn(Column.PICTURE, PictureDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setIconSize(QSize(BADGE, BADGE))
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        for column, width in WIDTHS.items():
            self.setColumnWidth(column, width)
        # Where time is shown at all, it and the serial are what people look for first after the image.
        header.moveSection(header.visualIndex(Column.TIME), header.visualIndex(Column.IMAGE) + 1)
        header.moveSection(header.visualIndex(Column.SERIAL), header.visualIndex(Column.TIME) + 1)
        self._hidden = frozenset(hidden)
        for column in self._hidden:
            self.setColumnHidden(column, True)
        model.rowsInserted.connect(self._show_filled)
        model.modelReset.connect(self._show_filled)
        self._show_filled()
        self._fit()
        self.setSortingEnabled(sortable)
        if sortable:
            header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.selectionModel().currentRowChanged.connect(self._current)

    def _fit(self) -> None:
        """A time or a heading that is cut is none; names that end alike are told apart by their beginnings."""
        heading = self.horizontalHeader().fontMetrics()
        for column, width in WIDTHS.items():
            needed = heading.horizontalAdvance(HEADERS[column]) + 20
            if column == Column.TIME:
                needed = self.fontMetrics().horizontalAdvance("0000-00-00 00:00:00") + 28
            self.setColumnWidth(column, max(width, needed))
        self._share_room()

    def _show_filled(self) -> None:
        """Columns that hold nothing stay away until a record has something for them."""
        for column in MAYBE_EMPTY:
            shown = column not in self._hidden and column in self._records.filled
            if self.isColumnHidden(column) is shown:
                self.setColumnHidden(column, not shown)
                self._share_room()

    def _share_room(self) -> None:
        """The last column stretches; half of what it would get beyond its own width is the image's name's."""
        others = [c for c in WIDTHS if c not in (Column.IMAGE, Column.REASON) and not self.isColumnHidden(c)]
        taken = sum(map(self.columnWidth, others)) + WIDTHS[Column.IMAGE]
        taken += 0 if self.isColumnHidden(Column.REASON) else WIDTHS[Column.REASON]
        room = max(0, self.viewport().width() - taken)
        self.setColumnWidth(Column.IMAGE, min(WIDEST_NAME, WIDTHS[Column.IMAGE] + room // 2))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._share_room()

    def _current(self, current: QModelIndex, previous: QModelIndex) -> None:
        record = self._records.record_at(current.row())
        if record is not None:
            self.picked.emit(record)

    @property
    def current_record(self) -> InspectionRecord | None:
        """Of the current row."""
        return self._records.record_at(self.currentIndex().row())
