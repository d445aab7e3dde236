"""A named place for a file or folder: what is chosen, and a button to choose."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QMenu, QPushButton, QVBoxLayout, QWidget

from inspector_app.ui.widgets.parts import label


class Picker(QWidget):
    """``asked`` when pressed, ``dropped`` when a file was dropped on it."""

    asked = Signal()
    dropped = Signal(object)

    def __init__(self, name: str, empty: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._empty = empty
        self._full = empty
        self.button = QPushButton(empty)
        self.button.setAutoDefault(False)
        self.button.setToolTip(tip)
        self.button.setAccessibleName(name)
        self.button.setStyleSheet("text-align: left;")
        self.button.setMinimumWidth(80)
        self.button.clicked.connect(self.asked)
        self._tip = tip
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(label(name, "small"))
        layout.addWidget(self.button)
        self.setAcceptDrops(True)

    def show_choice(self, text: str, tip: str = "") -> None:
        """What is chosen; "" for nothing."""
        self._full = text or self._empty
        self.button.setToolTip(f"{tip}\n{self._tip}".strip())
        self._elide()

    def set_menu(self, menu: QMenu) -> None:
        """Offer these when pressed, in place of ``asked``."""
        self.button.setMenu(menu)
        self._elide()

    def _elide(self) -> None:
        room = max(40, self.button.width() - (52 if self.button.menu() else 28))
        text = self.button.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideMiddle, room)
        # Beside a menu's arrow the sheet's padding is lost.
        self.button.setText(f"   {text}" if self.button.menu() else text)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._elide()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths[0])
