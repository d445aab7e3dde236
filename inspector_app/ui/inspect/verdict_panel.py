"""The verdict, large: word, shape and colour, its reason, what a preview would say, and a person's decision."""

from __future__ import annotations

import re

from PySide6.QtCore import Signal
from PySide6.QtGui import QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from inspector_app.core.defects import Defect
from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.verdict import Disposition, Verdict, area_text, final_verdict
from inspector_app.ui.theme import LIGHT, Theme
from inspector_app.ui.widgets.icons import icon
from inspector_app.ui.widgets.parts import button, column, label, row
from inspector_app.ui.widgets.verdict_badge import VerdictBadge

DECISIONS: tuple[tuple[Disposition, str, str, bool], ...] = (
    (Disposition.CONFIRMED, "Confirm defect", "F9", False),
    (Disposition.FALSE_CALL, "False call", "F10", False),
    (Disposition.ACCEPTED, "Accept…", "F11", True),
    (Disposition.REPAIRED, "Repaired…", "F12", True),
)
"""Disposition, its button, its key, and whether a reason is asked for."""


_UNIT = re.compile(r"(?<=\d) (?=px|mm)")

WORD_PX = {(False, False): 72, (False, True): 22, (True, False): 26, (True, True): 18}
"""The largest size of the word, by whether the card is compact and whether there is no verdict."""
WIDE = 340
"""From this width on the card takes the largest word; below it room is short in height too."""


class VerdictCard(QFrame):
    """Badge, word and reason on the verdict's own ground."""

    def __init__(self, parent: QWidget | None = None, *, compact: bool = False) -> None:
        super().__init__(parent)
        self._compact = compact
        self._verdict: Verdict | None = None
        self._ink = LIGHT.text
        self._badge = VerdictBadge(36 if compact else 64)
        self._word = label("")
        self._reason = label("", wrap=True)
        self._facts = label("", "small", wrap=True)
        self._decided = label("", "small", wrap=True)
        self._reason.setMinimumHeight(20 if compact else 38)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*((12, 8, 12, 8) if compact else (16, 14, 16, 12)))
        layout.setSpacing(2 if compact else 6)
        layout.addLayout(row(self._badge, self._word, 1, spacing=14))
        for one in (self._reason, self._facts, self._decided):
            layout.addWidget(one)

    @property
    def word(self) -> str:
        """As shown."""
        return self._word.text()

    @property
    def reason(self) -> str:
        """As shown, with plain spaces."""
        return self._reason.text().replace("\u00a0", " ")

    @property
    def facts(self) -> str:
        """As shown."""
        return self._facts.text()

    def show_idle(self, theme: Theme, word: str, reason: str) -> None:
        """There is no verdict (yet)."""
        self._fill(theme, None, word, reason, "", "")

    def show_problem(self, theme: Theme, word: str, reason: str) -> None:
        """There is none, and that is a fault."""
        self._fill(theme, Verdict.ERROR, word, reason, "", "")

    def show_record(self, record: InspectionRecord, theme: Theme) -> None:
        """A committed record."""
        # Of an ERROR the whole text is told: it says what to do.
        reason = record.error_text or record.reason
        self._fill(theme, record.verdict, record.verdict.value, reason, facts_of(record), decided(record))

    def _fill(
        self, theme: Theme, verdict: Verdict | None, word: str, reason: str, facts: str, decision: str
    ) -> None:
        self._badge.show_verdict(verdict, theme)
        self._word.setText(word)
        # A number and its unit stay on one line.
        self._reason.setText(_UNIT.sub("\u00a0", reason))
        self._facts.setText(facts)
        self._decided.setText(decision)
        self._decided.setVisible(bool(decision))
        colours = theme.verdict(verdict) if verdict else None
        ink = theme.text if colours is None or verdict is not Verdict.PASS else colours.solid
        quiet = verdict is None or verdict is Verdict.PASS
        edge = theme.line if quiet or colours is None else colours.solid
        ground = theme.raised if colours is None or quiet else colours.quiet
        self._verdict, self._ink = verdict, ink
        self._fit_word()
        self.setStyleSheet(
            f"VerdictCard {{ background: {ground}; border: 2px solid {edge}; border-radius: 10px; }}"
        )

    def _fit_word(self) -> None:
        """As large as the card allows, since it is read from afar."""
        font = QFont(self.font())
        font.setWeight(QFont.Weight.Bold)
        font.setPixelSize(100)
        room = self.width() - self._badge.width() - (42 if self._compact else 54)
        fitting = int(room * 100 / max(1, QFontMetrics(font).horizontalAdvance(self._word.text())))
        most = WORD_PX[self._compact, self._verdict is None]
        if self.width() < WIDE:
            most = min(most, 54)
        size = max(14, min(most, fitting))
        self._word.setStyleSheet(f"font-size: {size}px; font-weight: 700; color: {self._ink};")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit_word()


