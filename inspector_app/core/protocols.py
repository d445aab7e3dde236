"""The seams of the house: what services ask of engines, sources, stores and clocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import ChangeMap
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import (
    DefectRecord,
    DispositionEntry,
    InspectionRecord,
    InspectionResult,
)
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.recipe import Recipe
from inspector_app.core.verdict import Verdict

Tensor = NDArray[np.float32]
Features = object
"""What an engine keeps of a golden; opaque, and dead with its engine."""
Packed = object
"""A result as its store will write it; opaque."""


@dataclass(frozen=True)
class Refusal:
    """An engine that was tried and does not serve, with the reason and what would help.

    ``code`` is the fault's, "" where there is none.
    """

    engine: str
    reason: str
    hint: str = ""
    code: str = ""


@dataclass(frozen=True)
class EngineInfo:
    """The engine that actually runs.

    Attributes:
        name: e.g. ``onnxruntime``.
        provider: what really computes, e.g. ``CPU`` or ``CUDA``.
        precision: e.g. ``float32``.
        device: the processor's or the card's name, where it is known.
        refusals: the better engines that were tried first, and why they do not serve.
        golden_note: why the golden is computed anew for each image; "" when it is computed once and kept.
    """

    name: str
    provider: str
    precision: str
    device: str = ""
    refusals: tuple[Refusal, ...] = ()
    golden_note: str = ""

    @property
    def label(self) -> str:
        """For the screen and the record, e.g. ``onnxruntime CPU``."""
        return f"{self.name} {self.provider}"


class ChangeEngine(Protocol):
    """Runs one change-segmentation network.

    ``encode_golden`` may be called from any thread at any time, ``compare`` and ``compare_each`` from up to
    ``parallel`` threads at once; more than that wait for each other.
    """

    @property
    def info(self) -> EngineInfo:
        """What runs."""

    @property
    def manifest(self) -> ModelManifest:
        """How the network is fed and read."""

    @property
    def parallel(self) -> int:
        """How many comparing calls gain by running at the same time, on threads of their own; at least 1."""

    @property
    def pairs_per_call(self) -> int:
        """How many pairs a call should be given, whatever their goldens; 1 where those of one golden at a time
        are as quick."""

    def encode_golden(self, golden: Tensor) -> Features:
        """Keep what depends on the golden alone.

        Args:
            golden: ``1 x 3 x H x W`` float32.
        """

    def compare(self, features: Features, tests: Tensor) -> NDArray[np.float32]:
        """The probability of change.

        Args:
            features: from ``encode_golden`` of this engine.
            tests: ``N x 3 x H x W`` float32, any N of at least 1.

        Returns:
            ``N x H x W`` float32 in 0..1, owned by the caller.

        Raises:
            KeeperError: when the device or the graph fails.
        """

    def compare_each(self, features: Sequence[Features], tests: Tensor) -> NDArray[np.float32]:
        """As ``compare``, each test against a golden of its own.

        Args:
            features: from ``encode_golden`` of this engine, of goldens of one size; ``features[i]`` belongs to
                ``tests[i]``.
            tests: ``N x 3 x H x W`` float32.
        """

    def kept_bytes(self, features: Features) -> int:
        """The memory that ``features`` hold now, on the device or beside it."""

    def close(self) -> None:
        """Free the device; no further calls."""


class FrameSource(Protocol):
    """A camera, stream, video or folder. One thread at a time uses it."""

    @property
    def name(self) -> str:
        """For the screen."""

    def open(self) -> None:
        """Connect.

        Raises:
            OperatorError: when it is not there.
        """

    def grab(self, timeout_s: float) -> Frame | None:
        """The newest frame, None when none came in time or the source has ended (see ``ended``).

        Raises:
            OperatorError: when the source was lost, or a frame could not be decoded.
        """

    @property
    def ended(self) -> bool:
        """True once a finite source (video, folder) has given its last frame."""

    def close(self) -> None:
        """Disconnect; may be opened again."""


class Clock(Protocol):
    """The time, so that tests can set it."""

    def now(self) -> datetime:
        """UTC, aware."""

    def monotonic(self) -> float:
        """Seconds, for measuring."""


class RunState(StrEnum):
    """How a run stands. ``RUNNING`` after a crash means that it was cut off and can be resumed."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True)
class RunInfo:
    """What a batch run is: ``fingerprint`` is a hash of all that decides its results."""

    label: str
    folder: str
    fingerprint: str
    model: str
    model_sha256: str
    engine: str
    settings_json: str = "{}"


@dataclass(frozen=True)
class DoneImage:
    """What a run recorded of one image: enough to see whether it would have to be done again."""

    inspection_id: int
    image_sha256: str
    golden_sha256: str
    truth_name: str
    """Of the annotation; "" without one."""
    truth_sha256: str
    error_code: str


@dataclass(frozen=True)
class RunRecord:
    """A run as the store gives it back, with its totals by verdict."""

    id: int
    info: RunInfo
    state: RunState
    started: datetime
    finished: datetime | None
    n_images: int
    verdicts: dict[Verdict, int]


