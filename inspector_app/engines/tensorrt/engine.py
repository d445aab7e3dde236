"""TensorRT behind the ``ChangeEngine`` protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import EngineInfo, Features, Refusal, Tensor
from inspector_app.engines.tensorrt.device import Card, Cuda
from inspector_app.engines.tensorrt.library import PlanLibrary
from inspector_app.engines.tensorrt.place import GoldenOnDevice
from inspector_app.engines.tensorrt.session import DeviceSession

Result = TypeVar("Result")


class TensorRtEngine:
    """The network as TensorRT plans on an NVIDIA GPU.

    May be called from any thread: the device, its streams and its buffers belong to a thread of the engine's own,
    which takes one call after the other. What depends on the golden alone is computed once for each golden and
    stays on the GPU; a graph that cannot be split is run whole, and ``info.golden_note`` says why.
    """

    def __init__(
        self,
        trt: Any,
        cuda: Cuda,
        library: PlanLibrary,
        manifest: ModelManifest,
        card: Card,
        refusals: tuple[Refusal, ...] = (),
    ) -> None:
        """Load the plans for the manifest's size, building them where they are missing.

        Raises:
            KeeperError: see ``DeviceSession.prepare``.
        """
        self._manifest = manifest
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tensorrt")
        self._session: DeviceSession | None = None
        try:
            self._session = self._call(lambda: DeviceSession(trt, cuda, library, manifest))
            note = self._call(self._session.prepare, manifest.input.height, manifest.input.width)
            several = self._call(self._session.several, manifest.input.height, manifest.input.width)
        except BaseException:
            self.close()
            raise
        self._pairs_per_call = library.batches.best if several else 1
        device = f"{card.name} (compute capability {card.capability})"
        self._info = EngineInfo("TensorRT", "CUDA", manifest.precision, device, refusals, note)

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        return self._info

    @property
    def manifest(self) -> ModelManifest:
        """How the network is fed and read."""
        return self._manifest

    @property
    def parallel(self) -> int:
        """One: the device has one queue, and a batch fills it."""
        return 1

    @property
    def pairs_per_call(self) -> int:
        """The graph's fixed batch, or the number that its plan is tuned for; 1 where a run takes one golden."""
        return self._pairs_per_call

    @property
    def plain_note(self) -> str:
        """Why runs of the usual size are not replayed from a CUDA graph; "" when they are."""
        return self._open_session().plain_note

    def encode_golden(self, golden: Tensor) -> Features:
        """See ``ChangeEngine.encode_golden``. A size that was not met before may have its plans built first.

        Raises:
            KeeperError: when the device or the plan fails.
        """
        if golden.ndim != 4 or golden.shape[:2] != (1, 3):
            raise ValueError(f"a golden is 1 x 3 x H x W, got {golden.shape}")
        return self._call(self._open_session().encode, golden, id(self))

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        """See ``ChangeEngine.compare``."""
        return self.compare_each([features] * len(tests), tests)

    def compare_each(self, features: Sequence[Features], tests: Tensor) -> NDArray[np.float32]:
        """See ``ChangeEngine.compare_each``. Images of one size only."""
        if not len(features) == len(tests) > 0:
            raise ValueError(f"{len(features)} golden features for {len(tests)} tests")
        goldens = [self._own(each) for each in features]
        side = goldens[0].side
        if any(golden.side != side for golden in goldens):
            raise ValueError("goldens of different sizes in one call")
        if tests.ndim != 4 or tests.shape[1:] != (3, *side):
            raise ValueError(f"tests {tests.shape} do not fit the golden {(1, 3, *side)}")
        return self._call(self._open_session().compare, goldens, tests)

    def kept_bytes(self, features: Features) -> int:
        """See ``ChangeEngine.kept_bytes``; on the GPU."""
        if not isinstance(features, GoldenOnDevice):
            return 0
        return sum(buffer.size for buffer in features.buffers.values())

    def close(self) -> None:
        """Free the device; features of this engine are dead from here on."""
        session, self._session = self._session, None
        if session is not None:
            self._call(session.close)
        self._thread.shutdown()

    def _own(self, features: Features) -> GoldenOnDevice:
        if not isinstance(features, GoldenOnDevice) or features.owner != id(self):
            raise ValueError("these golden features belong to another engine")
        return features

    def _open_session(self) -> DeviceSession:
        if self._session is None:
            raise KeeperError("engine_failed", "The engine was closed.")
        return self._session

    def _call(self, work: Callable[..., Result], *arguments: Any) -> Result:
        try:
            future = self._thread.submit(work, *arguments)
        except RuntimeError as error:
            # Another thread has closed the engine in the meantime.
            raise KeeperError("engine_failed", "The engine was closed.") from error
        return future.result()
