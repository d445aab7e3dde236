"""A record shown again: the pair with its stored mask, its verdict, its defects, a person's decision."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from inspector_app.core.inspection import DispositionEntry, Identity, InspectionRecord
from inspector_app.core.verdict import Disposition, open_decisions
from inspector_app.ui.inspect.layers import mask_layers
from inspector_app.ui.inspect.overlay import DefectsLayer, RegionsLayer
from inspector_app.ui.inspect.pair_view import PairView
from inspector_app.ui.inspect.verdict_panel import VerdictPanel
from inspector_app.ui.inspect.view_bar import ViewBar
from inspector_app.ui.records.recall import Recalled, recall
from inspector_app.ui.theme import LIGHT, Theme
from inspector_app.ui.tools import PICTURE_LANE, RECORD_LANE, Tools
from inspector_app.ui.widgets.canvas import Layer
from inspector_app.ui.widgets.parts import frame, label


class RecordPresenter(QObject):
    """Which record is shown, and what a person decides on it."""

    changed = Signal()
    disposed = Signal(object)

    def __init__(self, tools: Tools, colour: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tools = tools
        self._colour = colour
        self.record: InspectionRecord | None = None
        self.recalled: Recalled | None = None
        self.chosen: int | None = None
        self.identity = Identity()

    def show_record(self, record: InspectionRecord | None) -> None:
        """Another record; what it looks like follows."""
        self.record, self.recalled, self.chosen = record, None, None
        self.changed.emit()
        if record is None:
            return
        inspector, colour = self._tools.inspector, self._colour
        self._tools.runner.submit(
            PICTURE_LANE,
            lambda context: recall(inspector, record, colour),
            self._recalled,
            self._tools.errors.failure,
            key=f"recall-{id(self)}",
        )

    def _recalled(self, recalled: Recalled) -> None:
        if self.record is not None and recalled.record.id == self.record.id:
            self.recalled = recalled
            self.changed.emit()

    def step(self, by: int) -> None:
        """Next or previous defect."""
        if self.recalled is not None and self.recalled.defects:
            start = -1 if self.chosen is None and by > 0 else (self.chosen or 0)
            self.chosen = (start + by) % len(self.recalled.defects)
            self.changed.emit()

    @property
    def decisions(self) -> frozenset[Disposition]:
        """What a person can decide on the record that is shown."""
        return frozenset() if self.record is None else open_decisions(self.record.verdict)

    def dispose(self, disposition: Disposition, reason: str = "", of: InspectionRecord | None = None) -> None:
        """Record a decision on ``of``, or on the record that is shown."""
        record = of or self.record
        if record is None or disposition not in open_decisions(record.verdict):
            return
        entry = DispositionEntry(
            disposition, self.identity.operator, reason, self._tools.inspector.clock.now()
        )
        store, record_id = self._tools.inspector.store, record.id
        self._tools.runner.submit(
            RECORD_LANE,
            lambda context: store.dispose(record_id, entry),
            self._disposed,
            self._tools.errors.failure,
        )

    def _disposed(self, record: InspectionRecord) -> None:
        if self.record is not None and self.record.id == record.id:
            self.record = record
            self.changed.emit()
        self.disposed.emit(record)


class RecordPane(QFrame):
    """Draws what its presenter holds."""

    reason_wanted = Signal(object)

    def __init__(self, presenter: RecordPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "side")
        self.presenter = presenter
        self._theme = LIGHT
        self.view = PairView()
        self.view_bar = ViewBar(compact=True)
        self.verdict = VerdictPanel(compact=True)
        self._notes = label("", "small", wrap=True)
        below = frame("plain")
        inner = QVBoxLayout(below)
        inner.setContentsMargins(12, 10, 12, 10)
        inner.addWidget(self.verdict)
        inner.addWidget(self._notes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.view_bar)
        layout.addWidget(below)
        presenter.changed.connect(self._show)
        self.view_bar.changed.connect(lambda prefs: self._show_layers())
        self.view_bar.fit.connect(self.view.fit)
        self.verdict.defect_stepped.connect(self.step)
        self.verdict.decided.connect(self.decide)

    def step(self, by: int) -> None:
        """Next or previous defect, zoomed to."""
        self.presenter.step(by)
        recalled, chosen = self.presenter.recalled, self.presenter.chosen
        if recalled is not None and chosen is not None:
            self.view.look_at(recalled.defects[chosen].box)

    def decide(self, disposition: Disposition) -> None:
        """Record a decision, some after asking for a reason."""
        if disposition not in self.presenter.decisions:
            return
        if disposition in (Disposition.ACCEPTED, Disposition.REPAIRED):
            self.reason_wanted.emit(disposition)
        else:
            self.presenter.dispose(disposition)

    def set_theme(self, theme: Theme) -> None:
        """Colours."""
        self._theme = theme
        for part in (self.view, self.view_bar, self.verdict):
            part.set_theme(theme)
        self._show()

    def _show(self) -> None:
        record, recalled = self.presenter.record, self.presenter.recalled
        if record is None:
            self.verdict.card.show_idle(self._theme, "No record chosen", "Choose a row to see its pair.")
        else:
            self.verdict.card.show_record(record, self._theme)
        waiting = "Loading" if record is not None and recalled is None else "No picture"
        golden = recalled.golden if recalled else None
        test = recalled.test if recalled else None
        for canvas, reason in (
            (self.view.golden, recalled.no_golden if recalled else ""),
            (self.view.test, recalled.no_test if recalled else ""),
        ):
            canvas.set_empty_text((reason or waiting) if record else "")
        self.view.show_golden(golden.picture if golden else None, record.golden.name if record else "")
        self.view.show_test(test.picture if test else None, record.image.name if record else "")
        self._notes.setText(" ".join(recalled.notes) if recalled else "")
        self._notes.setVisible(bool(self._notes.text()))
        scale = record.settings.um_per_px if record else None
        self.verdict.show_defects(recalled.defects if recalled else (), self.presenter.chosen, scale)
        self.verdict.show_decisions(self.presenter.decisions)
        self._show_layers()

    def _show_layers(self) -> None:
        recalled, prefs, theme = self.presenter.recalled, self.view_bar.prefs, self._theme
        golden: list[Layer] = []
        test: list[Layer] = []
        if recalled is not None:
            regions = recalled.record.settings.regions
            if regions and recalled.golden is not None:
                golden.append(RegionsLayer(regions, theme.inspect_region, theme.ignore_region))
            if recalled.overlay is not None and not prefs.hidden:
                test += mask_layers(recalled.overlay, prefs, theme)
                test.append(DefectsLayer(recalled.defects, self.presenter.chosen, theme.mask))
        self.view.set_layers(golden, test)
