"""A few choices side by side, one of them taken."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget


class Segments(QWidget):
    """``chosen`` tells the index a person took."""

    chosen = Signal(int)

    def __init__(self, names: Sequence[str], tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for index, name in enumerate(names):
            made = QPushButton(name)
            made.setCheckable(True)
            made.setAutoDefault(False)
            made.setProperty("kind", "segment")
            last = index == len(names) - 1
            made.setProperty("place", "first" if index == 0 else "last" if last else "middle")
            made.setToolTip(tip)
            self._group.addButton(made, index)
            layout.addWidget(made)
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(self.chosen)

    def set_index(self, index: int) -> None:
        """Take one, silently."""
        self._group.button(index).setChecked(True)

    @property
    def index(self) -> int:
        """The one taken."""
        return self._group.checkedId()
