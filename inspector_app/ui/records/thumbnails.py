"""Small pictures for tables: made in a worker, the newest wish first, the last few hundred kept."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from inspector_app.bootstrap import Inspector
from inspector_app.core.errors import InspectorError
from inspector_app.core.inspection import InspectionRecord
from inspector_app.services.pictures import inspected_frame
from inspector_app.ui.images import thumbnail_of
from inspector_app.ui.jobs import Failure
from inspector_app.ui.tools import Tools

SIDE = 44
KEPT = 800
WAITING = 48
LANE = "thumbnails"


class Thumbnails(QObject):
    """``get`` never waits: it gives what is there and orders what is not."""

    ready = Signal(int)

    def __init__(self, tools: Tools, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tools = tools
        self._kept: OrderedDict[int, QPixmap | None] = OrderedDict()
        self._wanted: OrderedDict[int, InspectionRecord] = OrderedDict()
        self._busy = False

    def get(self, record: InspectionRecord) -> QPixmap | None:
        """The thumbnail, or None while (or because) there is none."""
        if record.id in self._kept:
            self._kept.move_to_end(record.id)
            return self._kept[record.id]
        self._wanted[record.id] = record
        self._wanted.move_to_end(record.id)
        # Rows that were scrolled past are not worth making any more.
        while len(self._wanted) > WAITING:
            self._wanted.popitem(last=False)
        self._next()
        return None

    def _next(self) -> None:
        if self._busy or not self._wanted:
            return
        record_id, record = self._wanted.popitem(last=True)
        inspector = self._tools.inspector
        self._busy = True
        self._tools.runner.submit(
            LANE,
            lambda context: make_thumbnail(inspector, record),
            lambda image: self._made(record_id, image),
            lambda failure: self._failed(record_id, failure),
        )

    def _made(self, record_id: int, image: QImage | None) -> None:
        self._busy = False
        self._kept[record_id] = QPixmap.fromImage(image) if image is not None else None
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self.ready.emit(record_id)
        self._next()

    def _failed(self, record_id: int, failure: Failure) -> None:
        self._tools.errors.failure(failure)
        self._made(record_id, None)


def make_thumbnail(inspector: Inspector, record: InspectionRecord) -> QImage | None:
    """For a worker; None where the picture cannot be had."""
    try:
        frame = inspected_frame(inspector.archive, record)
    except InspectorError:
        return None
    return thumbnail_of(frame.pixels, SIDE * 2)
