"""A folder of images played as a simulated camera, or watched as a hot folder."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path

from inspector_app.core.clock import SystemClock
from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.protocols import Clock
from inspector_app.sources.folder import list_images
from inspector_app.sources.pacing import Pacer
from inspector_app.vision.decode import read_frame

_LOOK_S = 0.2
"""Seconds between two looks at a watched folder; a file must be the same at both."""
_PATIENCE_S = 3.0
"""Seconds that a file that is cut off may still grow before it counts as broken."""
_GROWING = frozenset({"image_truncated", "image_empty"})

_State = tuple[int, int]
"""Size and time of change of a file."""


class FolderSource:
    """Implements ``FrameSource``. Closed and opened again, it goes on where it stopped, until it has ended."""

    def __init__(
        self,
        folder: Path,
        fps: float = 2.0,
        loop: bool = True,
        watch: bool = False,
        recursive: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """
        Args:
            folder: where the images are.
            fps: images a second; 0 for as fast as they are asked for.
            loop: begin again after the last image.
            watch: wait for new images after the last one, and never end; ``loop`` then has no meaning.
            recursive: look into subfolders too.
            clock: the time, for pacing and for the time of capture.
        """
        self._folder, self._fps, self._loop, self._watch, self._recursive = (
            folder,
            fps,
            loop,
            watch,
            recursive,
        )
        self._clock: Clock = clock or SystemClock()
        self._pacer: Pacer | None = None
        self._waiting: deque[Path] = deque()
        self._queued = False
        self._seen: dict[Path, _State] = {}
        self._settling: dict[Path, tuple[_State, float]] = {}
        self._looked = float("-inf")

    @property
    def name(self) -> str:
        """The folder's name."""
        return self._folder.name or str(self._folder)

    @property
    def ended(self) -> bool:
        """True after the last image, unless it loops or watches."""
        return self._queued and not self._waiting and not self._loop and not self._watch

    def open(self) -> None:
        """List the images.

        Raises:
            OperatorError: ``source_missing`` when the folder is not there or, unless it is watched, is empty.
        """
        images = self._list()
        if not images and not self._watch:
            raise OperatorError(
                "source_missing", f"There are no images in {self._folder}.", "Choose another."
            )
        self._pacer = Pacer(self._fps, self._clock)
        if self._watch:
            self._look()
        elif not self._waiting:
            self._waiting, self._queued = deque(images), True

    def grab(self, timeout_s: float) -> Frame | None:
        """The next image, when its time has come.

        Raises:
            OperatorError: when it cannot be read; the next call gives the one after it. ``source_missing`` when
                the folder has gone.
        """
        pacer = self._pacer
        if pacer is None or self.ended:
            return None
        if self._watch and not self._wait_for_file(pacer, timeout_s):
            return None
        if not pacer.wait(timeout_s):
            return None
        if not self._waiting:
            self._waiting = deque(self._list())
            if not self._waiting:
                raise OperatorError("source_missing", f"There are no images left in {self._folder}.")
        return self._read(self._waiting.popleft())

    def close(self) -> None:
        """Stop waiting; may be opened again."""
        if self._pacer is not None:
            self._pacer.stop()
            self._pacer = None

    def _list(self) -> list[Path]:
        try:
            return list_images(self._folder, self._recursive)
        except OperatorError as error:
            raise OperatorError("source_missing", error.message, error.hint) from error

    def _read(self, path: Path) -> Frame | None:
        try:
            frame = read_frame(path, path.relative_to(self._folder).as_posix())
        except OperatorError as error:
            if self._watch and error.code in _GROWING and self._may_grow(path):
                del self._seen[path]
                return None
            raise
        return replace(frame, captured_at=self._clock.now())

    def _wait_for_file(self, pacer: Pacer, timeout_s: float) -> bool:
        deadline = self._clock.monotonic() + timeout_s
        while not self._waiting:
            now = self._clock.monotonic()
            if now >= self._looked + _LOOK_S:
                self._look()
                continue
            if now >= deadline or self._pacer is None:
                return False
            pacer.pause(min(self._looked + _LOOK_S, deadline) - now)
        return True

    def _look(self) -> None:
        """Queue what is new, or has changed, and was the same at the last look."""
        now = self._looked = self._clock.monotonic()
        before, self._settling = self._settling, {}
        for path in self._list():
            state = _state(path)
            if state is None or self._seen.get(path) == state:
                continue
            since = before[path][1] if path in before and before[path][0] == state else now
            self._settling[path] = (state, since)
            if now - since >= _LOOK_S * 0.5:
                self._seen[path] = state
                self._waiting.append(path)

    def _may_grow(self, path: Path) -> bool:
        since = self._settling.get(path, (None, self._clock.monotonic()))[1]
        return self._clock.monotonic() - since < _PATIENCE_S


def _state(path: Path) -> _State | None:
    try:
        status = path.stat()
    except OSError:
        return None  # it went away between listing and looking; a watched folder's files do
    return status.st_size, status.st_mtime_ns
