"""What happens on the Batch page: a run in the background, its records, its totals; or an earlier run again."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from inspector_app.bootstrap import Inspector
from inspector_app.core.inspection import Identity, InspectionRecord
from inspector_app.core.protocols import HistoryFilter, RunRecord, RunState
from inspector_app.engines.cores import side_by_side
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.batch import BatchOutcome, BatchProgress
from inspector_app.services.export import export_defects, export_images
from inspector_app.services.summary import BatchSummary, Tally
from inspector_app.ui.batch.plan import BatchSetup, annotations_for, golden_for, plan_batch
from inspector_app.ui.jobs import Failure, Job, JobContext
from inspector_app.ui.tools import RECORD_LANE, Tools

BATCH_LANE = "batch"
CHUNK = 500
TOTALS_EVERY_S = 1.0
"""The totals grow with all rows so far, so they are not made anew for each of thousands of batches."""

SEEN_EVERY_S = 0.25


@dataclass(frozen=True)
class RunView:
    """How far the run on screen is."""

    run_id: int | None = None
    label: str = ""
    running: bool = False
    done: int = 0
    total: int = 0
    rate: float | None = None
    left_s: float | None = None
    seen: float = 0.0
    """How many images the network is done with, the one at hand in part."""
    state: RunState | None = None


class BatchPresenter(QObject):
    """Views read its attributes after its signals."""

    setup_changed = Signal()
    run_changed = Signal()
    cleared = Signal()
    records_came = Signal(object)
    summary_changed = Signal()
    runs_changed = Signal()

    def __init__(self, tools: Tools, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tools = tools
        self.setup = BatchSetup(model=tools.inspector.settings.default_model)
        self.run = RunView()
        self.summary: BatchSummary | None = None
        self.runs: tuple[RunRecord, ...] = ()
        self._tally = Tally()
        self._summed_at = self._seen_at = 0.0
        self._job: Job[BatchOutcome] | None = None
        self._opening: int | None = None
        self._opening_job: Job[RunRecord | None] | None = None

    # What to score

    def choose_folder(self, folder: Path) -> None:
        """The test images; golden and annotations that lie beside them by custom are taken along."""
        truth = annotations_for(folder)
        golden = self.setup.golden or (None if self.setup.recipe else golden_for(folder))
        self.change(folder=folder, truth=truth, golden=golden)

    def choose_golden(self, golden: Path) -> None:
        """A golden file or a folder of them, in place of a recipe."""
        self.change(golden=golden, recipe="")

    def change(self, **changes: object) -> None:
        """Another set-up."""
        self.setup = replace(self.setup, **changes)  # type: ignore[arg-type]
        self.setup_changed.emit()

    def set_identity(self, identity: Identity) -> None:
        """Lot, operator and station of the next run; its images have no serial."""
        self.setup = replace(self.setup, identity=replace(identity, serial=""))

    # Running

    def start(self) -> None:
        """Score what is set up."""
        if self.run.running:
            return
        setup, inspector = self.setup, self._tools.inspector
        self._begin(
            RunView(label="demo" if setup.demo else (setup.folder.name if setup.folder else ""), running=True)
        )
        self._job = self._tools.runner.submit(
            BATCH_LANE,
            lambda context: run_batch(inspector, setup, context),
            self._ended,
            self._failed,
            progress=self._progress,
        )

    def start_demo(self) -> None:
        """Score the bundled demo set."""
        self.change(demo=True)
        self.start()
        self.change(demo=False)

    def cancel(self) -> None:
        """Stop after what is begun; what is done is kept."""
        if self._job is not None:
            self._job.cancel()

    def _begin(self, view: RunView) -> None:
        self._opening = None
        self.run, self.summary, self._tally = view, None, Tally()
        self._summed_at = 0.0
        self.cleared.emit()
        self.summary_changed.emit()
        self.run_changed.emit()

    def _progress(self, progress: BatchProgress | float) -> None:
        if isinstance(progress, float):
            self._show_seen(progress)
            return
        self.run = replace(
            self.run,
            run_id=progress.run_id,
            done=progress.done + progress.skipped,
            total=progress.total,
            rate=progress.rate,
            left_s=progress.left_s,
        )
        self._take(progress.records)
        self.run_changed.emit()

    def _show_seen(self, images: float) -> None:
        """A large image takes a minute: the bar moves while the network is at it, ahead of the count."""
        now = time.monotonic()
        if now - self._seen_at >= SEEN_EVERY_S:
            self._seen_at = now
            self.run = replace(self.run, seen=images)
            self.run_changed.emit()

    def _take(self, records: tuple[InspectionRecord, ...]) -> None:
        for record in records:
            self._tally.add_record(record)
        self.records_came.emit(records)
        if time.monotonic() - self._summed_at >= TOTALS_EVERY_S:
            self._sum_up()

    def _sum_up(self) -> None:
        self._summed_at = time.monotonic()
        self.summary = self._tally.summary()
        self.summary_changed.emit()

    def _ended(self, outcome: BatchOutcome) -> None:
        self._job = None
        done = self.run.done if outcome.state is RunState.STOPPED else self.run.total
        self.run = replace(
            self.run, run_id=outcome.run_id, running=False, state=outcome.state, done=done, left_s=None
        )
        self.summary = outcome.summary
        self.summary_changed.emit()
        self.run_changed.emit()
        self.list_runs()

    def _failed(self, failure: Failure) -> None:
        self._job = None
        self.run = replace(self.run, running=False, state=RunState.STOPPED, left_s=None)
        self._tools.errors.failure(failure)
        self._sum_up()
        self.run_changed.emit()
        self.list_runs()

    # Earlier runs

    def list_runs(self) -> None:
        """Ask for the newest runs."""
        store = self._tools.inspector.store
        self._tools.runner.submit(
            RECORD_LANE, lambda context: tuple(store.runs()), self._listed, self._tools.errors.failure
        )

    def _listed(self, runs: tuple[RunRecord, ...]) -> None:
        self.runs = runs
        self.runs_changed.emit()

    def open_run(self, run_id: int) -> None:
        """Show an earlier run."""
        if self.run.running:
            return
        inspector = self._tools.inspector
        self._begin(RunView(run_id=run_id))
        self._opening = run_id
        if self._opening_job is not None:
            self._opening_job.cancel()
        self._opening_job = self._tools.runner.submit(
            BATCH_LANE,
            lambda context: read_run(inspector, run_id, context),
            self._run_read,
            self._tools.errors.failure,
            progress=lambda records: self._take(records) if self._opening == run_id else None,
        )

    def _run_read(self, run: RunRecord | None) -> None:
        if run is not None and self._opening == run.id:
            self._opening = None
            self.run = RunView(run.id, run.info.label, False, run.n_images, run.n_images, state=run.state)
            self._sum_up()
            self.run_changed.emit()

    # Export

    def export(self, path: Path, *, defects: bool) -> None:
        """Write the run on screen as CSV."""
        if self.run.run_id is None:
            return
        store, wanted = self._tools.inspector.store, HistoryFilter(run_id=self.run.run_id)
        write = export_defects if defects else export_images
        self._tools.runner.submit(
            RECORD_LANE,
            lambda context: write(store, wanted, path),
            lambda rows: self._tools.errors.info(f"{rows:,} rows written to {path}."),
            self._tools.errors.failure,
        )


def run_batch(inspector: Inspector, setup: BatchSetup, context: JobContext) -> BatchOutcome:
    """For a worker: the batch has an engine of its own, so that the Inspect page stays free."""
    planned = plan_batch(inspector, setup)
    service = inspector.open_service(
        planned.model, EngineChoice(inspector.settings.engine), parallel=side_by_side()
    )
    try:
        return inspector.batch(service).run(
            planned.job, context.report, context.cancelled, None, context.report
        )
    finally:
        service.engine.close()


def read_run(inspector: Inspector, run_id: int, context: JobContext) -> RunRecord | None:
    """For a worker: reports the records in chunks."""
    chunk: list[InspectionRecord] = []
    for record in inspector.store.iterate(HistoryFilter(run_id=run_id)):
        if context.cancelled():
            return None
        chunk.append(record)
        if len(chunk) == CHUNK:
            context.report(tuple(chunk))
            chunk = []
    context.report(tuple(chunk))
    return next((run for run in inspector.store.runs(10_000) if run.id == run_id), None)
