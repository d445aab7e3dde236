"""Gives frames of a recorded source at a steady rate, as a camera would."""

from __future__ import annotations

import threading

from inspector_app.core.protocols import Clock


class Pacer:
    """Waits for the time of the next frame. A frame that is asked for late is not caught up on."""

    def __init__(self, fps: float, clock: Clock) -> None:
        """``fps`` 0 means as fast as asked."""
        self._period = 1.0 / fps if fps > 0 else 0.0
        self._clock = clock
        self._due = clock.monotonic()
        self._stopped = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        """True when the next frame is due within the time; False when not, or when stopped."""
        now = self._clock.monotonic()
        pause = min(max(0.0, self._due - now), timeout_s)
        if self._stopped.wait(pause) or self._due - now > timeout_s:
            return False
        self._due = max(self._due, now) + self._period
        return True

    def pause(self, seconds: float) -> None:
        """Wait a while, or until stopped."""
        self._stopped.wait(seconds)

    def stop(self) -> None:
        """End all waiting, from any thread."""
        self._stopped.set()
