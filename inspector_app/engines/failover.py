"""An engine that moves on to the next one when it fails in the middle of a shift."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import InspectorError
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


@dataclass(frozen=True, eq=False)
class _Golden:
    """A golden's tensor, with the features of each engine that has met it, by the engine's number."""

    tensor: Tensor
    features: dict[int, Features]


class FailoverEngine:
    """Serves through one engine at a time.

    When it fails at run time (a lost device, no memory), the next engine is opened and the batch in flight is
    repeated there; features of the old one die with it. With no engine left the fault is the caller's.
    """

    def __init__(self, open_next: OpenNext, on_switch: Callable[[EngineSwitch], None]) -> None:
        """Open the first engine.

        Raises:
            InspectorError: when none works.
        """
        self._open_next = open_next
        self._on_switch = on_switch
        self._engine = open_next(())
        self._number = 0

    @property
    def info(self) -> EngineInfo:
        """What runs now; its refusals tell of engines given up, too."""
        return self._engine.info

    @property
    def manifest(self) -> ModelManifest:
        """How the network is fed and read."""
        return self._engine.manifest

    def encode_golden(self, golden: Tensor) -> Features:
        """See ``ChangeEngine.encode_golden``; the work is done when the golden is first compared with."""
        return _Golden(golden, {})

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        """See ``ChangeEngine.compare``."""
        if not isinstance(features, _Golden):
            raise ValueError("these golden features belong to another engine")
        while True:
            try:
                if self._number not in features.features:
                    features.features.clear()
                    features.features[self._number] = self._engine.encode_golden(features.tensor)
                return self._engine.compare(features.features[self._number], tests)
            except InspectorError as fault:
                if fault.code != FAULT:
                    raise
                self._move_on(fault)

    def close(self) -> None:
        """Close the engine that serves."""
        self._engine.close()

    def _move_on(self, fault: InspectorError) -> None:
        """Open the next engine.

        Raises:
            InspectorError: ``fault`` itself, when there is none; the engine that failed stays, to be tried again.
        """
        failed = self._engine.info
        refusal = Refusal(failed.label, f"failed while running: {fault.message.rstrip('.')}", fault.hint)
        try:
            engine = self._open_next((*failed.refusals, refusal))
        except InspectorError:
            raise fault from None
        self._engine.close()
        self._engine = engine
        self._number += 1
        log.warning("%s gave up (%s); %s serves now", failed.label, fault.message, engine.info.label)
        self._on_switch(EngineSwitch(failed.label, engine.info.label, fault.message))
