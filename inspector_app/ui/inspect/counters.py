"""The shift's totals and its last ten results."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.protocols import Counters, HistoryFilter
from inspector_app.core.verdict import Verdict
from inspector_app.ui.theme import Theme
from inspector_app.ui.tools import RECORD_LANE, Tools
from inspector_app.ui.widgets.parts import column, label
from inspector_app.ui.widgets.strip import LENGTH, ResultStrip


class CountersPresenter(QObject):
    """Asks the store for the totals since the window opened, each time something was recorded."""

    changed = Signal()

    def __init__(self, tools: Tools, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tools = tools
        self._since = tools.inspector.clock.now()
        self.totals = Counters()
        self.recent: tuple[InspectionRecord, ...] = ()

    def recorded(self, record: InspectionRecord) -> None:
        """Count one more."""
        self.recent = (*self.recent, record)[-LENGTH:]
        self.changed.emit()
        self.refresh()

    def refresh(self) -> None:
        """Ask for the totals."""
        wanted = HistoryFilter(live_only=True, since=self._since)
        store = self._tools.inspector.store
        self._tools.runner.submit(
            RECORD_LANE,
            lambda context: store.counters(wanted),
            self._counted,
            self._tools.errors.failure,
            key="counters",
        )

    def start_anew(self) -> None:
        """Begin the shift's totals at zero; the records stay."""
        self._since = self._tools.inspector.clock.now()
        self.recent = ()
        self.refresh()

    def _counted(self, totals: Counters) -> None:
        self.totals = totals
        self.changed.emit()


CELLS = ("Total", "Pass", "Fail", "Review", "Error", "FPY")


class CountersPanel(QWidget):
    """Six numbers, the times and the strip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.strip = ResultStrip()
        self._values: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(0)
        for index, name in enumerate(CELLS):
            value = label("0", "figure")
            self._values[name] = value
            grid.addWidget(label(name, "tiny"), 0, index)
            grid.addWidget(value, 1, index)
            grid.setColumnStretch(index, 1)
        self._times = label("", "tiny")
        layout = column(spacing=6)
        layout.addLayout(grid)
        layout.addWidget(self._times)
        layout.addWidget(self.strip)
        self.setLayout(layout)

    def text(self, name: str) -> str:
        """As shown."""
        return self._values[name].text()

    def show_counters(self, totals: Counters, recent: tuple[InspectionRecord, ...], theme: Theme) -> None:
        """Fill in; only what is abnormal is coloured, and only when there is any."""
        numbers = {
            "Total": totals.total,
            "Pass": totals.of(Verdict.PASS),
            "Fail": totals.of(Verdict.FAIL),
            "Review": totals.of(Verdict.REVIEW),
            "Error": totals.of(Verdict.ERROR),
        }
        for name, number in numbers.items():
            self._values[name].setText(f"{number:,}")
        share = totals.first_pass_yield
        self._values["FPY"].setText("–" if share is None else f"{share:.1%}")
        for name, verdict in (("Fail", Verdict.FAIL), ("Error", Verdict.ERROR)):
            ink = theme.verdict(verdict).solid if numbers[name] else theme.text
            self._values[name].setStyleSheet(f"color: {ink};")
        if totals.mean_ms is None or totals.min_ms is None or totals.max_ms is None:
            self._times.setText("Time: –")
        else:
            self._times.setText(
                f"Time: {totals.min_ms:.0f} / {totals.mean_ms:.0f} / {totals.max_ms:.0f} ms (min, mean, max)"
            )
        self.strip.set_theme(theme)
        self.strip.show_records(recent)