def facts_of(record: InspectionRecord) -> str:
    """The small print under the reason."""
    parts = []
    if record.truth is not None and record.truth.counts is not None:
        iou = record.truth.counts.iou
        parts.append(f"IoU {iou:.3f}" if iou is not None else "IoU: nothing marked, nothing found")
    if record.score is not None:
        parts.append(f"score {record.score:.2f}")
    if record.other_goldens:
        parts.append(f"{1 + len(record.other_goldens)} goldens")
    parts.append(f"{record.timing.total_ms:.0f} ms")
    parts.append(f"#{record.id}")
    if record.attempt > 1:
        parts.append(f"attempt {record.attempt}")
    return "  ·  ".join(parts)


def decided(record: InspectionRecord) -> str:
    """What a person decided."""
    entry = record.disposition
    if entry is None:
        return ""
    who = f" by {entry.reviewer}" if entry.reviewer else ""
    why = f": {entry.reason}" if entry.reason else ""
    stands = final_verdict(record.verdict, entry.disposition)
    return f"Decided{who}: {entry.disposition.value}{why}. Stands as {stands.value}."


class VerdictPanel(QWidget):
    """The card with the preview line, the defect steps and the decision keys."""

    defect_stepped = Signal(int)
    decided = Signal(object)

    def __init__(self, parent: QWidget | None = None, *, compact: bool = False) -> None:
        """``compact`` is for beside a table: a smaller card, the decisions in one row."""
        super().__init__(parent)
        self._theme = LIGHT
        self.card = VerdictCard(compact=compact)
        self._previous = QToolButton()
        self._previous.setToolTip("Previous defect  ·  Page up")
        self._next = QToolButton()
        self._next.setToolTip("Next defect  ·  Page down")
        self.defect_text = label("", "small", wrap=True)
        self._previous.clicked.connect(lambda: self.defect_stepped.emit(-1))
        self._next.clicked.connect(lambda: self.defect_stepped.emit(1))
        self._buttons: dict[Disposition, QPushButton] = {}
        grid = QGridLayout()
        grid.setSpacing(6)
        for index, (disposition, text, key, _) in enumerate(DECISIONS):
            made = button(text, tip=f"{disposition.value.capitalize()}  ·  {key}")
            made.clicked.connect(lambda checked=False, what=disposition: self.decided.emit(what))
            made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self._buttons[disposition] = made
            grid.addWidget(made, *((0, index) if compact else (index // 2, index % 2)))
        layout = column(self.card, spacing=8)
        layout.addLayout(row(self._previous, self._next, self.defect_text, spacing=6))
        layout.addLayout(grid)
        self.setLayout(layout)

    def set_theme(self, theme: Theme) -> None:
        """Colours of the icons; the card is filled anew by its owner."""
        self._theme = theme
        self._previous.setIcon(icon("prev", theme.text))
        self._next.setIcon(icon("next", theme.text))

    def show_defects(
        self,
        defects: tuple[Defect, ...],
        chosen: int | None,
        um_per_px: float | None,
        *,
        preview: bool = False,
    ) -> None:
        """Where the steps stand; defects of a ``preview`` are named so, for the card and the decisions are of the record."""
        for step in (self._previous, self._next):
            step.setEnabled(bool(defects))
        if not defects:
            text = "No defects"
        elif chosen is None:
            text = f"{len(defects)} defect{'s' if len(defects) > 1 else ''}"
        else:
            defect = defects[chosen]
            place = f", {defect.region}" if defect.region else ""
            area = area_text(defect.area_px, um_per_px)
            text = f"{chosen + 1} of {len(defects)}: {area}, score {defect.score_max:.2f}{place}"
        self.defect_text.setText(f"Preview: {text[0].lower()}{text[1:]}" if preview else text)

    def show_decisions(self, possible: frozenset[Disposition]) -> None:
        """What a person may decide now."""
        for disposition, made in self._buttons.items():
            made.setEnabled(disposition in possible)

    def decision_button(self, disposition: Disposition) -> QPushButton:
        """For tests and keys."""
        return self._buttons[disposition]
