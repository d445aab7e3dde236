"""A camera or a network stream: its own thread reads all the time, and the newest frame wins."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2

from inspector_app.core.clock import SystemClock
from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.protocols import Clock
from inspector_app.sources.capture import (
    Capture,
    CaptureOpener,
    Picture,
    Target,
    live_frame,
    open_capture,
)

_BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_JOIN_S = 15.0
"""Longer than a read of a silent network camera can block."""


@dataclass(frozen=True, eq=False)
class _Shot:
    """A picture as it was read; it becomes a frame only if someone takes it."""

    picture: Picture
    number: int
    time: datetime


class CameraSource:
    """Implements ``FrameSource``.

    A camera that stops giving frames is opened again after growing pauses, for as long as the source is open.
    """

    def __init__(
        self,
        target: Target,
        clock: Clock | None = None,
        opener: CaptureOpener = open_capture,
        back_off_s: Sequence[float] = _BACK_OFF_S,
    ) -> None:
        """
        Args:
            target: the camera's index or the stream's address.
            clock: gives the time of capture.
            opener: opens the device.
            back_off_s: the pauses between attempts to reconnect; the last one is repeated.
        """
        self._target, self._opener, self._back_off_s = target, opener, tuple(back_off_s)
        self._clock: Clock = clock or SystemClock()
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._latest: _Shot | None = None
        self._lost = False
        self._dropped = 0

    @property
    def name(self) -> str:
        """ "camera 0", or the stream's address without user name and password."""
        if isinstance(self._target, int):
            return f"camera {self._target}"
        scheme, _, rest = self._target.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"

    @property
    def ended(self) -> bool:
        """Never: a camera has no last frame."""
        return False

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced before they were taken, since the source was opened."""
        with self._news:
            return self._dropped

    def open(self) -> None:
        """Connect, and begin to read.

        Raises:
            OperatorError: ``camera_missing``.
        """
        self.close()
        capture = self._opener(self._target)
        if capture is None:
            raise OperatorError(
                "camera_missing",
                f"{self._title} cannot be opened.",
                "Check that it is plugged in or reachable, and that no other program uses it.",
            )
        with self._news:
            self._latest, self._lost, self._dropped = None, False, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(capture, self._stop), name=f"reader of {self.name}", daemon=True
        )
        self._thread.start()

    def grab(self, timeout_s: float) -> Frame | None:
        """The newest frame that was not taken yet.

        Raises:
            OperatorError: ``camera_lost`` when none came in time and the camera is gone; it may come back.
        """
        with self._news:
            if self._thread is None:
                return None
            self._news.wait_for(lambda: self._latest is not None or self._stop.is_set(), timeout_s)
            shot, self._latest = self._latest, None
            if shot is None and self._lost and not self._stop.is_set():
                raise OperatorError(
                    "camera_lost",
                    f"{self._title} gives no more pictures.",
                    "It is used again as soon as it is back; check its cable and power.",
                )
        if shot is None:
            return None
        return live_frame(shot.picture, f"{self.name} #{shot.number}", shot.time)

    def close(self) -> None:
        """Stop the reader and let go of the device; may be opened again."""
        thread, self._thread = self._thread, None
        self._stop.set()
        with self._news:
            self._latest = None
            self._news.notify_all()
        if thread is not None:
            thread.join(_JOIN_S)

    @property
    def _title(self) -> str:
        return self.name[:1].upper() + self.name[1:] if isinstance(self._target, int) else self.name

    def _run(self, capture: Capture, stop: threading.Event) -> None:
        """Read until told to stop; whatever ends it, the source then counts as lost and is not silent."""
        try:
            self._read_on(capture, stop)
        finally:
            self._mark_lost()

    def _read_on(self, capture: Capture, stop: threading.Event) -> None:
        current: Capture | None = capture
        count, attempt = 0, 0
        while not stop.is_set():
            picture = _read(current) if current is not None else None
            if picture is not None:
                count, attempt = count + 1, 0
                self._publish(_Shot(picture, count, self._clock.now()))
                continue
            if current is not None:
                current.release()
                self._mark_lost()
            stop.wait(self._back_off_s[min(attempt, len(self._back_off_s) - 1)])
            attempt += 1
            current = None if stop.is_set() else self._opener(self._target)
        if current is not None:
            current.release()

    def _publish(self, shot: _Shot) -> None:
        with self._news:
            self._dropped += self._latest is not None
            self._latest, self._lost = shot, False
            self._news.notify_all()

    def _mark_lost(self) -> None:
        with self._news:
            self._lost = True


def _read(capture: Capture) -> Picture | None:
    try:
        good, picture = capture.read()
    except cv2.error:
        return None  # some drivers throw when the device is pulled; it counts as lost like any other
    return picture if good else None
