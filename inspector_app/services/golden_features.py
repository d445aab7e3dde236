"""What engines keep of goldens, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from inspector_app.core.protocols import Features

BYTES_KEPT = 128 * 2**20


@dataclass(eq=False)
class _Kept:
    features: Features
    round: int
    size: int = 0


class GoldenFeatures:
    """Features by golden and tile, up to a number of bytes.

    A scan over more tiles than fit would, with the usual rule (the longest unused goes first), throw out each tile
    just before it is needed again. So what was used in this scan or the one before is never thrown out: what does
    not fit beside it is computed in passing. Where several scans run at once, each has others between itself and the
    one before, so more of them are spared. What is alone is kept whatever its size. Thread-safe; what several
    threads want at once is encoded once.
    """

    def __init__(self, size_of: Callable[[Features], int], limit: int = BYTES_KEPT) -> None:
        """``size_of`` gives the bytes that features hold, which may grow when they are compared with."""
        self._size_of = size_of
        self._limit = limit
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._coming: dict[Hashable, Future[Features]] = {}
        self._round = 0
        self._running: set[int] = set()
        self._most_running = 1
        self._nbytes = 0
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """What is held now."""
        with self._lock:
            return self._nbytes

    @contextmanager
    def scan(self) -> Iterator[None]:
        """Around the work on one batch; several may run at once."""
        with self._lock:
            self._round += 1
            mine = self._round
            self._running.add(mine)
            self._most_running = max(self._most_running, len(self._running))
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(mine)

    def of(self, key: Hashable, encode: Callable[[], Features]) -> Features:
        """The features under ``key``, encoded when they are not kept; raises what ``encode`` raises."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                kept.round = self._round
                self._kept.move_to_end(key)
                return kept.features
            coming, mine = self._coming.get(key), Future[Features]()
            if coming is None:
                self._coming[key] = mine
        return coming.result() if coming is not None else self._encode(key, encode, mine)

    def keep(self, key: Hashable, features: Features) -> None:
        """Keep features, or count them again after they were compared with, if they fit."""
        size = self._size_of(features)
        with self._lock:
            kept = self._kept.get(key) or _Kept(features, self._round)
            if kept.features is not features:
                return  # Another thread encoded the same golden and was first.
            grown = size - kept.size
            self._make_room(grown, key)
            alone = not self._kept or (len(self._kept) == 1 and key in self._kept)
            if self._nbytes + grown > self._limit and not alone:
                self._drop(key)
                return
            self._kept[key] = kept
            kept.size += grown
            self._nbytes += grown

    def _encode(self, key: Hashable, encode: Callable[[], Features], mine: Future[Features]) -> Features:
        try:
            features = encode()
            self.keep(key, features)
            mine.set_result(features)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._coming[key]
        return features

    def _make_room(self, wanted: int, key: Hashable) -> None:
        oldest = min(self._running, default=self._round)
        spared = oldest - (2 * self._most_running - 1)
        stale = [other for other, kept in self._kept.items() if kept.round < spared and other != key]
        for other in stale:
            if self._nbytes + wanted <= self._limit:
                return
            self._drop(other)

    def _drop(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._nbytes -= kept.size
