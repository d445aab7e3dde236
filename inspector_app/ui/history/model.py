"""History's table: pages come as it is scrolled."""

from __future__ import annotations

from PySide6.QtCore import QObject

from inspector_app.ui.history.presenter import HistoryPresenter
from inspector_app.ui.records.table_model import ROOT, Index, RecordTableModel
from inspector_app.ui.records.thumbnails import Thumbnails


class HistoryModel(RecordTableModel):
    """Asks its presenter for the next page when the view comes to the end."""

    def __init__(
        self, presenter: HistoryPresenter, thumbnails: Thumbnails, parent: QObject | None = None
    ) -> None:
        super().__init__(thumbnails, parent)
        self._presenter = presenter
        presenter.cleared.connect(self.clear)
        presenter.records_came.connect(self.append)

    def canFetchMore(self, parent: Index = ROOT) -> bool:  # noqa: N802
        return not parent.isValid() and self._presenter.more

    def fetchMore(self, parent: Index = ROOT) -> None:  # noqa: N802
        self._presenter.fetch_more()
