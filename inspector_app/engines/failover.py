"""An engine that moves on to the next one when it fails in the middle of a shift."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock, Semaphore
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import InspectorError, KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import ChangeEngine, EngineInfo, Features, Refusal, Tensor

log = logging.getLogger(__name__)
FAULT = "engine_failed"

OpenNext = Callable[[tuple[Refusal, ...]], ChangeEngine]
"""Opens the best engine not tried yet, given the refusals so far; raises ``InspectorError`` when none is left."""


@dataclass(frozen=True)
class EngineSwitch:
    """Told when an engine was given up: which, which one serves now, and why."""

    before: str
    after: str
    reason: str


class _Serving:
    """An engine with the calls that are in it. It is closed when it was given up and the last call has left."""

    def __init__(self, engine: ChangeEngine) -> None:
        self.engine = engine
        self.places = Semaphore(engine.parallel)
        self._calls = 0
        self._given_up = False
        self._lock = Lock()

    def enter(self) -> bool:
        """Count a call in; False when the engine was given up."""
        with self._lock:
            if not self._given_up:
                self._calls += 1
            return not self._given_up

    @property
    def given_up(self) -> bool:
        """True when it takes no more calls."""
        with self._lock:
            return self._given_up

    def leave(self) -> None:
        """Count a call out."""
        with self._lock:
            self._calls -= 1
            last = self._given_up and not self._calls
        if last:
            self.engine.close()

    def give_up(self) -> None:
        """Take no more calls."""
        with self._lock:
            idle = not self._calls and not self._given_up
            self._given_up = True
        if idle:
            self.engine.close()


class _Golden:
    """A golden's tensor, with its features on the engine that met it last."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._owner: _Serving | None = None
        self._features: Features = None
        self._lock = Lock()

    def features_on(self, serving: _Serving) -> Features:
        """What ``serving`` keeps of the golden; features of another engine die."""
        with self._lock:
            if self._owner is not serving:
                self._owner, self._features = None, None
                self._features = serving.engine.encode_golden(self._tensor)
                self._owner = serving
            return self._features

    def forget(self, serving: _Serving) -> None:
        """Let go of what a given-up engine made of it."""
        with self._lock:
            if self._owner is serving:
                self._owner, self._features = None, None

    @property
    def size(self) -> int:
        """The golden's bytes and those of its features, which may hold the golden itself: it is counted once."""
        with self._lock:
            kept = self._owner.engine.kept_bytes(self._features) if self._owner is not None else 0
        return max(self._tensor.nbytes, kept)


class FailoverEngine:
    """Serves through one engine at a time, called from any number of threads.

    When it fails at run time (a lost device, no memory), the next engine is opened, once, and every call that
    failed with it is repeated there; a call that had its result keeps it. Features of the old engine die with it.
    With no engine left the fault is the caller's, and the last engine stays, to be tried again.
    """

    def __init__(self, open_next: OpenNext, on_switch: Callable[[EngineSwitch], None]) -> None:
        """Open the first engine.

        Raises:
            InspectorError: when none works.
        """
        self._open_next = open_next
        self._on_switch = on_switch
        self._serving = _Serving(open_next(()))
        self._switching = Lock()
        self._goldens: WeakSet[_Golden] = WeakSet()
        self._listing = Lock()

    @property
    def info(self) -> EngineInfo:
        """What runs now; its refusals tell of engines given up, too."""
        return self._serving.engine.info

    @property
    def manifest(self) -> ModelManifest:
        """How the network is fed and read."""
        return self._serving.engine.manifest

    @property
    def parallel(self) -> int:
        """As the engine that serves now; on one that serves fewer calls, those above that number wait."""
        return self._serving.engine.parallel

    @property
    def pairs_per_call(self) -> int:
        """As the engine that serves now."""
        return self._serving.engine.pairs_per_call

    def encode_golden(self, golden: Tensor) -> Features:
        """See ``ChangeEngine.encode_golden``; the work is done when the golden is first compared with."""
        features = _Golden(golden)
        with self._listing:
            self._goldens.add(features)
        return features

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        """See ``ChangeEngine.compare``."""
        (golden,) = _own([features])
        return self._served(lambda serving: serving.engine.compare(golden.features_on(serving), tests))

    def compare_each(self, features: Sequence[Features], tests: Tensor) -> NDArray[np.float32]:
        """See ``ChangeEngine.compare_each``."""
        goldens = _own(features)

        def compare(serving: _Serving) -> NDArray[np.float32]:
            return serving.engine.compare_each([each.features_on(serving) for each in goldens], tests)

        return self._served(compare)

    def _served(self, compare: Callable[[_Serving], NDArray[np.float32]]) -> NDArray[np.float32]:
        while True:
            serving = self._serving
            with serving.places:
                # Who waited for a place may find that its engine is gone.
                if not serving.enter():
                    if serving is self._serving:
                        raise KeeperError("engine_failed", "The engine was closed.")
                    continue
                try:
                    return compare(serving)
                except InspectorError as fault:
                    if fault.code != FAULT:
                        raise
                    self._move_on(serving, fault)
                finally:
                    serving.leave()

    def kept_bytes(self, features: Features) -> int:
        """See ``ChangeEngine.kept_bytes``; of another engine's features only the golden's own tensor is left."""
        return features.size if isinstance(features, _Golden) else 0

    def close(self) -> None:
        """Close the engine that serves, once the last call has left it."""
        with self._switching:
            self._serving.give_up()

    def _move_on(self, failed: _Serving, fault: InspectorError) -> None:
        """Open the next engine, unless another call has done so since.

        Raises:
            InspectorError: ``fault`` itself, when there is none.
        """
        with self._switching:
            if failed is not self._serving:
                return
            if failed.given_up:
                raise fault
            before = failed.engine.info
            refusal = Refusal(before.label, f"failed while running: {fault.message.rstrip('.')}", fault.hint)
            try:
                engine = self._open_next((*before.refusals, refusal))
            except InspectorError:
                raise fault from None
            self._serving = _Serving(engine)
            failed.give_up()
        with self._listing:
            goldens = tuple(self._goldens)
        for golden in goldens:
            golden.forget(failed)
        log.warning("%s gave up (%s); %s serves now", before.label, fault.message, engine.info.label)
        self._on_switch(EngineSwitch(before.label, engine.info.label, fault.message))


def _own(features: Sequence[Features]) -> list[_Golden]:
    goldens = [each for each in features if isinstance(each, _Golden)]
    if len(goldens) < len(features):
        raise ValueError("these golden features belong to another engine")
    return goldens
