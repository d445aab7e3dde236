"""What the Inspect page says before there is anything on it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QWidget

from inspector_app.ui.widgets.parts import button, column, label, row


class Welcome(QFrame):
    """Two ways to begin; files may be dropped beside it all the same."""

    open_golden = Signal()
    demo = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        steps = (
            "1   Open the golden: a picture of a good part.",
            "2   Open a test image, or start a live source.",
            "3   Read the verdict. It is recorded before you see it.",
        )
        self.setMinimumWidth(460)
        layout = column(
            label("Compare a part with its golden", "title"), spacing=10, margins=(28, 24, 28, 24)
        )
        layout.addSpacing(2)
        for step in steps:
            layout.addWidget(label(step, "dim"))
        layout.addSpacing(8)
        self.golden = button("Open a golden", self.open_golden.emit, "primary", "Ctrl+G")
        self.try_demo = button("Try the demo", self.demo.emit, tip="Load a bundled pair")
        layout.addLayout(row(self.golden, self.try_demo, 1))
        layout.addWidget(label("Files can also be dropped on the window.", "small"))
        self.setLayout(layout)
