"""The History page: search, look at a record again, export."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QSplitter, QVBoxLayout, QWidget

from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.verdict import Verdict
from inspector_app.ui.history.model import HistoryModel
from inspector_app.ui.history.presenter import PERIODS, HistoryPresenter, with_period
from inspector_app.ui.records.record_pane import RecordPane
from inspector_app.ui.records.table_view import RecordTable
from inspector_app.ui.theme import LIGHT, Theme
from inspector_app.ui.widgets.export_button import ExportButton
from inspector_app.ui.widgets.filter_bar import FilterBar
from inspector_app.ui.widgets.parts import column, frame, label, row

ANY_RECIPE = "Any recipe"
SOURCES = ("Live and batch", "Live only")


class HistoryPage(QWidget):
    """Tells what was asked for by signals; shows what its presenter holds."""

    ask_export = Signal(bool)

    def __init__(
        self,
        presenter: HistoryPresenter,
        model: HistoryModel,
        pane: RecordPane,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._history, self._model, self.pane = presenter, model, pane
        self._theme = LIGHT
        self._stale = True
        self.filter = FilterBar("Search image, serial, lot, recipe")
        self.period = QComboBox()
        self.period.addItems([name for name, _ in PERIODS])
        self.recipe = QComboBox()
        self.recipe.addItem(ANY_RECIPE)
        self.source = QComboBox()
        self.source.addItems(SOURCES)
        for combo in (self.period, self.recipe, self.source):
            combo.setProperty("kind", "tall")
            combo.activated.connect(lambda index: self.search())
        self.totals = label("", "dim")
        self.export = ExportButton()
        self.table = RecordTable(model, (), sortable=False)
        self._assemble()
        self.export.asked.connect(self.ask_export)
        self.filter.changed.connect(lambda text, verdicts: self.search())
        self.table.picked.connect(pane.presenter.show_record)
        pane.presenter.disposed.connect(model.replace)
        presenter.totals_changed.connect(self._show_totals)
        presenter.records_came.connect(lambda records: self._came())

    def _assemble(self) -> None:
        bar = frame("bar")
        bar.setLayout(
            row(
                self.filter,
                self.period,
                self.recipe,
                self.source,
                self.export,
                margins=(12, 6, 12, 6),
            )
        )
        bar.layout().setStretch(0, 1)  # type: ignore[union-attr]
        left = QWidget()
        self.totals.setContentsMargins(12, 8, 12, 8)
        left.setLayout(column(self.totals, self.table, spacing=0))
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(left)
        split.addWidget(self.pane)
        split.setSizes([560, 640])
        split.setChildrenCollapsible(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(bar)
        whole.addWidget(split, 1)

    def set_theme(self, theme: Theme) -> None:
        """Colours and icons."""
        self._theme = theme
        self.pane.set_theme(theme)
        self._model.set_theme(theme)
        self.export.set_theme(theme)

    def show_recipes(self, names: tuple[str, ...]) -> None:
        """The recipes there are."""
        current = self.recipe.currentText()
        self.recipe.clear()
        self.recipe.addItems([ANY_RECIPE, *names])
        self.recipe.setCurrentIndex(max(0, self.recipe.findText(current)))

    def mark_stale(self) -> None:
        """Something was recorded: look again, now or when the page is next shown."""
        self._stale = True
        if self.isVisible():
            self.search()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self._stale:
            self.search()

    def search(self) -> None:
        """Look for what the bar says."""
        self._stale = False
        text, verdicts = self.filter.wanted
        wanted = HistoryFilter(
            text=text,
            final_verdicts=tuple(sorted(verdicts)),
            recipe="" if self.recipe.currentIndex() <= 0 else self.recipe.currentText(),
            live_only=self.source.currentIndex() == 1,
        )
        period = PERIODS[self.period.currentIndex()][1]
        self._history.search(with_period(wanted, period, datetime.now(UTC)))

    def _came(self) -> None:
        if self.table.current_record is None and self._model.rowCount():
            self.table.selectRow(0)

    def _show_totals(self) -> None:
        totals = self._history.totals
        if totals is None:
            self.totals.setText("Searching")
            return
        parts = [f"{totals.total:,} records"]
        parts += [f"{totals.of(v):,} {v.value.lower()}" for v in Verdict if totals.of(v)]
        self.totals.setText("  ·  ".join(parts))
        empty = totals.total == 0
        self.export.setEnabled(not empty)
