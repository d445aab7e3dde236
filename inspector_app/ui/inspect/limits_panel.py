"""Threshold, least area and review limit; every move judges again."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from inspector_app.core.inspection import InspectionResult
from inspector_app.core.recipe import Limits
from inspector_app.core.verdict import area_text
from inspector_app.ui.inspect.setup import Setup
from inspector_app.ui.widgets.parts import button, column, label, row
from inspector_app.ui.widgets.slider_row import SliderRow, log_steps

LARGEST_AREA = 20000.0


class LimitsPanel(QWidget):
    """``moved`` tells new limits; the owner decides what becomes of them."""

    moved = Signal(object)
    reset = Signal()
    save = Signal()
    more = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._limits = Limits()
        self._um_per_px: float | None = None
        self.threshold = SliderRow(
            "Threshold", 99, lambda s: (s + 1) / 100, lambda v: round(v * 100) - 1, lambda v: f"{v:.2f}"
        )
        to_value, to_step = log_steps(200, LARGEST_AREA)
        self.area = SliderRow(
            "Least area", 200, to_value, to_step, lambda v: area_text(int(v), self._um_per_px)
        )
        self.review = SliderRow(
            "Review from",
            99,
            lambda s: s / 100,
            lambda v: round(v * 100),
            lambda v: f"{v:.2f}" if v else "off",
        )
        self.source = label("", "small", wrap=True)
        self._reset = button(
            "Reset", self.reset.emit, "link", "Back to the recipe, or to the model's limits  ·  Ctrl+R"
        )
        self._save = button(
            "Save as recipe…", self.save.emit, "link", "Save this set-up as a recipe revision  ·  Ctrl+S"
        )
        self.preview = label("", "preview", wrap=True)
        self.preview.hide()
        layout = column(self.source, self.threshold, self.review, self.area, self.preview, spacing=5)
        more = button(
            "More…", self.more.emit, "link", "Alignment, view, goldens, defects allowed, scale  ·  Ctrl+P"
        )
        layout.addLayout(row(self._save, 1, more, self._reset))
        self.setLayout(layout)
        for slider in (self.threshold, self.area, self.review):
            slider.moved.connect(lambda value: self._moved())

    def _moved(self) -> None:
        threshold = self.threshold.value
        review: float | None = self.review.value or None
        if review is not None and review >= threshold:
            review = round(threshold - 0.01, 2) if threshold > 0.01 else None
        limits = Limits(
            threshold=threshold,
            review_threshold=review,
            min_area_px=int(self.area.value),
            max_defects=self._limits.max_defects,
        )
        self.moved.emit(limits)

    def show_setup(self, setup: Setup) -> None:
        """The limits on screen and where they come from."""
        self._limits, self._um_per_px = setup.limits, setup.um_per_px
        self.threshold.set_value(setup.limits.threshold)
        self.area.set_value(setup.limits.min_area_px)
        self.review.set_value(setup.limits.review_threshold or 0.0)
        self.source.setText(source_text(setup))
        self._reset.setEnabled(setup.changed or (setup.recipe is None and setup.touched))

    def show_preview(self, result: InspectionResult | None) -> None:
        """What the limits on screen would say; below the sliders, so that they stay under the hand."""
        self.preview.setVisible(result is not None)
        if result is not None:
            iou = result.truth.counts.iou if result.truth and result.truth.counts else None
            measured = "" if iou is None else f" (IoU {iou:.3f})"
            self.preview.setText(f"Preview, not recorded: {result.verdict.value}, {result.reason}{measured}")


def source_text(setup: Setup) -> str:
    """Where the limits come from, and whether they decide."""
    if setup.recipe is None:
        return "Set here, in force from the next inspection" if setup.touched else "The model's own limits"
    name = f"{setup.recipe.recipe.name}, revision {setup.recipe.revision}"
    return f"Preview only: {name} decides until you save" if setup.changed else name
