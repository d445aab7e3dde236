"""The record store on SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import func, insert, select

from inspector_app.core.change_map import ChangeMap
from inspector_app.core.inspection import (
    DefectRecord,
    DispositionEntry,
    InspectionRecord,
    InspectionResult,
)
from inspector_app.core.protocols import (
    Clock,
    Counters,
    DoneImage,
    HistoryFilter,
    Packed,
    RecipeRevision,
    RunInfo,
    RunRecord,
    RunState,
)
from inspector_app.core.recipe import Recipe
from inspector_app.storage import inspections, queries, revisions, runs, schema
from inspector_app.storage.database import Database, is_writable
from inspector_app.storage.mappers import NewRows, rows_of
from inspector_app.storage.tables import EventRow, InspectionRow

BUSY_TIMEOUT_MS = 10_000
PAGE = 500


class SqlRecordStore:
    """``RecordStore`` in one SQLite file (WAL, synchronous FULL), safe across threads and processes.

    Every method may raise ``KeeperError``: ``disk_full``, ``database_locked``, ``database_damaged``,
    ``folder_not_writable`` or ``database_io``; a failed write leaves nothing behind.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        app_version: str,
        *,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        only_look: bool = False,
    ) -> None:
        """Open the database at ``path``, creating or upgrading it.

        With ``only_look`` one that may not be written is opened too: reading works, every write is a
        ``folder_not_writable``.

        Raises:
            KeeperError: as above, or ``database_newer`` or ``database_foreign``; the file is then untouched.
        """
        read_only = only_look and path.is_file() and not is_writable(path)
        schema.prepare(path, clock.now(), busy_timeout_ms, read_only)
        self._database = Database(path, busy_timeout_ms, read_only)
        self._clock = clock
        self._app_version = app_version

    def add(
        self, results: Sequence[InspectionResult], archive_keys: Sequence[str | None]
    ) -> list[InspectionRecord]:
        """Commit inspections with their defects and 8-bit maps, durably, all or none; order kept.

        Raises:
            ValueError: when there is not one key (or None) for each result.
        """
        return self.commit([self.pack(*each) for each in zip(results, archive_keys, strict=True)])

    def pack(self, result: InspectionResult, archive_key: str | None) -> NewRows:
        """See ``RecordStore.pack``: the rows, with the map as a PNG."""
        return rows_of(result, archive_key, self._app_version)

    def commit(self, packed: Sequence[Packed]) -> list[InspectionRecord]:
        """Commit what ``pack`` made, durably, all or none; order kept."""
        news = [each for each in packed if isinstance(each, NewRows)]
        if len(news) < len(packed):
            raise ValueError("packed by another store")
        if not news:
            return []
        with self._database.writing() as session:
            return inspections.add_all(session, news, self._clock.now())

    def get(self, inspection_id: int) -> InspectionRecord | None:
        """One record."""
        with self._database.reading() as session:
            return next(iter(inspections.load(session, [inspection_id])), None)

    def get_map(self, inspection_id: int) -> ChangeMap | None:
        """The change map of a record, just as it was judged."""
        with self._database.reading() as session:
            return inspections.load_map(session, inspection_id, self._database.path)

    def defects(self, inspection_id: int) -> list[DefectRecord]:
        """The defects of one record, the largest first."""
        with self._database.reading() as session:
            return list(inspections.load_defects(session, [inspection_id]))

    def search(
        self, wanted: HistoryFilter, *, limit: int = 200, before_id: int | None = None
    ) -> list[InspectionRecord]:
        """The newest first; the next page has ``before_id`` set to the last page's least id."""
        with self._database.reading() as session:
            ids = session.scalars(queries.newest_ids(wanted, limit, before_id)).all()
            return inspections.load(session, ids)

    def iterate(self, wanted: HistoryFilter) -> Iterator[InspectionRecord]:
        """All that match, in order of id, in bounded memory.

        It ends at the newest record there was when it began. Each page is a transaction of its own, so that
        a slow reader does not keep SQLite from folding its log back into the file.
        """
        for ids in self._pages(wanted):
            with self._database.reading() as session:
                page = inspections.load(session, ids)
            yield from page

    def iterate_defects(self, wanted: HistoryFilter) -> Iterator[DefectRecord]:
        """The defects of all records that match, in order of inspection, in bounded memory."""
        for ids in self._pages(wanted):
            with self._database.reading() as session:
                page = list(inspections.load_defects(session, ids))
            yield from page

    def counters(self, wanted: HistoryFilter) -> Counters:
        """Totals over what matches."""
        with self._database.reading() as session:
            return inspections.count(session, wanted)

    def dispose(self, inspection_id: int, entry: DispositionEntry) -> InspectionRecord:
        """Append a person's decision; earlier ones stay.

        Raises:
            KeeperError: ``record_missing``.
        """
        with self._database.writing() as session:
            inspections.dispose(session, inspection_id, entry)
            return inspections.load(session, [inspection_id])[0]

    def start_run(self, info: RunInfo) -> int:
        """A new run, RUNNING."""
        with self._database.writing() as session:
            return runs.start(session, info, self._clock.now())

    def finish_run(self, run_id: int, state: RunState) -> None:
        """Set a run's end (DONE or STOPPED), or RUNNING again on resume.

        Raises:
            KeeperError: ``run_missing``.
        """
        with self._database.writing() as session:
            runs.finish(session, run_id, state, self._clock.now())

    def runs(self, limit: int = 50) -> list[RunRecord]:
        """The newest first."""
        with self._database.reading() as session:
            return runs.newest(session, limit)

    def find_run(self, fingerprint: str) -> RunRecord | None:
        """The newest run with this fingerprint."""
        with self._database.reading() as session:
            return runs.find(session, fingerprint)

    def done_in_run(self, run_id: int) -> dict[str, DoneImage]:
        """By image name (as in ``ImageRef.name``), all images recorded in a run."""
        with self._database.reading() as session:
            return runs.done(session, run_id)

    def leave_out_of_run(self, run_id: int, names: Sequence[str]) -> None:
        """These images no longer count as part of the run; their records stay in the history."""
        with self._database.writing() as session:
            runs.leave_out(session, run_id, names)

    def add_recipe_revision(self, recipe: Recipe, author: str, note: str) -> RecipeRevision:
        """Store as the next revision of ``recipe.name``."""
        with self._database.writing() as session:
            return revisions.add(session, recipe, author, note, self._clock.now())

    def recipe_revision(self, name: str, revision: int | None = None) -> RecipeRevision | None:
        """A revision, the newest when none is named."""
        with self._database.reading() as session:
            return revisions.get(session, name, revision)

    def recipes(self) -> list[RecipeRevision]:
        """The newest revision of each recipe, by name."""
        with self._database.reading() as session:
            return revisions.newest_of_each(session)

    def recipe_history(self, name: str) -> list[RecipeRevision]:
        """All revisions of one recipe, the newest first."""
        with self._database.reading() as session:
            return revisions.history(session, name)

    def add_event(self, kind: str, text: str) -> None:
        """Note something that happened at the station (engine changed, camera lost)."""
        with self._database.writing() as session:
            session.execute(insert(EventRow).values(time=self._clock.now(), kind=kind, text=text))

    def check(self) -> list[str]:
        """SQLite's own integrity check: what is wrong, nothing when all is well. Reads the whole file."""
        with self._database.reading() as session:
            said = session.connection().exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [line for line in said if line != "ok"]

    def close(self) -> None:
        """Close the database; later calls are a RuntimeError."""
        self._database.close()

    def _pages(self, wanted: HistoryFilter) -> Iterator[Sequence[int]]:
        with self._database.reading() as session:
            last = session.scalar(select(func.max(InspectionRow.id))) or 0
        after = 0
        while True:
            with self._database.reading() as session:
                ids = session.scalars(queries.next_ids(wanted, PAGE, after, last)).all()
            if not ids:
                return
            yield ids
            after = ids[-1]
