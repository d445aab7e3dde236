"""One button for both CSV files."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from inspector_app.ui.theme import Theme
from inspector_app.ui.widgets.icons import icon


class ExportButton(QPushButton):
    """``asked`` tells whether the defects are wanted (True) or the images (False)."""

    asked = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(" Export", parent)
        self.setAutoDefault(False)
        self.setProperty("kind", "menu")
        self.setToolTip("Export as CSV  ·  Ctrl+E, defects Ctrl+Shift+E")
        menu = QMenu(self)
        menu.addAction("One row an image…\tCtrl+E", lambda: self.asked.emit(False))
        menu.addAction("One row a defect…\tCtrl+Shift+E", lambda: self.asked.emit(True))
        self.setMenu(menu)

    def set_theme(self, theme: Theme) -> None:
        """Icon."""
        self.setIcon(icon("export", theme.text))