@dataclass(frozen=True)
class HistoryFilter:
    """Which records are wanted; empty fields do not restrict. Texts match whole, ignoring case.

    ``final_verdicts`` looks at what stands after dispositions, ``verdicts`` at the machine's own.
    ``text`` is looked for anywhere in image name, serial, lot and recipe. ``since`` is inclusive, ``until`` is not.
    """

    run_id: int | None = None
    text: str = ""
    serial: str = ""
    lot: str = ""
    operator: str = ""
    recipe: str = ""
    recipe_revision: int | None = None
    verdicts: tuple[Verdict, ...] = ()
    final_verdicts: tuple[Verdict, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    live_only: bool = False


@dataclass(frozen=True)
class RecipeRevision:
    """A stored, immutable revision of a recipe."""

    revision: int
    recipe: Recipe
    author: str
    note: str
    time: datetime


@dataclass(frozen=True)
class Counters:
    """Totals over a filter.

    ``first_pass`` counts first attempts that passed; FPY is ``first_pass / first_attempts``. The times leave
    ERROR verdicts out, which end before the work is done.
    """

    total: int = 0
    by_verdict: tuple[tuple[Verdict, int], ...] = ()
    first_attempts: int = 0
    first_pass: int = 0
    min_ms: float | None = None
    mean_ms: float | None = None
    max_ms: float | None = None

    def of(self, verdict: Verdict) -> int:
        """How many have this machine verdict."""
        return dict(self.by_verdict).get(verdict, 0)

    @property
    def first_pass_yield(self) -> float | None:
        """FPY, None before the first unit."""
        return self.first_pass / self.first_attempts if self.first_attempts else None


class RecordStore(Protocol):
    """Where records live. Every method is one transaction and may be called from any thread."""

    def add(
        self, results: Sequence[InspectionResult], archive_keys: Sequence[str | None]
    ) -> list[InspectionRecord]:
        """Commit inspections with their defects and 8-bit maps, durably, all or none; order kept.

        An image that its run has recorded before supersedes the earlier record: that one stays, but no longer
        counts as part of the run.
        """

    def pack(self, result: InspectionResult, archive_key: str | None) -> Packed:
        """All that is stored of a result, small and without its pictures; no transaction, nothing is written."""

    def commit(self, packed: Sequence[Packed]) -> list[InspectionRecord]:
        """``add`` for results that were packed before."""

    def get(self, inspection_id: int) -> InspectionRecord | None:
        """One record."""

    def get_map(self, inspection_id: int) -> ChangeMap | None:
        """The change map of a record, just as it was judged."""

    def defects(self, inspection_id: int) -> list[DefectRecord]:
        """The defects of one record, the largest first."""

    def search(
        self, wanted: HistoryFilter, *, limit: int = 200, before_id: int | None = None
    ) -> list[InspectionRecord]:
        """The newest first; the next page has ``before_id`` set to the last page's least id."""

    def iterate(self, wanted: HistoryFilter) -> Iterator[InspectionRecord]:
        """All that match, in order of id, in bounded memory."""

    def iterate_defects(self, wanted: HistoryFilter) -> Iterator[DefectRecord]:
        """The defects of all records that match, in order of inspection, in bounded memory."""

    def counters(self, wanted: HistoryFilter) -> Counters:
        """Totals over what matches."""

    def dispose(self, inspection_id: int, entry: DispositionEntry) -> InspectionRecord:
        """Append a person's decision; earlier ones stay."""

    def start_run(self, info: RunInfo) -> int:
        """A new run, RUNNING."""

    def finish_run(self, run_id: int, state: RunState) -> None:
        """Set a run's end (DONE or STOPPED), or RUNNING again on resume."""

    def runs(self, limit: int = 50) -> list[RunRecord]:
        """The newest first."""

    def find_run(self, fingerprint: str) -> RunRecord | None:
        """The newest run with this fingerprint."""

    def done_in_run(self, run_id: int) -> dict[str, DoneImage]:
        """By image name (as in ``ImageRef.name``), all images recorded in a run."""

    def leave_out_of_run(self, run_id: int, names: Sequence[str]) -> None:
        """These images no longer count as part of the run; their records stay in the history."""

    def add_recipe_revision(self, recipe: Recipe, author: str, note: str) -> RecipeRevision:
        """Store as the next revision of ``recipe.name``."""

    def recipe_revision(self, name: str, revision: int | None = None) -> RecipeRevision | None:
        """A revision, the newest when none is named."""

    def recipes(self) -> list[RecipeRevision]:
        """The newest revision of each recipe, by name."""

    def recipe_history(self, name: str) -> list[RecipeRevision]:
        """All revisions of one recipe, the newest first."""

    def add_event(self, kind: str, text: str) -> None:
        """Note something that happened at the station (engine changed, camera lost)."""

    def close(self) -> None:
        """Close the database."""


class ImageArchive(Protocol):
    """Content-addressed images."""

    def put(self, frame: Frame) -> str:
        """Store a frame's pixels losslessly and durably; returns its key. Twice the same is stored once.

        Raises:
            KeeperError: when the disk is full or cannot be written.
        """

    def get(self, key: str) -> Frame:
        """Load an archived frame.

        Raises:
            KeeperError: when it is missing or damaged.
        """

    def put_bytes(self, data: bytes) -> str:
        """Store encoded bytes (a golden's file) durably as they are; returns their sha256 in hex.

        Raises:
            KeeperError: when the disk is full or cannot be written.
        """

    def get_bytes(self, sha256: str) -> bytes:
        """The bytes that ``put_bytes`` stored.

        Raises:
            KeeperError: when they are missing or damaged.
        """
