"""Tells a barcode wedge's typing from a person's by its speed, and takes it out of the field it fell into."""

from __future__ import annotations

import time

from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

GAP_MS = 50
"""Wedges send a key every 5 to 30 ms; people are slower, above all over a whole code."""
LEAST_KEYS = 4


class ScanBurst:
    """The keys that came last into one text field, each soon after the one before.

    They are left to the field until Enter shows that they were a scan, so that a person's typing never lags.
    """

    def __init__(self) -> None:
        self._field: QLineEdit | None = None
        self._before = ""
        self._code = ""
        self._last_ms = 0.0

    def typed(self, widget: QWidget, event: QKeyEvent) -> None:
        """A key on its way into ``widget``."""
        if not isinstance(widget, QLineEdit):
            self._field = None
            return
        now = _time_of(event)
        if widget is not self._field or now - self._last_ms > GAP_MS:
            self._field, self._before, self._code = widget, widget.text(), ""
        self._code += event.text()
        self._last_ms = now

    def entered(self, widget: QWidget, event: QKeyEvent) -> str:
        """Enter: the code when it ends a scan, with the field as it was before; else ""."""
        field, self._field = self._field, None
        fast = _time_of(event) - self._last_ms <= GAP_MS
        if field is None or widget is not field or not fast or len(self._code) < LEAST_KEYS:
            return ""
        field.setText(self._before)
        return self._code


def _time_of(event: QKeyEvent) -> float:
    """When the key was struck; where the platform does not say, when it arrived."""
    return float(event.timestamp()) or time.monotonic() * 1000.0
