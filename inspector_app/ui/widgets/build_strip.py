"""A quiet line over the foot while TensorRT's plan is built: what, how far, how long, and a way to end it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QProgressBar, QWidget

from inspector_app.ui.plan_build import Building, duration
from inspector_app.ui.widgets.parts import button, label, row

BAR_WIDTH = 220
PER_MILLE = 1000


class BuildStrip(QFrame):
    """Hidden unless something is built."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "foot")
        self.text = label("", "small")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(BAR_WIDTH)
        self.figures = label("", "small")
        self.figures.setMinimumWidth(96)
        self.cancel = button("Cancel", self.cancelled.emit, kind="link", tip="Build it at another time")
        layout = row(self.text, 1, self.bar, self.figures, self.cancel, spacing=12, margins=(14, 2, 10, 2))
        self.setLayout(layout)
        self.hide()

    def show_building(self, building: Building | None, serving: str) -> None:
        """``serving`` names the engine that serves meanwhile, "" when none does."""
        self.setVisible(building is not None)
        if building is None:
            return
        meanwhile = (
            f"Inspect as usual: {serving} serves meanwhile."
            if serving
            else "Nothing can be inspected until then."
        )
        doing = "Stopping" if building.stopping else "Preparing"
        self.text.setText(f"{doing} TensorRT for {building.model}, once for this GPU. {meanwhile}")
        known = building.fraction is not None
        # Without an end the bar runs to and fro.
        self.bar.setRange(0, PER_MILLE if known else 0)
        self.bar.setValue(int((building.fraction or 0.0) * PER_MILLE))
        percent = f"{building.fraction or 0.0:.0%}   " if known else ""
        self.figures.setText(f"{percent}{duration(building.elapsed_s)}")
        self.cancel.setEnabled(not building.stopping)
