"""How the live source feeds the page: newest frame shown, inspected on a trigger or one after another."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from inspector_app.core.protocols import FrameSource
from inspector_app.ui.inspect.live import LiveNews, LivePresenter, LiveState
from inspector_app.ui.inspect.presenter import InspectPresenter
from inspector_app.ui.work import Shown


class LiveControl(QObject):
    """Decides what becomes of each frame.

    After a trigger the inspected frame stays on screen (``holding``) until the next trigger or ``resume``.
    """

    changed = Signal()

    def __init__(self, live: LivePresenter, pair: InspectPresenter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._live = live
        self._pair = pair
        self._newest: Shown | None = None
        self.continuous = False
        self.holding = False
        self.text = ""
        self.inspected = 0
        self.passed_over = 0
        live.frame.connect(self._frame)
        live.news.connect(self._news)

    @property
    def running(self) -> bool:
        """Whether a source is in use."""
        return self._live.running

    @property
    def state(self) -> LiveState:
        """How the source stands."""
        return self._live.state

    @property
    def skipped(self) -> int:
        """Frames of this source that were not inspected in continuous mode."""
        return self.passed_over + (self._live.skipped if self.continuous else 0)

    def start(self, source: FrameSource) -> None:
        """Show this source from now on."""
        self._newest, self.holding = None, False
        self.inspected = self.passed_over = 0
        self._live.start(source)

    def stop(self) -> None:
        """Let go of the source; the last frame stays on screen."""
        self._live.stop()
        self.holding = False
        self.changed.emit()

    def set_continuous(self, on: bool) -> None:
        """Inspect each newest frame as soon as the engine is free."""
        self.continuous = on
        self.holding = False
        self.changed.emit()

    def trigger(self) -> bool:
        """Inspect now: the newest frame of a running source, else the test image on screen."""
        if not self._live.running or self._newest is None:
            return self._pair.inspect()
        started = self._pair.inspect(self._newest)
        self.holding = self.holding or started
        self.inspected += 1 if started else 0
        self.changed.emit()
        return started

    def resume(self) -> None:
        """Back from an inspected frame to the live picture."""
        self.holding = False
        if self._live.running and self._newest is not None:
            self._pair.set_test(self._newest)
        self.changed.emit()

    def _frame(self, shown: Shown) -> None:
        self._newest = shown
        if self.continuous and self._pair.golden is not None:
            if self._pair.can_inspect(with_test=False):
                self.inspected += 1
                self._pair.inspect(shown)
            else:
                self.passed_over += 1
            self.changed.emit()
        elif not self.holding and not self._pair.busy:
            self._pair.set_test(shown)

    def _news(self, news: LiveNews) -> None:
        self.text = news.text
        self.changed.emit()


def live_fact(live: LiveControl) -> str:
    """How the source stands, for the window's foot."""
    if live.state is LiveState.RUNNING:
        counts = f", {live.inspected:,} inspected" if live.inspected else ""
        counts += f", {live.skipped:,} passed over" if live.continuous and live.skipped else ""
        hold = ", held: Esc for live" if live.holding else ""
        return f"Live: {live.text}{counts}{hold}"
    if live.state is LiveState.LOST:
        return "Live: source lost, trying again"
    if live.state is LiveState.CONNECTING:
        return "Live: connecting"
    if live.state is LiveState.ENDED:
        return f"Live: {live.text}"
    return ""
