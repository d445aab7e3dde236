"""How the scores of a batch are spread, by verdict, with the threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.verdict import Verdict
from inspector_app.ui.theme import LIGHT, Theme
from inspector_app.ui.widgets.parts import label

BINS = 40
ORDER = (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)


def histogram(records: Sequence[InspectionRecord]) -> dict[Verdict, NDArray[np.int64]]:
    """Counts in ``BINS`` equal steps from 0 to 1, for each verdict that has a score."""
    counts = {verdict: np.zeros(BINS, dtype=np.int64) for verdict in ORDER}
    for record in records:
        if record.score is not None and record.verdict in counts:
            counts[record.verdict][min(BINS - 1, int(record.score * BINS))] += 1
    return counts


class ScorePlot(QWidget):
    """Stacked bars; the dashed line is the threshold that most of the records were judged by."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = LIGHT
        self._records: Sequence[InspectionRecord] = ()
        self._plot = pg.PlotWidget()
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._text = label("", "dim", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addWidget(label("Scores by verdict", "heading"))
        layout.addWidget(self._plot, 1)
        layout.addWidget(self._text)

    def set_theme(self, theme: Theme) -> None:
        """Colours."""
        self._theme = theme
        self._draw()

    def show_records(self, records: Sequence[InspectionRecord]) -> None:
        """Another batch."""
        self._records = records
        if self.isVisible():
            self._draw()

    @property
    def text(self) -> str:
        """What stands under the plot."""
        return self._text.text()

    def _draw(self) -> None:
        theme, item = self._theme, self._plot.getPlotItem()
        item.clear()
        self._plot.setBackground(theme.surface)
        for side, name in (("bottom", "Score"), ("left", "Images")):
            axis = item.getAxis(side)
            axis.setPen(theme.line_strong)
            axis.setTextPen(theme.text_2)
            axis.setStyle(maxTickLevel=0)  # Parts of an image would be marked beside.
            item.setLabel(side, name, color=theme.text_2)
        self._bars(item)
        threshold = self._threshold()
        if threshold is not None:
            pen = pg.mkPen(theme.text, width=2, style=Qt.PenStyle.DashLine)
            item.addItem(pg.InfiniteLine(threshold, angle=90, pen=pen))
        item.setXRange(0, 1, padding=0.04)  # The 1 has room at the edge.
        item.setLimits(yMin=0)
        self._text.setText(self._story(threshold))

    def _bars(self, item: pg.PlotItem) -> None:
        colours = {
            Verdict.PASS: self._theme.line_strong,
            Verdict.REVIEW: self._theme.review.solid,
            Verdict.FAIL: self._theme.failed.solid,
        }
        below = np.zeros(BINS, dtype=np.int64)
        left = np.arange(BINS) / BINS
        for verdict, counts in histogram(self._records).items():
            brush = QColor(colours[verdict])
            bars = pg.BarGraphItem(x0=left, width=0.9 / BINS, y0=below, height=counts, brush=brush, pen=None)
            item.addItem(bars)
            below = below + counts

    def _threshold(self) -> float | None:
        values = [record.settings.limits.threshold for record in self._records]
        return max(set(values), key=values.count) if values else None

    def _story(self, threshold: float | None) -> str:
        scored = [record for record in self._records if record.score is not None]
        if not scored or threshold is None:
            return "No image has a score."
        errors = len(self._records) - len(scored)
        more = f" {errors:,} could not be inspected and have none." if errors else ""
        return (
            f"{len(scored):,} images. Grey passed, amber is for review, red failed; the dashed line is the "
            f"threshold {threshold:.2f}.{more}"
        )

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        self._draw()
