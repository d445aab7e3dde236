"""How many images go to the network at once, chosen by a short measurement on the run's own first images."""

from __future__ import annotations

from threading import Lock

MEASURED_FROM = 300
"""A shorter run would not win back what the measurement costs."""
PART = 24
"""Images in one part of the measurement."""
CLEARLY = 1.03
"""So much faster another size must be than the first one to be taken: less is noise."""
SIDE_BY_SIDE = (1, 2, 4)
"""For an engine whose calls run side by side: small batches keep the cores' caches; the first is the default."""
ONE_BY_ONE = (4, 1, 8, 16)
"""For an engine that takes one call at a time."""


class BatchSize:
    """Gives the size of each batch.

    A long run's first images are scored in parts, each with one of the sizes, once up and once down the list, so
    that a drift of the machine's speed falls on all alike; the fastest size is kept. Thread-safe.
    """

    def __init__(self, sizes: tuple[int, ...], images: int) -> None:
        """``sizes`` to choose from, the default first; ``images`` are still to be scored."""
        if not sizes or min(sizes) < 1:
            raise ValueError(f"no batch can have one of the sizes {sizes}")
        long_enough = len(sizes) > 1 and images >= MEASURED_FROM
        self._parts = [*sizes, *reversed(sizes)] if long_enough else []
        self._left = [PART] * len(self._parts)
        self._running = [PART] * len(self._parts)
        self._ends = [0.0] * len(self._parts)
        self._started: float | None = None
        self._chosen = sizes[0]
        self._lock = Lock()

    @property
    def chosen(self) -> int:
        """The default until the measurement is over, then the fastest."""
        with self._lock:
            return self._chosen

    def begin(self, now: float) -> tuple[int, int | None]:
        """The next batch's size, and the part of the measurement that it belongs to."""
        with self._lock:
            if self._started is None:
                self._started = now
            for part, left in enumerate(self._left):
                if left:
                    size = min(left, self._parts[part])
                    self._left[part] -= size
                    return size, part
            return self._chosen, None

    def end(self, part: int | None, images: int, now: float) -> None:
        """A batch that was begun is scored."""
        if part is None:
            return
        with self._lock:
            self._running[part] -= images
            self._ends[part] = max(self._ends[part], now)
            if not any(self._running):
                self._chosen = self._fastest()

    def _fastest(self) -> int:
        seconds: dict[int, float] = {}
        before = self._started or 0.0
        for size, end in zip(self._parts, self._ends, strict=True):
            seconds[size] = seconds.get(size, 0.0) + max(end - before, 0.0)
            before = max(before, end)
        best = min(seconds, key=lambda size: seconds[size])
        return best if seconds[best] * CLEARLY < seconds[self._parts[0]] else self._parts[0]
