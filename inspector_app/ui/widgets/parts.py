"""Labels, buttons and frames as the style sheet knows them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)


def label(text: str = "", kind: str = "", *, wrap: bool = False) -> QLabel:
    """Plain text in one of the sheet's kinds; never rich text, as it may hold file names."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if kind:
        made.setProperty("kind", kind)
    return made


def button(
    text: str, on_click: Callable[[], None] | None = None, kind: str = "", tip: str = ""
) -> QPushButton:
    """A push button; its tip should end in the key that does the same."""
    made = QPushButton(text)
    made.setAutoDefault(False)
    if kind:
        made.setProperty("kind", kind)
    if tip:
        made.setToolTip(tip)
    if on_click is not None:
        made.clicked.connect(lambda checked: on_click())
    return made


def frame(kind: str) -> QFrame:
    """A styled container."""
    made = QFrame()
    made.setProperty("kind", kind)
    return made


def rule(vertical: bool = False) -> QFrame:
    """A hairline."""
    return frame("vrule" if vertical else "rule")


def row(
    *items: QWidget | int, spacing: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QHBoxLayout:
    """Widgets side by side; an int is a stretch."""
    layout = QHBoxLayout()
    _fill(layout, items, spacing, margins)
    return layout


def column(
    *items: QWidget | int, spacing: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QVBoxLayout:
    """Widgets below one another; an int is a stretch."""
    layout = QVBoxLayout()
    _fill(layout, items, spacing, margins)
    return layout


def _fill(
    layout: QBoxLayout, items: tuple[QWidget | int, ...], spacing: int, margins: tuple[int, int, int, int]
) -> None:
    layout.setSpacing(spacing)
    layout.setContentsMargins(*margins)
    for item in items:
        if isinstance(item, int):
            layout.addStretch(item)
        else:
            layout.addWidget(item)
