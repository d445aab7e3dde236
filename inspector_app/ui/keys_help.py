"""The list of keys."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QDialog, QGridLayout, QWidget

from inspector_app.ui.keys import ListedKey
from inspector_app.ui.widgets.parts import button, column, label, row


class KeysHelp(QDialog):
    """Two columns of a page's keys by group; any of Esc, Enter, F1 closes it."""

    def __init__(self, parent: QWidget | None, page: str, rows: Sequence[ListedKey]) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Keys: {page}")
        groups = list(dict.fromkeys(group for _, _, group in rows))
        sides = (column(spacing=14), column(spacing=14))
        for index, group in enumerate(groups):
            grid = QGridLayout()
            grid.setHorizontalSpacing(16)
            grid.setVerticalSpacing(4)
            grid.addWidget(label(group, "heading"), 0, 0, 1, 2)
            for line, (key, text, _) in enumerate([one for one in rows if one[2] == group], start=1):
                grid.addWidget(label(key, "caption"), line, 0)
                grid.addWidget(label(text), line, 1)
            grid.setColumnStretch(1, 1)
            grid.setColumnMinimumWidth(0, 96)
            sides[index % 2].addLayout(grid)
        whole = column(label(f"Keys of the {page} page", "title"), spacing=16, margins=(24, 20, 24, 20))
        both = row(spacing=40)
        for side in sides:
            side.addStretch(1)
            both.addLayout(side, 1)
        whole.addLayout(both)
        whole.addLayout(row(1, button("Close", self.accept, "primary")))
        self.setLayout(whole)
