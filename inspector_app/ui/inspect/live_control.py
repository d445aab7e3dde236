"""How the live source feeds the page: newest frame shown, inspected on a trigger or one after another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from inspector_app.core.errors import OperatorError
from inspector_app.core.inspection import Identity
from inspector_app.core.protocols import FrameSource
from inspector_app.ui.errors import ErrorFunnel
from inspector_app.ui.inspect.live import LiveNews, LivePresenter, LiveState
from inspector_app.ui.inspect.presenter import InspectPresenter
from inspector_app.ui.work import Shown


@dataclass(frozen=True, eq=False)
class _Asked:
    """A trigger that waits for the engine, or (``frame`` None) for a frame newer than the last inspected."""

    identity: Identity
    frame: Shown | None


class LiveControl(QObject):
    """Decides what becomes of each frame.

    A frame is inspected once, and only while its source runs: an old picture must not pass for the part that
    lies there now. After a trigger the inspected frame stays on screen (``holding``) until the next trigger or
    ``resume``.
    """

    changed = Signal()

    def __init__(
        self, live: LivePresenter, pair: InspectPresenter, errors: ErrorFunnel, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._live = live
        self._pair = pair
        self._errors = errors
        self._newest: Shown | None = None
        self._on_screen: Shown | None = None
        self._asked: _Asked | None = None
        self._serial = ""
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
        self.holding = False
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
        self._serial = ""
        self.changed.emit()

    @property
    def old_frame(self) -> bool:
        """Whether the test image on screen is a frame of a source that does not run any more."""
        test = self._pair.test
        return test is not None and test is self._on_screen and self.state is not LiveState.RUNNING

    def trigger(self) -> bool:
        """Inspect now: the newest frame of a running source, else the test image on screen.

        False when nothing was started: it waits for a newer frame or for the engine, or the reason was told.
        """
        if self.old_frame or (self._live.running and self.state is not LiveState.RUNNING):
            return self._refuse("The live source gives no pictures now, so there is nothing to inspect.")
        if not self._live.running:
            return self._pair.inspect()
        if not self._pair.busy and not self._pair.can_inspect(with_test=False):
            return self._pair.inspect()
        if self._asked is not None:
            return self._refuse("An inspection is waiting for the next picture already.")
        frame, self._newest = self._newest, None
        self._pair.identity_taken.emit()
        if self._pair.busy or frame is None:
            self._asked = _Asked(self._pair.identity, frame)
            return False
        return self._inspect(frame, self._pair.identity)

    def _refuse(self, text: str) -> bool:
        hint = "" if self._asked else "Start the source again, or open a test image."
        self._errors.error(OperatorError("no_new_frame", text, hint))
        return False

    def scanned(self) -> None:
        """A serial was entered: inspect. One after another, it goes with the next frame."""
        if self.continuous and self._live.running:
            self._serial = self._pair.identity.serial
        else:
            self.trigger()

    def resume(self) -> None:
        """Back from an inspected frame to the live picture."""
        self.holding = False
        if self._newest is not None:
            self._show(self._newest)
        self.changed.emit()

    def _show(self, shown: Shown) -> None:
        self._on_screen = shown
        self._pair.set_test(shown)

    def _inspect(self, shown: Shown, identity: Identity) -> bool:
        self._on_screen = shown
        started = self._pair.inspect(shown, identity)
        self.inspected += 1 if started else 0
        self.holding = self.holding or (started and not self.continuous)
        self.changed.emit()
        return started

    def _frame(self, shown: Shown) -> None:
        asked, free = self._asked, self._pair.can_inspect(with_test=False)
        if asked is not None and free:
            self._asked, self._newest = None, shown if asked.frame is not None else None
            self._inspect(asked.frame or shown, asked.identity)
        elif asked is not None and asked.frame is None:
            self._asked = replace(asked, frame=shown)
        elif self.continuous and free:
            self._newest = None
            serial, self._serial = self._serial, ""
            self._inspect(shown, replace(self._pair.identity, serial=serial))
        else:
            self._newest = shown
            self._not_inspected(shown)

    def _not_inspected(self, shown: Shown) -> None:
        if self.continuous and self._pair.golden is not None:
            self.passed_over += 1
            self.changed.emit()
        elif not self.holding and not self._pair.busy:
            self._show(shown)

    def _news(self, news: LiveNews) -> None:
        self.text = news.text
        if news.state is not LiveState.RUNNING:
            waited, self._asked, self._newest = self._asked is not None, None, None
            if waited:
                self._refuse("No new picture came, so nothing was inspected.")
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
