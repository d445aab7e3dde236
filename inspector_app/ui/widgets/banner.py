"""A quiet line above the page that tells what went wrong, and goes when it is dismissed or old."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from inspector_app.core.verdict import Verdict
from inspector_app.ui.errors import Notice, Tone
from inspector_app.ui.theme import LIGHT, Theme
from inspector_app.ui.widgets.icons import icon
from inspector_app.ui.widgets.parts import label

INFO_MS = 6000


class Banner(QFrame):
    """Shows one notice at a time; a newer one takes its place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = LIGHT
        self.notice: Notice | None = None
        self._icon = QLabel()
        self._text = label("", "", wrap=True)
        self._dismiss = QToolButton()
        self._dismiss.setProperty("kind", "small")
        self._dismiss.setToolTip("Dismiss  ·  Esc")
        self._dismiss.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 4, 6, 4)
        layout.setSpacing(10)
        layout.addWidget(self._icon)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._dismiss)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Colours."""
        self._theme = theme
        self._dismiss.setIcon(icon("close", theme.text_2))
        if self.notice is not None:
            self._paint_notice(self.notice)

    def show_notice(self, notice: Notice) -> None:
        """Tell it."""
        self.notice = notice
        self._text.setText(f"{notice.text} {notice.hint}".strip())
        self._paint_notice(notice)
        self.show()
        if notice.tone is Tone.INFO:
            self._timer.start(INFO_MS)
        else:
            self._timer.stop()

    def _paint_notice(self, notice: Notice) -> None:
        theme = self._theme
        background, edge = {
            Tone.INFO: (theme.accent_quiet, theme.accent),
            Tone.WARNING: (theme.review.quiet, theme.review.solid),
            Tone.ERROR: (theme.verdict(Verdict.FAIL).quiet, theme.failed.solid),
        }[notice.tone]
        name = "info" if notice.tone is Tone.INFO else "warning"
        self._icon.setPixmap(icon(name, theme.text).pixmap(22, 22))
        self.setStyleSheet(
            f"Banner {{ background: {background}; border: none; border-left: 4px solid {edge}; }}"
        )

    def dismiss(self) -> None:
        """Take it away."""
        self._timer.stop()
        self.notice = None
        self.hide()
