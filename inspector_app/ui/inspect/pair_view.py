"""Golden left, test right, panned and zoomed together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from inspector_app.core.geometry import Box
from inspector_app.ui.images import Picture
from inspector_app.ui.theme import Theme
from inspector_app.ui.widgets.canvas import ImageCanvas, Layer, ViewState


class DropCanvas(ImageCanvas):
    """A canvas that files can be dropped on."""

    dropped = Signal(object)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        paths = tuple(Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)


class PairView(QWidget):
    """Two canvases that always look at the same place."""

    golden_dropped = Signal(object)
    test_dropped = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.golden = DropCanvas("GOLDEN")
        self.test = DropCanvas("TEST")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for canvas in (self.golden, self.test):
            layout.addWidget(canvas, 1)
            canvas.view_changed.connect(self._linked, Qt.ConnectionType.DirectConnection)
        self.setAcceptDrops(True)
        self.golden.dropped.connect(self.golden_dropped)
        self.test.dropped.connect(self.test_dropped)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """On what lies over the canvases: the left half is the golden's."""
        (self.golden if event.position().x() < self.width() / 2 else self.test).dropEvent(event)

    def _linked(self, view: ViewState) -> None:
        self.golden.set_view(view)
        self.test.set_view(view)

    def set_theme(self, theme: Theme) -> None:
        """Colours of the surround."""
        for canvas in (self.golden, self.test):
            canvas.set_colours(theme.canvas, theme.text_2)

    def show_golden(self, picture: Picture | None, name: str = "") -> None:
        """Put a golden in its place."""
        self.golden.set_picture(picture, name)

    def show_test(self, picture: Picture | None, name: str = "") -> None:
        """Put a test image in its place."""
        self.test.set_picture(picture, name)

    def set_layers(self, golden: Sequence[Layer], test: Sequence[Layer]) -> None:
        """What is drawn over each."""
        self.golden.set_layers(golden)
        self.test.set_layers(test)

    def look_at(self, box: Box) -> None:
        """Zoom both to a box of the test image."""
        self.test.look_at(QRectF(box.x, box.y, box.w, box.h))

    def fit(self) -> None:
        """The whole pictures."""
        self.test.fit()
        self.golden.set_view(self.test.view)

    def zoom_by(self, factor: float) -> None:
        """Both, around the middle."""
        (self.test if self.test.picture is not None else self.golden).zoom_by(factor)
