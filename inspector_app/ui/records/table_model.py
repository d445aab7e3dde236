"""The table of records: sorted and filtered here, so that twenty thousand rows stay smooth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon

from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.verdict import Verdict, final_verdict
from inspector_app.ui.records.thumbnails import Thumbnails
from inspector_app.ui.theme import LIGHT, Theme
from inspector_app.ui.widgets.verdict_badge import badge_pixmap

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
BADGE = 24


class Column(IntEnum):
    """In their order."""

    PICTURE = 0
    VERDICT = 1
    IMAGE = 2
    SCORE = 3
    REGIONS = 4
    IOU = 5
    TIME = 6
    SERIAL = 7
    RECIPE = 8
    REASON = 9


HEADERS = {
    Column.PICTURE: "",
    Column.VERDICT: "Verdict",
    Column.IMAGE: "Image",
    Column.SCORE: "Score",
    Column.REGIONS: "Regions",
    Column.IOU: "IoU",
    Column.TIME: "Time",
    Column.SERIAL: "Serial",
    Column.RECIPE: "Recipe",
    Column.REASON: "Reason",
}
SEVERITY = {Verdict.ERROR: 0, Verdict.FAIL: 1, Verdict.REVIEW: 2, Verdict.PASS: 3}


@dataclass(frozen=True)
class RowFilter:
    """Which rows are shown; empty fields do not restrict."""

    text: str = ""
    verdicts: frozenset[Verdict] = frozenset()

    def lets(self, record: InspectionRecord) -> bool:
        """Whether a record is shown."""
        if self.verdicts and stands(record) not in self.verdicts:
            return False
        if not self.text:
            return True
        words = (record.image.name, record.identity.serial, record.identity.lot, record.reason)
        return any(self.text in word.casefold() for word in words)


def stands(record: InspectionRecord) -> Verdict:
    """The verdict after a person's say."""
    entry = record.disposition
    return final_verdict(record.verdict, entry.disposition if entry else None)


def iou_of(record: InspectionRecord) -> float | None:
    """The IoU, None where there is none."""
    counts = record.truth.counts if record.truth else None
    return counts.iou if counts else None


def local_time(record: InspectionRecord) -> str:
    """The station's own time, to the second."""
    return record.time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


TEXTS: dict[Column, Callable[[InspectionRecord], str]] = {
    Column.VERDICT: lambda r: r.verdict.value + (f" → {stands(r).value}" if r.disposition else ""),
    Column.IMAGE: lambda r: r.image.name,
    Column.SCORE: lambda r: "" if r.score is None else f"{r.score:.2f}",
    Column.REGIONS: lambda r: "" if r.verdict is Verdict.ERROR else str(r.n_defects),
    Column.IOU: lambda r: "" if (iou := iou_of(r)) is None else f"{iou:.3f}",
    Column.TIME: local_time,
    Column.SERIAL: lambda r: r.identity.serial,
    Column.RECIPE: lambda r: f"{r.settings.recipe} r{r.settings.revision}" if r.settings.recipe else "",
    Column.REASON: lambda r: r.reason,
}
SORTS: dict[Column, Callable[[InspectionRecord], float | str]] = {
    Column.PICTURE: lambda r: r.id,
    Column.VERDICT: lambda r: SEVERITY[stands(r)],
    Column.IMAGE: lambda r: r.image.name.casefold(),
    Column.SCORE: lambda r: -1.0 if r.score is None else r.score,
    Column.REGIONS: lambda r: r.n_defects,
    Column.IOU: lambda r: -1.0 if (iou := iou_of(r)) is None else iou,
    Column.TIME: lambda r: r.id,
    Column.SERIAL: lambda r: r.identity.serial.casefold(),
    Column.RECIPE: lambda r: r.settings.recipe.casefold(),
    Column.REASON: lambda r: r.reason.casefold(),
}
MAYBE_EMPTY = (Column.SERIAL, Column.IOU, Column.RECIPE)
"""What many stations have none of: a column of nothing would push the reason out of sight."""
NUMBERS = {Column.SCORE, Column.REGIONS, Column.IOU}


