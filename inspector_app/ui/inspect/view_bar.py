"""Under the pictures: how the mask is shown, and where the view is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QSlider, QToolButton, QWidget

from inspector_app.ui.inspect.overlay import HEAT_STOPS, MaskMode
from inspector_app.ui.theme import Theme
from inspector_app.ui.widgets.heat_legend import HeatLegend
from inspector_app.ui.widgets.icons import icon
from inspector_app.ui.widgets.parts import label
from inspector_app.ui.widgets.segments import Segments

MODES = tuple(MaskMode)


@dataclass(frozen=True)
class ViewPrefs:
    """How the mask is shown. ``hidden`` and ``blink`` last while a key is held."""

    mode: MaskMode = MaskMode.FILL
    opacity: float = 0.5
    truth: bool = True
    regions: bool = True
    hidden: bool = False
    blink: bool = False


class ViewBar(QFrame):
    """``changed`` tells new preferences."""

    changed = Signal(object)
    fit = Signal()
    edit_regions = Signal(bool)

    def __init__(self, parent: QWidget | None = None, *, compact: bool = False) -> None:
        """``compact`` leaves out what only the Inspect page has."""
        super().__init__(parent)
        self.setProperty("kind", "foot")
        self.prefs = ViewPrefs()
        self._modes = Segments([mode.value for mode in MODES], "How the mask is shown  ·  F6")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setMinimumWidth(60)
        self.opacity.setMaximumWidth(130)
        self.opacity.setAccessibleName("Mask opacity")
        self.opacity.setToolTip("Mask opacity  ·  Up, Down.  Hold Insert to hide the mask.")
        self.truth = QCheckBox("Truth")
        self.truth.setToolTip("Show the annotation over the test image  ·  F7")
        self.regions = QToolButton()
        self.regions.setText(" Regions")
        self.regions.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.regions.setCheckable(True)
        self.regions.setToolTip("Draw regions to inspect or ignore on the golden  ·  F8")
        self._fit = QToolButton()
        self._fit.setToolTip("Show the whole picture  ·  Home")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 4, 10, 4)
        layout.setSpacing(8)
        if not compact:
            layout.addWidget(label("Mask", "small"))
        layout.addWidget(self._modes)
        if not compact:
            layout.addWidget(label("Opacity", "small"))
        layout.addWidget(self.opacity)
        layout.addWidget(self.truth)
        self.legend = HeatLegend(HEAT_STOPS)
        layout.addWidget(self.legend)
        layout.addStretch(1)
        layout.addWidget(self.regions)
        layout.addWidget(self._fit)
        self.regions.setVisible(not compact)
        self._modes.chosen.connect(lambda index: self.update_prefs(mode=MODES[index]))
        self.opacity.valueChanged.connect(lambda value: self.update_prefs(opacity=value / 100))
        self.truth.toggled.connect(lambda on: self.update_prefs(truth=on))
        self.regions.toggled.connect(self.edit_regions)
        self._fit.clicked.connect(self.fit)
        self.set_prefs(self.prefs)

    def set_theme(self, theme: Theme) -> None:
        """Icons and the legend."""
        self.legend.set_theme(theme)
        self._fit.setIcon(icon("fit", theme.text))
        self.regions.setIcon(icon("region", theme.text))

    def set_prefs(self, prefs: ViewPrefs) -> None:
        """Show preferences, silently."""
        self.prefs = prefs
        self._modes.set_index(MODES.index(prefs.mode))
        self.legend.setVisible(prefs.mode is MaskMode.HEAT)
        for widget in (self.opacity, self.truth):
            widget.blockSignals(True)
        self.opacity.setValue(round(prefs.opacity * 100))
        self.truth.setChecked(prefs.truth)
        for widget in (self.opacity, self.truth):
            widget.blockSignals(False)

    def update_prefs(self, **changes: object) -> None:
        """Change some and tell."""
        prefs = replace(self.prefs, **changes)  # type: ignore[arg-type]
        if prefs != self.prefs:
            self.set_prefs(prefs)
            self.changed.emit(prefs)

    def next_mode(self) -> None:
        """Fill, outline, heat map, and round again."""
        self.update_prefs(mode=MODES[(MODES.index(self.prefs.mode) + 1) % len(MODES)])

    def step_opacity(self, step: float) -> None:
        """By keys."""
        self.update_prefs(opacity=min(1.0, max(0.0, self.prefs.opacity + step)))
