"""The plans of one model on one GPU: taken from the store, or built into it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from inspector_app.core.errors import KeeperError
from inspector_app.engines.golden_split import Unsplit
from inspector_app.engines.models import Model, sha256_of
from inspector_app.engines.tensorrt.build import build_plan
from inspector_app.engines.tensorrt.builder import BuildJob, InputRange, Shape
from inspector_app.engines.tensorrt.device import Card
from inspector_app.engines.tensorrt.parts import SHARED, DeviceParts, device_parts
from inspector_app.engines.tensorrt.plans import (
    BatchRange,
    BuildSettings,
    Part,
    PlanKey,
    PlanStore,
    StoredPlan,
    profile_text,
)
from inspector_app.engines.tensorrt.progress import BuildProgress

_LOG = logging.getLogger(__name__)
_UNBUILDABLE = ("plan_parse_failed", "plan_build_failed")
PLAN_MISSING = "plan_missing"
"""The code of a refusal that a build mends."""
_HOW_TO_BUILD = "The window builds it by itself; on the command line --engine tensorrt does, or doctor --gpu"


@dataclass(frozen=True)
class PlanSet:
    """What runs images of one size.

    Attributes:
        golden: the plan of what depends on the golden alone; None when the graph is run whole.
        main: the plan of the rest, or of the whole graph.
        note: why the graph is run whole; "" when it is not.
    """

    golden: bytes | None
    main: bytes
    note: str


@dataclass(frozen=True)
class BuildRules:
    """How plans are made.

    Attributes:
        batches: for graphs with a dynamic batch.
        may_build: False to refuse instead, while another engine serves.
        on_progress, cancelled: called on the thread that waits for a build, which may be the engine's own.
    """

    batches: BatchRange = field(default_factory=BatchRange)
    settings: BuildSettings = field(default_factory=BuildSettings)
    may_build: bool = True
    on_progress: Callable[[BuildProgress], None] = lambda progress: None
    cancelled: Callable[[], bool] = lambda: False


class PlanLibrary:
    """Plans of ``model`` for one TensorRT and one card."""

    def __init__(self, model: Model, store: PlanStore, version: str, card: Card, rules: BuildRules) -> None:
        """``version`` is TensorRT's own, whole.

        Raises:
            KeeperError: ``model_missing``, ``model_unreadable``.
        """
        self._model = model
        self._store = store
        self._version = version
        self._card = card
        self._rules = rules
        self._sha256 = sha256_of(model.path)
        fixed = model.manifest.batch
        self.batches = BatchRange(fixed, fixed) if fixed else rules.batches

    def get(self, height: int, width: int) -> PlanSet:
        """The plans for images of ``height x width``, built if they are not there.

        Raises:
            KeeperError: ``plan_missing`` when they may not be built now; see ``build_plan``.
        """
        golden, rest = (self._load(part, height, width) for part in ("golden", "rest"))
        if golden and rest:
            return PlanSet(golden.data, rest.data, "")
        whole = self._load("whole", height, width)
        if whole:
            return PlanSet(None, whole.data, whole.note)
        if not self._rules.may_build:
            raise KeeperError(
                PLAN_MISSING, "its plan for this model and this GPU is not built yet", _HOW_TO_BUILD
            )
        return self._build(height, width)

    def discard(self, height: int, width: int) -> None:
        """Remove the plans of this size, which TensorRT does not load."""
        for part in ("golden", "rest", "whole"):
            self._store.forget(self._key(part, height, width))

    def _build(self, height: int, width: int) -> PlanSet:
        parts = self._split(height, width)
        if isinstance(parts, Unsplit):
            return self._build_whole(height, width, parts.reason)
        try:
            golden = self._build_part(self._golden_job(parts, height, width), 0, 2)
            rest = self._build_part(self._rest_job(parts, height, width), 1, 2)
        except KeeperError as error:
            if error.code not in _UNBUILDABLE:
                raise
            return self._build_whole(height, width, f"TensorRT does not take its parts: {error.message}")
        return PlanSet(golden.data, rest.data, "")

    def _split(self, height: int, width: int) -> DeviceParts | Unsplit:
        try:
            return device_parts(self._model, height, width)
        except KeeperError as error:
            # The processor need not have every operator and type that a GPU has.
            return Unsplit(f"its parts cannot be checked on the processor: {error.message}")

    def _build_whole(self, height: int, width: int, note: str) -> PlanSet:
        manifest = self._model.manifest
        names = (manifest.test_input, manifest.golden_input)
        ranges = [self._batched(name, (1, 3, height, width)) for name in names]
        key = self._key("whole", height, width)
        job = self._job(self._model.path, key, note, ranges, (manifest.output,))
        stored = self._build_part(job, 0, 1)
        return PlanSet(None, stored.data, note)

    def _golden_job(self, parts: DeviceParts, height: int, width: int) -> BuildJob:
        manifest = self._model.manifest
        one = _fixed(manifest.golden_input, (manifest.batch or 1, 3, height, width))
        return self._job(parts.golden, self._key("golden", height, width), "", [one], tuple(parts.kept))

    def _rest_job(self, parts: DeviceParts, height: int, width: int) -> BuildJob:
        manifest = self._model.manifest
        kept = [
            _fixed(name, share) if name.endswith(SHARED) else self._batched(name, share)
            for name, share in parts.kept.items()
        ]
        ranges = [self._batched(manifest.test_input, (1, 3, height, width)), *kept]
        return self._job(parts.rest, self._key("rest", height, width), "", ranges, (manifest.output,))

    def _job(
        self,
        graph: Path | bytes,
        key: PlanKey,
        note: str,
        inputs: list[InputRange],
        outputs: tuple[str, ...],
    ) -> BuildJob:
        settings = self._rules.settings
        folder = self._store.folder
        return BuildJob(graph, key, note, tuple(inputs), outputs, folder, settings, self._card.index)

    def _build_part(self, job: BuildJob, number: int, plans: int) -> StoredPlan:
        """Plan ``number`` (from 0) of ``plans``."""
        stored = self._store.load(job.key)
        if stored is None:
            began = time.monotonic()
            _LOG.info("building the TensorRT plan (%s) of %s", job.key.part, self._model.manifest.name)

            def tell(progress: BuildProgress) -> None:
                self._rules.on_progress(replace(progress, number=number, plans=plans))

            build_plan(job, tell, self._rules.cancelled)
            _LOG.info("the plan was built in %.0f s", time.monotonic() - began)
            stored = self._store.load(job.key)
        if stored is None:
            raise KeeperError("plan_build_failed", "The plan that was built cannot be read back.")
        return stored

    def _batched(self, name: str, share: Shape) -> InputRange:
        """The range of an input that takes ``share`` for each image, along axis 0."""
        sizes = (self._model.manifest.batch or 1, self.batches.best, self.batches.most)
        least, best, most = ((share[0] * batch, *share[1:]) for batch in sizes)
        return InputRange(name, least, best, most)

    def _load(self, part: Part, height: int, width: int) -> StoredPlan | None:
        return self._store.load(self._key(part, height, width))

    def _key(self, part: Part, height: int, width: int) -> PlanKey:
        manifest = self._model.manifest
        return PlanKey(
            model_sha256=self._sha256,
            part=part,
            tensorrt=self._version,
            gpu=self._card.name,
            capability=self._card.capability,
            precision=manifest.precision,
            profile=profile_text(self.batches, height, width, self._rules.settings),
            names=f"{manifest.test_input} {manifest.golden_input} {manifest.output}",
        )


def _fixed(name: str, shape: Shape) -> InputRange:
    return InputRange(name, shape, shape, shape)
