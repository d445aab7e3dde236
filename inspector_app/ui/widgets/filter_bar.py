"""Above a table: search text and which verdicts are shown."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from inspector_app.core.verdict import Verdict
from inspector_app.ui.widgets.segments import Segments

CHOICES: tuple[tuple[str, frozenset[Verdict]], ...] = (
    ("All", frozenset()),
    ("Fail", frozenset({Verdict.FAIL})),
    ("Review", frozenset({Verdict.REVIEW})),
    ("Error", frozenset({Verdict.ERROR})),
    ("Pass", frozenset({Verdict.PASS})),
)
PAUSE_MS = 200


class FilterBar(QWidget):
    """``changed`` tells text and verdicts, once a person pauses typing."""

    changed = Signal(str, object)

    def __init__(self, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLineEdit()
        self.text.setPlaceholderText(placeholder)
        self.text.setClearButtonEnabled(True)
        self.text.setAccessibleName("Search")
        self.text.setMinimumWidth(120)
        self.verdicts = Segments([name for name, _ in CHOICES], "Which verdicts are shown")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self.tell)
        self.text.textChanged.connect(lambda text: self._timer.start())
        self.verdicts.chosen.connect(lambda index: self.tell())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.verdicts)

    def tell(self) -> None:
        """Now."""
        self._timer.stop()
        self.changed.emit(*self.wanted)

    @property
    def wanted(self) -> tuple[str, frozenset[Verdict]]:
        """Text and verdicts, as they stand."""
        return self.text.text().strip(), CHOICES[self.verdicts.index][1]
