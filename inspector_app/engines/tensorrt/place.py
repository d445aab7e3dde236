"""Goldens on the GPU: what is kept of each, and the one place from which a program's runs read them.

The images of a run may have different goldens: the place has room for one golden's share of each tensor for every
image. Plain and recorded runs read the same place. What lies there is changed on the stream that computes, so no run
finds the goldens of a later one. Not run on a GPU: written against the documentation of CUDA.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inspector_app.engines.tensorrt.device import Cuda, DeviceBuffer
from inspector_app.engines.tensorrt.execution import LoadedPlan, Shape
from inspector_app.engines.tensorrt.parts import KEPT, SHARED


@dataclass(frozen=True, eq=False)
class GoldenOnDevice:
    """What the GPU keeps of a golden, by the name of the input that reads it; freed when it is dropped."""

    owner: int
    side: tuple[int, int]
    buffers: Mapping[str, DeviceBuffer]


@dataclass(frozen=True)
class Share:
    """What one golden has of a tensor that runs read: its shape and its bytes.

    ``each``: a run takes one for each image, along axis 0, not one for all. ``own``: they may be of different
    goldens.
    """

    shape: Shape
    size: int
    each: bool = True
    own: bool = True


def shares_of(golden: LoadedPlan, batch: int) -> dict[str, Share]:
    """What the golden's plan gives of one golden, run on ``batch`` copies of it."""
    found = {}
    for name in golden.outputs:
        shape = golden.fixed_shape(name)
        each = not name.endswith(SHARED)
        if each:
            shape = (shape[0] // batch, *shape[1:])
        found[name] = Share(shape, golden.size(name, shape), each, own=name.endswith(KEPT))
    return found


class GoldenPlace:
    """Where the runs of one program read goldens."""

    def __init__(
        self, cuda: Cuda, stream: Any, shares: Mapping[str, Share], buffers: Mapping[str, DeviceBuffer]
    ) -> None:
        """``buffers`` stay their owner's; ``stream`` is the one that computes."""
        self.shares = shares
        self.buffers = buffers
        self._cuda = cuda
        self._stream = stream
        self._there: dict[int, weakref.ref[GoldenOnDevice]] = {}

    @property
    def several(self) -> bool:
        """Whether the images of a run may have different goldens."""
        return all(share.own for share in self.shares.values())

    @property
    def addresses(self) -> dict[str, int]:
        """By the name of the input that reads there."""
        return {name: buffer.address for name, buffer in self.buffers.items()}

    def shapes(self, batch: int) -> dict[str, Shape]:
        """Of the inputs that follow the batch."""
        return {
            name: (share.shape[0] * batch, *share.shape[1:])
            for name, share in self.shares.items()
            if share.each
        }

    def lay(self, goldens: Sequence[GoldenOnDevice]) -> None:
        """Put the golden of each image there once the stream comes to it, but those that lie there already.

        Raises:
            KeeperError: ``engine_failed``.
        """
        for row, golden in enumerate(goldens):
            there = self._there.pop(row, None)
            if there is None or there() is not golden:
                self._put(row, golden)
            self._there[row] = weakref.ref(golden)

    def forget(self) -> None:
        """After a fault: whether anything lies there is not known."""
        self._there.clear()

    def _put(self, row: int, golden: GoldenOnDevice) -> None:
        for name, share in self.shares.items():
            if share.each or row == 0:
                target = self.buffers[name].part(row * share.size, share.size)
                self._cuda.copy(target, golden.buffers[name], share.size, self._stream)
