"""Runs of fixed size recorded as CUDA graphs: replayed with one call, whatever the goldens.

A recorded run holds the addresses that it was recorded with. So each has an execution context of its own that nobody
touches again, the buffers of one slot, and the place where all runs read goldens. Not run on a GPU: written against
the documentation of CUDA and of TensorRT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inspector_app.engines.tensorrt.device import Cuda
from inspector_app.engines.tensorrt.execution import LoadedPlan, Shape


class RecordedRuns:
    """All recorded runs of one program, by the number of the slot whose buffers they use."""

    def __init__(self, cuda: Cuda, stream: Any, batch: int) -> None:
        """``batch`` is the only one that they serve."""
        self.batch = batch
        self._cuda = cuda
        self._stream = stream
        self._runs: dict[int, tuple[Any, LoadedPlan]] = {}

    def serves(self, slot: int, batch: int) -> bool:
        """Whether a run of ``batch`` images in ``slot`` was recorded."""
        return batch == self.batch and slot in self._runs

    def record(
        self, slot: int, plan: LoadedPlan, shapes: Mapping[str, Shape], addresses: Mapping[str, int]
    ) -> None:
        """Record ``plan``, whose context is used for nothing else.

        Raises:
            KeeperError: ``engine_failed`` when it cannot be recorded.
        """
        plan.bind(shapes, addresses)
        # TensorRT's first run after sizes were set does work that may not be recorded.
        plan.start(self._stream)
        self._cuda.wait(self._stream)
        recorded = self._cuda.record_run(self._stream, lambda: plan.start(self._stream))
        # The context must live as long as its recorded run.
        self._runs[slot] = recorded, plan

    def replay(self, slot: int) -> None:
        """Put the recorded run on the stream.

        Raises:
            KeeperError: ``engine_failed``.
        """
        self._cuda.replay(self._runs[slot][0], self._stream)

    def close(self) -> None:
        """Free the recorded runs.

        Raises:
            KeeperError: ``engine_failed``, on a device that was lost.
        """
        while self._runs:
            recorded, _ = self._runs.popitem()[1]
            self._cuda.destroy_recorded(recorded)
