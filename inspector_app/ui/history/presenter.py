"""What happens on the History page: a search in pages, the newest first, and its export."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.protocols import Counters, HistoryFilter
from inspector_app.services.export import export_defects, export_images
from inspector_app.ui.jobs import Failure
from inspector_app.ui.tools import RECORD_LANE, Tools

PAGE = 300
PERIODS: tuple[tuple[str, timedelta | None], ...] = (
    ("Any time", None),
    ("Last hour", timedelta(hours=1)),
    ("Last 24 hours", timedelta(days=1)),
    ("Last 7 days", timedelta(days=7)),
    ("Last 30 days", timedelta(days=30)),
)


class HistoryPresenter(QObject):
    """Views read its attributes after its signals."""

    cleared = Signal()
    records_came = Signal(object)
    totals_changed = Signal()

    def __init__(self, tools: Tools, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tools = tools
        self.wanted = HistoryFilter()
        self.totals: Counters | None = None
        self.more = False
        self._least_id: int | None = None
        self._loading = False
        self._search_no = 0

    def search(self, wanted: HistoryFilter) -> None:
        """Look again from the newest."""
        self.wanted, self._least_id, self.more = wanted, None, True
        self._search_no += 1
        self._loading = False
        self.totals = None
        self.cleared.emit()
        self.totals_changed.emit()
        self.fetch_more()
        self._count()

    def refresh(self) -> None:
        """The same search again."""
        self.search(self.wanted)

    def fetch_more(self) -> None:
        """The next page, when there is one and it is not on its way."""
        if self._loading or not self.more:
            return
        self._loading = True
        store, wanted, before, number = (
            self._tools.inspector.store,
            self.wanted,
            self._least_id,
            self._search_no,
        )
        self._tools.runner.submit(
            RECORD_LANE,
            lambda context: tuple(store.search(wanted, limit=PAGE, before_id=before)),
            lambda records: self._came(records, number),
            lambda failure: self._failed(failure, number),
        )

    def _came(self, records: tuple[InspectionRecord, ...], number: int) -> None:
        if number != self._search_no:
            return
        self._loading = False
        self.more = len(records) == PAGE
        if records:
            self._least_id = records[-1].id
        self.records_came.emit(records)

    def _failed(self, failure: Failure, number: int) -> None:
        if number == self._search_no:
            self._loading, self.more = False, False
        self._tools.errors.failure(failure)

    def _count(self) -> None:
        store, wanted, number = self._tools.inspector.store, self.wanted, self._search_no
        self._tools.runner.submit(
            RECORD_LANE,
            lambda context: store.counters(wanted),
            lambda totals: self._counted(totals, number),
            self._tools.errors.failure,
        )

    def _counted(self, totals: Counters, number: int) -> None:
        if number == self._search_no:
            self.totals = totals
            self.totals_changed.emit()

    def export(self, path: Path, *, defects: bool) -> None:
        """Write all that the search finds as CSV."""
        store, wanted = self._tools.inspector.store, self.wanted
        write = export_defects if defects else export_images
        self._tools.runner.submit(
            RECORD_LANE,
            lambda context: write(store, wanted, path),
            lambda rows: self._tools.errors.info(f"{rows:,} rows written to {path}."),
            self._tools.errors.failure,
        )


def with_period(wanted: HistoryFilter, period: timedelta | None, now: datetime) -> HistoryFilter:
    """Records since then."""
    return replace(wanted, since=None if period is None else now - period)
