"""Which goldens a test image is judged against."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.frame import Frame
from inspector_app.vision.decode import read_frame

KEPT = 8
BYTES_KEPT = 256 * 2**20
THUMB = 48


class GoldenCache:
    """Decoded goldens by path, the last few kept; a golden that cannot be read is its error, which is not kept: next time
    it may be there again. Thread-safe: one is read by who wants it first, others that want it wait, and nobody waits for
    another golden."""

    def __init__(self, kept: int = KEPT, most_bytes: int = BYTES_KEPT) -> None:
        """Keep up to ``kept`` goldens of ``most_bytes`` together; the last one whatever its size."""
        self._kept = kept
        self._most_bytes = most_bytes
        self._frames: OrderedDict[Path, Future[Frame | InspectorError]] = OrderedDict()
        self._lock = Lock()

    def frame(self, path: Path) -> Frame | InspectorError:
        """The golden at ``path``; read at most once while it is among the last few. May raise MemoryError."""
        mine = Future[Frame | InspectorError]()
        with self._lock:
            known = self._frames.setdefault(path, mine)
            self._frames.move_to_end(path)
        if known is not mine:
            return known.result()
        try:
            golden = _read(path)
        except BaseException as error:
            # Before its fault is known, or who makes room just now would meet it.
            self._forget(path)
            mine.set_exception(error)
            raise
        mine.set_result(golden)
        if isinstance(golden, InspectorError):
            self._forget(path)
        with self._lock:
            self._make_room()
        return golden

    def _forget(self, path: Path) -> None:
        with self._lock:
            self._frames.pop(path, None)

    def _make_room(self) -> None:
        while len(self._frames) > 1 and (len(self._frames) > self._kept or self._nbytes() > self._most_bytes):
            self._frames.popitem(last=False)

    def _nbytes(self) -> int:
        read = [coming.result() for coming in self._frames.values() if coming.done()]
        return sum(frame.pixels.nbytes for frame in read if isinstance(frame, Frame))


def _read(path: Path) -> Frame | InspectorError:
    try:
        return read_frame(path)
    except InspectorError as error:
        return KeeperError(
            "golden_unreadable", f"The golden {path} cannot be used: {error.message}", error.hint
        )


class GoldenChoice:
    """Chooses among a recipe's goldens those that look most like a test image. Thread-safe."""

    def __init__(self, goldens: Sequence[Frame]) -> None:
        self._goldens = tuple(goldens)
        self._thumbnails = tuple(map(_thumbnail, goldens)) if len(goldens) > 1 else ()

    def best(self, test: Frame, count: int) -> tuple[Frame, ...]:
        """Up to ``count`` goldens, the best match first: by the mean absolute difference of small grey copies."""
        if not self._thumbnails:
            return self._goldens
        wanted = _thumbnail(test)
        differences = [float(np.abs(thumbnail - wanted).mean()) for thumbnail in self._thumbnails]
        ranked = sorted(range(len(differences)), key=differences.__getitem__)
        return tuple(self._goldens[index] for index in ranked[:count])


def _thumbnail(frame: Frame) -> NDArray[np.float32]:
    small = cv2.resize(frame.pixels, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    grey: NDArray[np.float32] = np.asarray(small, dtype=np.float32).mean(axis=2)
    return grey
