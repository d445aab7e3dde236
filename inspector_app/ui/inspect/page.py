"""The Inspect page: puts the parts together and carries signals between presenters and views."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from inspector_app.core.geometry import Region
from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.verdict import Disposition
from inspector_app.ui.engine import EnginePresenter
from inspector_app.ui.inspect.action_bar import ActionBar
from inspector_app.ui.inspect.counters import CountersPanel, CountersPresenter
from inspector_app.ui.inspect.identity_bar import IdentityBar
from inspector_app.ui.inspect.layers import golden_layers, pair_layers
from inspector_app.ui.inspect.limits_panel import LimitsPanel
from inspector_app.ui.inspect.live import LiveState
from inspector_app.ui.inspect.live_control import LiveControl
from inspector_app.ui.inspect.pair_view import PairView
from inspector_app.ui.inspect.presenter import InspectPresenter
from inspector_app.ui.inspect.region_editor import RegionBar, RegionEditor
from inspector_app.ui.inspect.verdict_panel import VerdictPanel
from inspector_app.ui.inspect.view_bar import ViewBar, ViewPrefs
from inspector_app.ui.inspect.welcome import Welcome
from inspector_app.ui.theme import LIGHT, Theme
from inspector_app.ui.widgets.parts import column, frame, rule
from inspector_app.ui.work import Shown

SIDE_WIDTH = 324
WIDE_SIDE = 380


class InspectPage(QWidget):
    """Views read the presenters after their signals; the page only wires."""

    reason_wanted = Signal(object)

    def __init__(
        self,
        pair: InspectPresenter,
        engine: EnginePresenter,
        live: LiveControl,
        counters: CountersPresenter,
        station: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._pair, self._engine, self._live, self._counters = pair, engine, live, counters
        self._theme = LIGHT
        self._live_state = live.state
        self.actions_bar = ActionBar()
        self.identity = IdentityBar(station)
        self.view = PairView()
        self.view_bar = ViewBar()
        self.verdict = VerdictPanel()
        self.limits = LimitsPanel()
        self.totals = CountersPanel()
        self.editor = RegionEditor(self._regions_drawn)
        self.region_bar = RegionBar()
        self.region_bar.hide()
        self.welcome = Welcome(self.view)
        self._assemble()
        self._wire_presenters()
        self._wire_views()

    def _assemble(self) -> None:
        identity = frame("bar")
        holder = QHBoxLayout(identity)
        holder.setContentsMargins(12, 5, 12, 5)
        holder.addWidget(self.identity)
        left = column(identity, spacing=0)
        left.addWidget(self.region_bar)
        left.addWidget(self.view, 1)
        left.addWidget(self.view_bar)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addLayout(left, 1)
        middle.addWidget(self._side())
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.actions_bar)
        whole.addLayout(middle, 1)

    def _side(self) -> QWidget:
        inner = frame("plain")
        parts = column(self.verdict, rule(), spacing=8, margins=(12, 10, 12, 10))
        parts.addWidget(self.limits)
        parts.addWidget(rule())
        parts.addWidget(self.totals)
        parts.addStretch(1)
        inner.setLayout(parts)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._side_frame = frame("side")
        self._side_frame.setFixedWidth(SIDE_WIDTH)
        self._side_frame.setLayout(column(scroll))
        return self._side_frame

    def _wire_presenters(self) -> None:
        self._pair.pair_changed.connect(self._show_pair)
        self._pair.outcome_changed.connect(self._show_outcome)
        self._pair.setup_changed.connect(self._show_setup)
        self._pair.busy_changed.connect(self.actions_bar.show_busy)
        self._pair.part_done.connect(self.actions_bar.show_part)
        self._pair.recorded.connect(self._counters.recorded)
        self._pair.identity_taken.connect(self.identity.taken)
        self._pair.recorded.connect(self._recorded)
        self._counters.changed.connect(self._show_counters)
        self._engine.changed.connect(self._show_outcome)
        self._live.changed.connect(self._show_live)

    def _wire_views(self) -> None:
        self.actions_bar.inspect.connect(self._live.trigger)
        self.actions_bar.continuous.connect(self._live.set_continuous)
        self.actions_bar.use_as_golden.connect(self._pair.use_test_as_golden)
        self.identity.scanned.connect(self._scanned)
        self.limits.moved.connect(self._pair.set_limits)
        self.limits.reset.connect(lambda: self._pair.set_setup(self._pair.setup.reset()))
        self.verdict.defect_stepped.connect(self.step_defect)
        self.verdict.decided.connect(self.decide)
        self.view.golden_dropped.connect(lambda paths: self._pair.open_golden(paths[0]))
        self.view.test_dropped.connect(self._test_dropped)
        self.view_bar.changed.connect(self._prefs_changed)
        self.view_bar.fit.connect(self.view.fit)
        self.view_bar.edit_regions.connect(self._edit_regions)
        self.region_bar.mode_chosen.connect(self._region_mode)
        self.region_bar.undo.connect(self.undo_region)
        self.region_bar.clear.connect(self.editor.clear)
        self.region_bar.done.connect(lambda: self.view_bar.regions.setChecked(False))

    def _test_dropped(self, paths: tuple[Path, ...]) -> None:
        path = paths[0]
        truth = path.suffix.lower() == ".json" or path.stem.endswith("_mask")
        (self._pair.open_truth if truth else self._pair.open_test)(path)

    def _recorded(self, record: InspectionRecord) -> None:
        once = self._live.continuous and self._live.running
        self.identity.recorded(record.identity.serial, once=once)

    def _scanned(self) -> None:
        self.identity.taken()
        self._live.scanned()

    # What operators do by key or button

    def step_defect(self, step: int) -> None:
        """Choose a defect and zoom to it."""
        defect = self._pair.step_defect(step)
        if defect is not None:
            self.view.look_at(defect.box)

    def decide(self, disposition: Disposition) -> None:
        """A person's decision; some ask for a reason first."""
        if disposition not in self._pair.decisions:
            return
        if disposition in (Disposition.ACCEPTED, Disposition.REPAIRED):
            self.reason_wanted.emit(disposition)
        else:
            self._pair.dispose(disposition)

    # Regions

    def _edit_regions(self, on: bool) -> None:
        if on and self._pair.golden is None:
            self.view_bar.regions.setChecked(False)
            return
        self.region_bar.setVisible(on)
        self.editor.drawing = []
        self.view.golden.set_tool(self.editor if on else None)
        if on:
            # So that undo is the drawing's and not the scan field's.
            self.view.golden.setFocus()
        self._show_layers()

    def _region_mode(self, mode: str) -> None:
        self.editor.mode = "ignore" if mode == "ignore" else "inspect"

    def enter(self) -> None:
        """Space or Enter: close the region being drawn, else inspect."""
        if self.editor.drawing:
            self.editor.close()
            self._show_layers()
        else:
            self._live.trigger()

    def undo_region(self) -> None:
        """Take back the last corner or region while drawing."""
        if self.view_bar.regions.isChecked():
            self.editor.undo()
            self.view.golden.update()

    def _regions_drawn(self, regions: tuple[Region, ...]) -> None:
        self._pair.set_setup(self._pair.setup.with_regions(regions))

    # Showing

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._side_frame.setFixedWidth(SIDE_WIDTH if self.width() < 1400 else WIDE_SIDE)
        self._place_welcome()

    def _place_welcome(self) -> None:
        self.welcome.adjustSize()
        room = self.view.rect()
        self.welcome.move(room.center() - self.welcome.rect().center())

    def _prefs_changed(self, prefs: ViewPrefs) -> None:
        self._show_pair()
        self._show_layers()

    def set_theme(self, theme: Theme) -> None:
        """Colours and icons of every part."""
        self._theme = theme
        for part in (self.actions_bar, self.view, self.view_bar, self.verdict):
            part.set_theme(theme)
        for show in (
            self._show_pair,
            self._show_outcome,
            self._show_setup,
            self._show_counters,
            self._show_live,
        ):
            show()

    def _show_pair(self) -> None:
        golden, test = self._pair.golden, self._pair.test
        self.view.show_golden(golden.picture if golden else None, title_of(golden) if golden else "")
        live = self._live.state is LiveState.RUNNING and self._pair.outcome is None
        if self.view_bar.prefs.blink and golden is not None:
            self.view.show_test(golden.picture, f"{golden.frame.name} (golden)")
        else:
            name = ("LIVE   " if live else "") + (title_of(test) if test else "")
            self.view.show_test(test.picture if test else None, name)
        self.editor.size = (golden.frame.width, golden.frame.height) if golden else (0, 0)
        guided = golden is None and test is None
        self.view.golden.set_empty_text("" if guided else "Drop a golden here, or press Golden")
        self.view.test.set_empty_text("" if guided else "Drop a test image here, press Test, or start Live")
        self.welcome.setVisible(guided)

    def _show_outcome(self) -> None:
        self._show_card()
        preview = self._pair.preview
        self.limits.show_preview(preview.result if preview else None)
        self.verdict.show_defects(
            self._pair.defects,
            self._pair.chosen,
            self._pair.setup.um_per_px,
            preview=preview is not None,
        )
        self.verdict.show_decisions(self._pair.decisions)
        self._show_layers()

    def _show_card(self) -> None:
        live = self._live.state is LiveState.RUNNING
        self.actions_bar.show_ready(self._pair.busy or self._pair.can_inspect(with_test=not live))
        outcome = self._pair.outcome
        if outcome is not None:
            self.verdict.card.show_record(outcome.record, self._theme)
        elif self._pair.not_recorded:
            self.verdict.card.show_problem(self._theme, "Not recorded", self._pair.not_recorded)
        elif self._engine.loading:
            self.verdict.card.show_idle(
                self._theme, "Loading model", f"{self._engine.model} is being loaded."
            )
        elif self._engine.service is None:
            self.verdict.card.show_idle(self._theme, "No model", self._next_step())
        else:
            self.verdict.card.show_idle(
                self._theme, "Ready" if self._is_ready() else "No verdict yet", self._next_step()
            )

    def _is_ready(self) -> bool:
        return self._pair.can_inspect() and not self._live.old_frame

    def _next_step(self) -> str:
        if self._engine.service is None:
            return "No model is loaded, so nothing can be inspected. Choose one at the foot of the window."
        if self._pair.golden is None:
            return "Open a golden, or choose a recipe."
        if self._pair.test is None:
            return "Open a test image, or start the live source."
        if self._live.old_frame:
            return "An old picture of the live source. Start it again, or open a test image."
        if self._live.running:
            return "Live. Inspect, Space or F5 takes the newest frame."
        return "Press Inspect, Space or F5."

    def _show_layers(self) -> None:
        prefs, theme = self.view_bar.prefs, self._theme
        self.editor.regions = self._pair.setup.regions
        editor = self.editor if self.view_bar.regions.isChecked() else None
        self.view.set_layers(
            golden_layers(self._pair.setup.regions, self.editor.chosen, editor, prefs, theme),
            pair_layers(self._pair.shown, self._pair.setup.regions, self._pair.chosen, prefs, theme),
        )

    def _show_setup(self) -> None:
        self.limits.show_setup(self._pair.setup)
        self._show_layers()

    def _show_counters(self) -> None:
        self.totals.show_counters(self._counters.totals, self._counters.recent, self._theme)

    def _show_live(self) -> None:
        self.actions_bar.show_live(self._live.state, self._live.running, self._theme)
        if self._live.state is not self._live_state:
            self._live_state = self._live.state
            self._show_pair()
            self._show_card()


def title_of(shown: Shown) -> str:
    """A file's name with its folder, which often says the kind; a live frame's own name."""
    path = shown.frame.path
    return f"{path.parent.name}/{path.name}" if path is not None else shown.frame.name
