"""A video file played as a simulated camera."""

from __future__ import annotations

from pathlib import Path

import cv2

from inspector_app.core.clock import SystemClock
from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.protocols import Clock
from inspector_app.sources.capture import Capture, Picture, live_frame, open_capture
from inspector_app.sources.pacing import Pacer

_USUAL_FPS, _MOST_FPS = 25.0, 240.0


class VideoSource:
    """Implements ``FrameSource``. Closed and opened again, it begins anew."""

    def __init__(
        self, path: Path, fps: float | None = None, loop: bool = False, clock: Clock | None = None
    ) -> None:
        """
        Args:
            path: the video.
            fps: frames a second; None for the video's own rate, 0 for as fast as they are asked for.
            loop: begin again after the last frame.
            clock: the time, for pacing and for the time of capture.
        """
        self._path, self._fps, self._loop = path, fps, loop
        self._clock: Clock = clock or SystemClock()
        self._capture: Capture | None = None
        self._pacer: Pacer | None = None
        self._count = 0
        self._ended = False

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.name

    @property
    def ended(self) -> bool:
        """True after the last frame, unless it loops."""
        return self._ended

    def open(self) -> None:
        """Open the file.

        Raises:
            OperatorError: ``source_missing`` when it is not there, ``source_unreadable`` when it is no video.
        """
        self.close()
        if not self._path.is_file():
            raise OperatorError("source_missing", f"There is no video {self._path}.", "Choose another one.")
        self._capture = open_capture(str(self._path))
        if self._capture is None:
            raise self._unreadable()
        self._pacer = Pacer(self._rate(self._capture), self._clock)
        self._count, self._ended = 0, False

    def grab(self, timeout_s: float) -> Frame | None:
        """The next frame, when its time has come.

        Raises:
            OperatorError: ``source_unreadable`` when not even the first frame can be decoded.
        """
        if self._capture is None or self._pacer is None or self._ended:
            return None
        if not self._pacer.wait(timeout_s):
            return None
        good, picture = self._capture.read()
        if not good and self._loop and self._count:
            good, picture = self._rewound()
        if not good or picture is None:
            self._ended = True
            if not self._count:
                raise self._unreadable()
            return None
        self._count += 1
        return live_frame(picture, f"{self.name} #{self._count}", self._clock.now())

    def close(self) -> None:
        """Let go of the file; may be opened again."""
        if self._pacer is not None:
            self._pacer.stop()
            self._pacer = None
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _rate(self, capture: Capture) -> float:
        if self._fps is not None:
            return self._fps
        stated = capture.get(cv2.CAP_PROP_FPS)
        return stated if 0 < stated <= _MOST_FPS else _USUAL_FPS

    def _rewound(self) -> tuple[bool, Picture | None]:
        """The first picture again; by opening anew, since not every codec can go back."""
        if self._capture is not None:
            self._capture.release()
        self._capture = open_capture(str(self._path))
        return self._capture.read() if self._capture is not None else (False, None)

    def _unreadable(self) -> OperatorError:
        return OperatorError(
            "source_unreadable",
            f"{self.name} cannot be played.",
            "Save it as MP4 or AVI with a common codec.",
        )
