"""A named slider with its value in words."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSlider, QVBoxLayout, QWidget

from inspector_app.ui.widgets.parts import label, row


class SliderRow(QWidget):
    """``moved`` tells each value while a person drags or steps; setting a value is silent."""

    moved = Signal(float)

    def __init__(
        self,
        name: str,
        steps: int,
        to_value: Callable[[int], float],
        to_step: Callable[[float], int],
        text: Callable[[float], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._to_value, self._to_step, self._text = to_value, to_step, text
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, steps)
        self.slider.setAccessibleName(name)
        self._shown = label("", "small")
        self._shown.setAlignment(Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row(label(name, "small"), 1, self._shown))
        layout.addWidget(self.slider)
        self.slider.valueChanged.connect(self._changed)

    def _changed(self, step: int) -> None:
        value = self._to_value(step)
        self._shown.setText(self._text(value))
        self.moved.emit(value)

    def set_value(self, value: float) -> None:
        """Show a value; the text is exact even where the slider's steps are not."""
        self.slider.blockSignals(True)
        self.slider.setValue(self._to_step(value))
        self.slider.blockSignals(False)
        self._shown.setText(self._text(value))

    @property
    def value(self) -> float:
        """Of the slider's step."""
        return self._to_value(self.slider.value())

    @property
    def value_text(self) -> str:
        """As shown."""
        return self._shown.text()


def log_steps(steps: int, largest: float) -> tuple[Callable[[int], float], Callable[[float], int]]:
    """Whole numbers from 1 to ``largest``, closer together at the small end."""

    def to_value(step: int) -> float:
        return float(round(math.exp(step / steps * math.log(largest))))

    def to_step(value: float) -> int:
        return round(math.log(max(1.0, min(largest, value))) / math.log(largest) * steps)

    return to_value, to_step
