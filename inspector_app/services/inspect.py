"""The straight line: prepare, infer, conclude, record."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TypeVar

import numpy as np

from inspector_app.core.change_map import ChangeMap, Registration, quantise
from inspector_app.core.errors import InspectorError, KeeperError, OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import (
    EngineStamp,
    InspectionRecord,
    InspectionRequest,
    InspectionResult,
    Timing,
)
from inspector_app.core.protocols import (
    ChangeEngine,
    Clock,
    Features,
    ImageArchive,
    Packed,
    RecordStore,
    Tensor,
)
from inspector_app.core.retention import Retention
from inspector_app.core.verdict import Verdict
from inspector_app.services.judge import failed, judge
from inspector_app.vision.registration import check_alignment, register, warp_to_golden
from inspector_app.vision.tensors import to_tensor

log = logging.getLogger(__name__)
T = TypeVar("T")
GOLDENS_KEPT = 32
GOLDEN_BYTES_KEPT = 512 << 20
"""Goldens beyond this sum are dropped, the one used longest ago first; one is always kept."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A request that is ready for the network, or the reason why it cannot be.

    ``tensor`` is ``1 x 3 x H x W`` float32, None when ``error`` is set.
    """

    request: InspectionRequest
    timing: Timing
    tensor: Tensor | None = None
    registration: Registration | None = None
    error: InspectorError | None = None


@dataclass(frozen=True, eq=False)
class Inferred:
    """What the network said to a prepared request, or the reason why it said nothing."""

    request: InspectionRequest
    timing: Timing
    change_map: ChangeMap | None = None
    registration: Registration | None = None
    error: InspectorError | None = None


class InspectionService:
    """Inspects one image, or the four steps one by one for a batch.

    Every step may run on any number of threads. How many comparisons run at once is the engine's to say.
    """

    def __init__(
        self,
        engine: ChangeEngine,
        store: RecordStore,
        archive: ImageArchive,
        clock: Clock,
        retention: Retention | None = None,
        passes: int = 0,
    ) -> None:
        """``retention`` None keeps every live image; ``passes`` is how many live ones passed before."""
        self._engine = engine
        self._store = store
        self._archive = archive
        self._clock = clock
        self._retention = retention or Retention(every_nth_pass=1)
        self._passes = passes
        self._features: OrderedDict[str, Features] = OrderedDict()
        self._features_lock = Lock()
        self._count_lock = Lock()

    @property
    def engine(self) -> ChangeEngine:
        """The engine that serves."""
        return self._engine

    @property
    def stamp(self) -> EngineStamp:
        """How records name the model and the engine."""
        manifest, info = self._engine.manifest, self._engine.info
        return EngineStamp(manifest.name, manifest.sha256, info.label, info.precision)

    def inspect(self, request: InspectionRequest) -> InspectionRecord:
        """One image down the whole line: the record is committed when this returns.

        Raises:
            KeeperError: when the record could not be committed (disk full, database damaged).
        """
        return self.record([self.evaluate(request)])[0]

    def evaluate(self, request: InspectionRequest) -> InspectionResult:
        """The line without its last step: nothing is recorded."""
        return self.conclude(self.infer([self.prepare(request)])[0])

    def prepare(self, request: InspectionRequest) -> Prepared:
        """Check, align and make the tensor. Never raises: what fails is in ``error``."""
        load_ms = request.test.load_ms if isinstance(request.test, Frame) else 0.0
        started = self._clock.monotonic()
        outcome = guarded(lambda: self._prepare(request))
        timing = Timing(load_ms=load_ms, register_ms=self._since(started))
        if isinstance(outcome, InspectorError):
            return Prepared(request, timing, error=outcome)
        tensor, registration = outcome
        error = _alignment_error(request, registration)
        return Prepared(request, timing, tensor if error is None else None, registration, error)

    def infer(self, batch: Sequence[Prepared]) -> list[Inferred]:
        """Run the network over all of ``batch``, grouped by golden; order is kept. Never raises."""
        done: dict[int, Inferred] = {}
        groups: dict[str, list[int]] = {}
        for index, prepared in enumerate(batch):
            if prepared.tensor is None:
                done[index] = Inferred(
                    prepared.request, prepared.timing, None, prepared.registration, prepared.error
                )
            else:
                groups.setdefault(prepared.request.golden_ref.sha256, []).append(index)
        for indices in groups.values():
            done.update(zip(indices, self._infer_group([batch[i] for i in indices]), strict=True))
        return [done[index] for index in range(len(batch))]

    def conclude(self, inferred: Inferred) -> InspectionResult:
        """Find the defects, decide, and measure against the truth. Never raises."""
        started = self._clock.monotonic()
        outcome = guarded(lambda: self._judge(inferred))
        if isinstance(outcome, InspectorError):
            outcome = failed(inferred.request, outcome, self.stamp, inferred.timing)
        return replace(outcome, timing=replace(inferred.timing, post_ms=self._since(started)))

    def record(self, results: Sequence[InspectionResult]) -> list[InspectionRecord]:
        """Archive the images to be kept, then commit all results in one transaction; order is kept.

        Raises:
            KeeperError: nothing of ``results`` is recorded then.
        """
        return self.commit([self.pack(result) for result in results])

    def pack(self, result: InspectionResult) -> Packed:
        """The first half of ``record``: archive the image if it is to be kept, and let go of the pictures.

        Raises:
            KeeperError: the archive cannot be written.
        """
        return self._store.pack(result, self._archive_image(result))

    def commit(self, packed: Sequence[Packed]) -> list[InspectionRecord]:
        """The second half of ``record``: one transaction; order is kept.

        Raises:
            KeeperError: nothing is recorded then.
        """
        return self._store.commit(packed)

    def keep_file(self, data: bytes) -> None:
        """Archive an encoded file by its hash, so that a record that names it can be shown again.

        Raises:
            KeeperError: when the archive cannot be written.
        """
        self._archive.put_bytes(data)

    def _prepare(self, request: InspectionRequest) -> tuple[Tensor, Registration | None]:
        test, golden = request.test, request.golden
        if isinstance(test, InspectorError):
            raise test
        if isinstance(golden, InspectorError):
            raise golden
        spec = self._engine.manifest.input
        method = request.settings.alignment.method
        if method == "none":
            _check_sizes(test, golden)
            return to_tensor(test.pixels, spec), None
        registration = register(golden, test, method)
        warped = warp_to_golden(test, registration, (golden.width, golden.height))
        return to_tensor(warped, spec), registration

    def _infer_group(self, group: Sequence[Prepared]) -> list[Inferred]:
        started = self._clock.monotonic()
        outcome = guarded(lambda: self._run(group))
        if isinstance(outcome, InspectorError) and len(group) > 1:
            # One bad image must not take its neighbours with it.
            return [inferred for prepared in group for inferred in self._infer_group([prepared])]
        share = self._since(started) / len(group)
        timings = [replace(prepared.timing, infer_ms=share) for prepared in group]
        if isinstance(outcome, InspectorError):
            return [Inferred(group[0].request, timings[0], None, group[0].registration, outcome)]
        return [
            Inferred(prepared.request, timing, change_map, prepared.registration)
            for prepared, timing, change_map in zip(group, timings, outcome, strict=True)
        ]

    def _run(self, group: Sequence[Prepared]) -> list[ChangeMap]:
        golden = group[0].request.golden
        assert isinstance(golden, Frame)
        features = self._features_of(golden, group[0].request.golden_ref.sha256)
        tensors = [prepared.tensor for prepared in group if prepared.tensor is not None]
        levels = quantise(self._engine.compare(features, np.concatenate(tensors)))
        maps = []
        for prepared, level in zip(group, levels, strict=True):
            test = prepared.request.test
            assert isinstance(test, Frame)
            maps.append(
                ChangeMap(
                    level.copy(),
                    (test.width, test.height),
                    (golden.width, golden.height),
                    prepared.registration,
                )
            )
        return maps

    def _features_of(self, golden: Frame, key: str) -> Features:
        with self._features_lock:
            if key in self._features:
                self._features.move_to_end(key)
                return self._features[key]
            features = self._engine.encode_golden(to_tensor(golden.pixels, self._engine.manifest.input))
            self._features[key] = features
            while len(self._features) > GOLDENS_KEPT or (len(self._features) > 1 and self._over_budget()):
                self._features.popitem(last=False)
            return features

    def _over_budget(self) -> bool:
        return sum(map(self._engine.kept_bytes, self._features.values())) > GOLDEN_BYTES_KEPT

    def _judge(self, inferred: Inferred) -> InspectionResult:
        if inferred.error is not None:
            return failed(
                inferred.request, inferred.error, self.stamp, inferred.timing, inferred.registration
            )
        assert inferred.change_map is not None
        return judge(inferred.request, inferred.change_map, self.stamp, inferred.timing)

    def _archive_image(self, result: InspectionResult) -> str | None:
        request = result.request
        if not request.keep_image or not isinstance(request.test, Frame):
            return None
        with self._count_lock:
            self._passes += result.verdict is Verdict.PASS
            nth_pass = self._passes
        if not self._retention.keeps(result.verdict, nth_pass):
            return None
        return self._archive.put(request.test)

    def _since(self, started: float) -> float:
        return (self._clock.monotonic() - started) * 1000.0


def guarded(work: Callable[[], T]) -> T | InspectorError:
    """Run one image's work; a known fault is returned, a bug too, with its traceback in the log.

    The one place where anything may be caught: an image whose inspection broke must end as a recorded ERROR,
    not take the shift's other images with it.
    """
    try:
        return work()
    except InspectorError as error:
        return error
    except MemoryError:
        return KeeperError("out_of_memory", "There was not enough memory for this image.")
    except Exception as error:
        log.exception("an inspection broke")
        return KeeperError(
            "internal_error",
            f"The inspection broke ({type(error).__name__}: {error}).",
            "Please report this; the log holds the details.",
        )


def _check_sizes(test: Frame, golden: Frame) -> None:
    if (test.width, test.height) != (golden.width, golden.height):
        raise OperatorError(
            "size_mismatch",
            f"The test image is {test.width} x {test.height} but the golden is {golden.width} x "
            f"{golden.height}.",
            "Use images of one size, or a recipe with alignment on.",
        )


def _alignment_error(request: InspectionRequest, registration: Registration | None) -> InspectorError | None:
    if registration is None:
        return None
    try:
        check_alignment(registration, request.settings.alignment)
    except InspectorError as error:
        return error
    return None