class RecordTableModel(QAbstractTableModel):
    """Holds records and a view of them: those that the filter lets through, in the sort's order."""

    def __init__(self, thumbnails: Thumbnails, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._all: list[InspectionRecord] = []
        self._view: list[InspectionRecord] = []
        self._row_of: dict[int, int] = {}
        self._filter = RowFilter()
        self._sort: tuple[Column, bool] | None = None
        self._badges: dict[Verdict, QIcon] = {}
        self.filled: frozenset[Column] = frozenset()
        """Those of ``MAYBE_EMPTY`` that some record has."""
        self.set_theme(LIGHT)
        thumbnails.ready.connect(self._thumbnail_ready)

    def set_theme(self, theme: Theme) -> None:
        """Badges."""
        self._badges = {verdict: _badge(verdict, theme) for verdict in Verdict}

    # Content

    def clear(self) -> None:
        """Empty it."""
        self.beginResetModel()
        self._all, self._view, self._row_of = [], [], {}
        self.filled = frozenset()
        self.endResetModel()

    def append(self, records: Sequence[InspectionRecord]) -> None:
        """More records; under a sort they stand last until ``resort``."""
        self._all += records
        unseen = [column for column in MAYBE_EMPTY if column not in self.filled]
        self.filled |= {column for column in unseen if any(map(TEXTS[column], records))}
        let = [record for record in records if self._filter.lets(record)]
        if not let:
            return
        first = len(self._view)
        self.beginInsertRows(ROOT, first, first + len(let) - 1)
        for offset, record in enumerate(let):
            self._row_of[record.id] = first + offset
        self._view += let
        self.endInsertRows()

    def replace(self, record: InspectionRecord) -> None:
        """The same record with a newer disposition."""
        self._all = [record if one.id == record.id else one for one in self._all]
        row = self._row_of.get(record.id)
        if row is not None:
            self._view[row] = record
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))

    def set_filter(self, wanted: RowFilter) -> None:
        """Show only these."""
        self._filter = RowFilter(wanted.text.casefold(), wanted.verdicts)
        self._rebuild()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sort = (Column(column), order is Qt.SortOrder.DescendingOrder) if column >= 0 else None
        self._rebuild()

    def resort(self) -> None:
        """Bring rows that came late into order."""
        if self._sort is not None:
            self._rebuild()

    def _rebuild(self) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        held = [(index, self._view[index.row()].id) for index in before]
        self._view = [record for record in self._all if self._filter.lets(record)]
        if self._sort is not None:
            column, descending = self._sort
            self._view.sort(key=SORTS[column], reverse=descending)
        self._row_of = {record.id: row for row, record in enumerate(self._view)}
        for index, record_id in held:
            row = self._row_of.get(record_id)
            moved = self.index(row, index.column()) if row is not None else QModelIndex()
            self.changePersistentIndex(index, moved)
        self.layoutChanged.emit()

    @property
    def records(self) -> list[InspectionRecord]:
        """All of them, in the order that they came."""
        return self._all

    def record_at(self, row: int) -> InspectionRecord | None:
        """Of a shown row."""
        return self._view[row] if 0 <= row < len(self._view) else None

    def row_of(self, record_id: int) -> int | None:
        """Where a record is shown."""
        return self._row_of.get(record_id)

    def _thumbnail_ready(self, record_id: int) -> None:
        row = self._row_of.get(record_id)
        if row is not None:
            index = self.index(row, Column.PICTURE)
            self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])

    # What Qt asks

    def rowCount(self, parent: Index = ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self._view)

    def columnCount(self, parent: Index = ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(Column)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation is Qt.Orientation.Vertical:
            return None
        column = Column(section)
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        record = self.record_at(index.row())
        if record is None:
            return None
        column = Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return TEXTS[column](record) if column in TEXTS else None
        if role == Qt.ItemDataRole.DecorationRole:
            if column is Column.PICTURE:
                return self._thumbnails.get(record)
            return self._badges[record.verdict] if column is Column.VERDICT else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return (
                record.reason if column in (Column.VERDICT, Column.REASON) else TEXTS.get(column, str)(record)
            )
        return None


def _badge(verdict: Verdict, theme: Theme) -> QIcon:
    """The same in a chosen row: its colour means something."""
    pixmap = badge_pixmap(verdict, BADGE, theme)
    made = QIcon(pixmap)
    made.addPixmap(pixmap, QIcon.Mode.Selected)
    return made


def _alignment(column: Column) -> int:
    side = Qt.AlignmentFlag.AlignRight if column in NUMBERS else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
