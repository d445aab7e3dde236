"""The live source: a loop in a worker that always holds the newest frame, and what the window knows of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QObject, Signal

from inspector_app.core.errors import InspectorError, KeeperError, OperatorError
from inspector_app.core.protocols import FrameSource
from inspector_app.ui.jobs import Failure, Job, JobContext
from inspector_app.ui.tools import LIVE_LANE, Tools
from inspector_app.ui.work import Shown

GRAB_TIMEOUT_S = 0.25
RETRY_S = (0.5, 1.0, 2.0, 5.0)


class LiveState(Enum):
    """How the source stands."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    RUNNING = "running"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True)
class LiveNews:
    """A change of state, with a sentence for the screen."""

    state: LiveState
    text: str = ""


class Mailbox:
    """Holds the newest frame only; frames that nobody took are counted, not lost in silence."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frame: Shown | None = None
        self._fresh = False
        self._skipped = 0

    def put(self, frame: Shown) -> bool:
        """True when the reader must be woken, False when it has not yet taken the last one."""
        with self._lock:
            waiting = self._fresh
            self._skipped += 1 if waiting else 0
            self._frame, self._fresh = frame, True
            return not waiting

    def take(self) -> Shown | None:
        """The newest frame, once."""
        with self._lock:
            frame = self._frame if self._fresh else None
            self._fresh = False
            return frame

    @property
    def skipped(self) -> int:
        """Frames that were replaced before they were taken."""
        with self._lock:
            return self._skipped


@dataclass(frozen=True)
class _Wake:
    """A frame lies in the mailbox."""


class LiveLoop:
    """Grabs until cancelled or ended; a lost source is opened again, with growing pauses. For a worker.

    ``note`` keeps what happened to the source for later.
    """

    def __init__(
        self, source: FrameSource, mailbox: Mailbox, context: JobContext, note: Callable[[str], None]
    ) -> None:
        self._source, self._mailbox, self._context, self._note = source, mailbox, context, note
        self._tries = 0

    def run(self) -> LiveNews:
        """How it ended."""
        source, context = self._source, self._context
        while not context.cancelled():
            try:
                context.report(LiveNews(LiveState.CONNECTING, f"Connecting to {source.name}"))
                source.open()
                context.report(LiveNews(LiveState.RUNNING, source.name))
                if self._grab_all():
                    return LiveNews(LiveState.ENDED, f"{source.name} has ended")
            except OperatorError as error:
                self._lost(error)
            finally:
                source.close()
        return LiveNews(LiveState.STOPPED)

    def _lost(self, error: OperatorError) -> None:
        pause = RETRY_S[min(self._tries, len(RETRY_S) - 1)]
        if self._tries == 0:
            self._tell(f"{self._source.name} was lost: {error.message}")
        self._tries += 1
        text = f"{error.message} Trying again in {pause:g} s."
        self._context.report(LiveNews(LiveState.LOST, text))
        self._context.wait(pause)

    def _grab_all(self) -> bool:
        """True when the source has ended, False when cancelled."""
        while not self._context.cancelled():
            frame = self._source.grab(GRAB_TIMEOUT_S)
            if frame is None:
                if self._source.ended:
                    return True
                continue
            if self._tries:
                # Only a frame proves that it is back: many a camera opens and then gives nothing.
                self._tries = 0
                self._tell(f"{self._source.name} is back.")
            if self._mailbox.put(Shown.of(frame)):
                self._context.report(_Wake())
        return False

    def _tell(self, text: str) -> None:
        """Pictures go on where the note cannot be kept; that is told."""
        try:
            self._note(text)
        except KeeperError as error:
            self._context.report(Failure(error))


class LivePresenter(QObject):
    """Starts and stops the source, tells of each newest frame."""

    frame = Signal(object)
    news = Signal(object)

    def __init__(self, tools: Tools, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tools = tools
        self._job: Job[LiveNews] | None = None
        self._mailbox = Mailbox()
        self.state = LiveState.STOPPED

    @property
    def running(self) -> bool:
        """Whether a source is in use, connected or not."""
        return self._job is not None

    @property
    def skipped(self) -> int:
        """Frames that came faster than they were taken."""
        return self._mailbox.skipped

    def start(self, source: FrameSource) -> None:
        """Use ``source`` from now on; an earlier one is stopped first (the lane keeps them in order)."""
        self.stop()
        mailbox = Mailbox()
        self._mailbox = mailbox
        self._told(LiveNews(LiveState.CONNECTING, f"Connecting to {source.name}"))
        store = self._tools.inspector.store
        token: list[Job[LiveNews]] = []
        mine: Callable[[], bool] = lambda: bool(token) and self._job is token[0]  # noqa: E731
        job = self._tools.runner.submit(
            LIVE_LANE,
            lambda context: LiveLoop(
                source, mailbox, context, lambda text: store.add_event("camera", text)
            ).run(),
            lambda news: self._ended(news) if mine() else None,
            lambda failure: self._failed(failure) if mine() else None,
            progress=lambda said: self._progress(said) if mine() else None,
        )
        token.append(job)
        self._job = job

    def stop(self) -> None:
        """Let go of the source."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._told(LiveNews(LiveState.STOPPED))

    def _progress(self, said: object) -> None:
        if isinstance(said, LiveNews):
            self._told(said)
        elif isinstance(said, Failure):
            self._tools.errors.failure(said)
        elif (shown := self._mailbox.take()) is not None:
            self.frame.emit(shown)

    def _ended(self, news: LiveNews) -> None:
        self._job = None
        self._told(news)

    def _failed(self, failure: Failure) -> None:
        self._job = None
        error = failure.error
        reason = error.message if isinstance(error, InspectorError) else f"{type(error).__name__}: {error}"
        self._told(LiveNews(LiveState.STOPPED, "" if failure.cancelled else f"The source failed. {reason}"))
        self._tools.errors.failure(failure)

    def _told(self, news: LiveNews) -> None:
        self.state = news.state
        self.news.emit(news)
