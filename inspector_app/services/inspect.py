"""The straight line: prepare, infer, conclude, record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TypeVar

from inspector_app.core.change_map import ChangeMap, Registration
from inspector_app.core.errors import InspectorError, KeeperError, OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import (
    EngineStamp,
    ImageRef,
    InspectionRecord,
    InspectionRequest,
    InspectionResult,
    Timing,
)
from inspector_app.core.protocols import ChangeEngine, Clock, ImageArchive, Packed, RecordStore
from inspector_app.core.recipe import View
from inspector_app.core.retention import Retention
from inspector_app.core.verdict import Verdict
from inspector_app.services.alignment import GoldenAligner
from inspector_app.services.judge import failed, judge
from inspector_app.services.views import Gathered, Look, ViewRunner
from inspector_app.vision.tiling import plan_tiles

log = logging.getLogger(__name__)
T = TypeVar("T")
MAP_BYTES = 128 * 2**20
"""So much memory the probability maps of one part of a batch may take, before they become 8-bit levels."""


class InferenceStopped(Exception):  # noqa: N818
    """Raised out of ``infer`` when its watch says that the result is not wanted any more."""


@dataclass(frozen=True)
class Watch:
    """What ``infer`` tells and asks between two calls of the network.

    ``progress`` gets the share of the batch that is done, 0 to 1; ``cancelled`` ends it early.
    """

    progress: Callable[[float], None] = lambda share: None
    cancelled: Callable[[], bool] = lambda: False


UNWATCHED = Watch()


class _Ticker:
    """Counts comparisons for a watch. Images that are tried a second time count once."""

    def __init__(self, watch: Watch, total: int) -> None:
        self._watch = watch
        self._total = total
        self._done = 0

    def tick(self, compared: int) -> None:
        """Some more are done.

        Raises:
            InferenceStopped: the rest is not wanted any more.
        """
        self._done = min(self._done + compared, self._total)
        self._watch.progress(self._done / self._total)
        if self._done < self._total and self._watch.cancelled():
            raise InferenceStopped


@dataclass(frozen=True, eq=False)
class Prepared:
    """A request that is ready for the network, or the reason why it cannot be.

    ``looks`` holds the test image against each golden that it can be held against, the best match first; empty
    when ``error`` is set. ``request`` names these goldens and no others.
    """

    request: InspectionRequest
    timing: Timing
    looks: tuple[Look, ...] = ()
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
    stamp: EngineStamp | None = None
    """The engine that answered, which need not be the one that serves when the map is judged."""


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
        self._views = ViewRunner(engine)
        self._aligner = GoldenAligner()
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

    def evaluate(self, request: InspectionRequest, watch: Watch = UNWATCHED) -> InspectionResult:
        """The line without its last step: nothing is recorded.

        Raises:
            InferenceStopped: see ``infer``.
        """
        return self.conclude(self.infer([self.prepare(request)], watch)[0])

    def prepare(self, request: InspectionRequest) -> Prepared:
        """Check, align and make what the network is shown. Never raises: what fails is in ``error``."""
        load_ms = request.test.load_ms if isinstance(request.test, Frame) else 0.0
        started = self._clock.monotonic()
        outcome = guarded(lambda: self._prepare(request))
        timing = Timing(load_ms=load_ms, register_ms=self._since(started))
        if isinstance(outcome, InspectorError):
            return Prepared(request, timing, error=outcome)
        return replace(outcome, timing=timing)

    def infer(self, batch: Sequence[Prepared], watch: Watch = UNWATCHED) -> list[Inferred]:
        """Run the network over all of ``batch``, grouped by golden; order is kept.

        Raises:
            InferenceStopped: when ``watch`` cancels; nothing of the batch is kept.
        """
        done = {
            index: Inferred(each.request, each.timing, None, each.registration, each.error)
            for index, each in enumerate(batch)
            if not each.looks
        }
        ready = [index for index in range(len(batch)) if index not in done]
        ticker = _Ticker(watch, sum(map(self._comparisons, batch)))
        with self._views.batch():
            for indices in self._chunks(batch, ready):
                found = self._infer_group([batch[index] for index in indices], ticker)
                done.update(zip(indices, found, strict=True))
        return [done[index] for index in range(len(batch))]

    def conclude(self, inferred: Inferred) -> InspectionResult:
        """Find the defects, decide, and measure against the truth. Never raises."""
        started = self._clock.monotonic()
        stamp = inferred.stamp or self.stamp
        outcome = guarded(lambda: self._judge(inferred, stamp))
        if isinstance(outcome, InspectorError):
            outcome = failed(inferred.request, outcome, stamp, inferred.timing)
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

    def _prepare(self, request: InspectionRequest) -> Prepared:
        test, golden = request.test, request.golden
        if isinstance(test, InspectorError):
            raise test
        if isinstance(golden, InspectorError):
            raise golden
        spec, view = self._engine.manifest.input, request.settings.view
        plan_tiles(view, spec, (golden.width, golden.height))
        goldens = (golden, *request.others)
        if request.settings.alignment.method == "none":
            for each in goldens:
                _check_sizes(test, each)
            look = Look.of(test, golden, None, view, spec)
            return Prepared(request, Timing(), tuple(replace(look, golden=each) for each in goldens))
        return self._align(request, test, goldens)

    def _align(self, request: InspectionRequest, test: Frame, goldens: Sequence[Frame]) -> Prepared:
        """Goldens that the image cannot be aligned with have no say."""
        spec, settings = self._engine.manifest.input, request.settings
        aligned = self._aligner.align(test, goldens, settings.alignment)
        if aligned.error is not None:
            return Prepared(request, Timing(), (), aligned.found[0][1], aligned.error)
        looks = [
            Look.of(test, golden, registration, settings.view, spec) for golden, registration in aligned.found
        ]
        if len(looks) < len(goldens):
            request = _against(request, [look.golden for look in looks])
        return Prepared(request, Timing(), tuple(looks), looks[0].registration)

    def _comparisons(self, prepared: Prepared) -> int:
        view = prepared.request.settings.view
        return sum(self._views.comparisons(view, look.golden) for look in prepared.looks)

    def _chunks(self, batch: Sequence[Prepared], ready: Sequence[int]) -> Iterator[list[int]]:
        """Parts of a batch whose maps fit into memory together; most batches are one part."""
        chunk: list[int] = []
        size = 0
        for index in ready:
            width, height = self._grid(batch[index])
            if chunk and size + 4 * width * height > MAP_BYTES:
                yield chunk
                chunk, size = [], 0
            chunk.append(index)
            size += 4 * width * height
        if chunk:
            yield chunk

    def _grid(self, prepared: Prepared) -> tuple[int, int]:
        """Of the golden's map, ``(width, height)``."""
        spec, golden = self._engine.manifest.input, prepared.looks[0].golden
        return prepared.request.settings.view.grid((spec.width, spec.height), (golden.width, golden.height))

    def _infer_group(self, group: Sequence[Prepared], ticker: _Ticker) -> list[Inferred]:
        started = self._clock.monotonic()
        outcome = guarded(lambda: self._run(group, ticker))
        stamp = self.stamp
        if isinstance(outcome, InspectorError) and len(group) > 1:
            # One bad image must not take its neighbours with it.
            return [inferred for prepared in group for inferred in self._infer_group([prepared], ticker)]
        share = self._since(started) / len(group)
        timings = [replace(prepared.timing, infer_ms=share) for prepared in group]
        if isinstance(outcome, InspectorError):
            return [Inferred(group[0].request, timings[0], None, group[0].registration, outcome, stamp)]
        return [
            Inferred(prepared.request, timing, change_map, prepared.registration, None, stamp)
            for prepared, timing, change_map in zip(group, timings, outcome, strict=True)
        ]

    def _run(self, group: Sequence[Prepared], ticker: _Ticker) -> list[ChangeMap]:
        """One golden after the other, with all images that are held against it.

        In one order whatever the group, by the goldens' hashes: an image's odds are added up in float32, and must
        come to the same beside other images.
        """
        gathered = [self._gather(prepared) for prepared in group]
        looks: dict[tuple[str, View], list[tuple[int, Look]]] = {}
        for index, prepared in enumerate(group):
            for look in prepared.looks:
                key = (look.golden.sha256, prepared.request.settings.view)
                looks.setdefault(key, []).append((index, look))
        for (_, view), members in sorted(looks.items(), key=lambda entry: entry[0][0]):
            found = self._views.run([look for _, look in members], view, ticker.tick)
            for (index, look), probability in zip(members, found, strict=True):
                gathered[index].add(probability, look.registration)
        return [each.change_map() for each in gathered]

    def _gather(self, prepared: Prepared) -> Gathered:
        test, spec = prepared.request.test, self._engine.manifest.input
        assert isinstance(test, Frame)
        grid = prepared.request.settings.view.grid((spec.width, spec.height), (test.width, test.height))
        return Gathered(prepared.looks, (test.width, test.height), grid)

    def _judge(self, inferred: Inferred, stamp: EngineStamp) -> InspectionResult:
        if inferred.error is not None:
            return failed(inferred.request, inferred.error, stamp, inferred.timing, inferred.registration)
        assert inferred.change_map is not None
        return judge(inferred.request, inferred.change_map, stamp, inferred.timing)

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
    except InferenceStopped:
        raise
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


def _against(request: InspectionRequest, goldens: Sequence[Frame]) -> InspectionRequest:
    """The same request with only these goldens, the best match first."""
    return replace(request, golden=goldens[0], golden_ref=ImageRef.of(goldens[0]), others=tuple(goldens[1:]))
