"""Inspections in the database, within a session that the caller opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, insert, literal_column, select, text, update
from sqlalchemy.orm import Session

from inspector_app.core.change_map import ChangeMap
from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import DefectRecord, DispositionEntry, InspectionRecord
from inspector_app.core.protocols import Counters, HistoryFilter
from inspector_app.core.verdict import Verdict, final_verdict
from inspector_app.storage import queries, runs
from inspector_app.storage.database import insert_one
from inspector_app.storage.mappers import (
    NewRows,
    Values,
    defect_of,
    disposition_values,
    map_of,
    new_record,
    record_of,
    settings_of,
)
from inspector_app.storage.tables import (
    Base,
    DefectRow,
    DispositionRow,
    GoldenRow,
    InspectionRow,
    MapRow,
    ModelRow,
    OtherGoldenRow,
    SearchRow,
    SettingsRow,
)


def add_all(session: Session, news: Sequence[NewRows], now: datetime) -> list[InspectionRecord]:
    """Insert inspections with all that hangs on them, table by table; returns their records in order."""
    known: dict[tuple[object, ...], int] = {}
    attempts = _earlier(session, news)
    _supersede(session, news)
    newest = _newest_of_name(news)
    inspections: list[Values] = [
        {
            **new.inspection,
            "id": key,
            "attempt": _next_attempt(attempts, new),
            "time": now,
            "superseded": newest.get(_name_in_run(new), place) != place,
            "golden_id": _id_of(session, GoldenRow, new.golden, known),
            "model_id": _id_of(session, ModelRow, new.model, known),
            "settings_id": _id_of(session, SettingsRow, new.settings, known),
        }
        for place, (key, new) in enumerate(zip(_free_ids(session, len(news)), news, strict=True))
    ]
    keys = [row["id"] for row in inspections]
    pairs = list(zip(keys, news, strict=True))
    _insert(session, InspectionRow, inspections)
    _insert(session, SearchRow, ({**new.search, "inspection_id": key} for key, new in pairs))
    _insert(
        session, DefectRow, ({**defect, "inspection_id": key} for key, new in pairs for defect in new.defects)
    )
    _insert(
        session,
        OtherGoldenRow,
        (
            {"inspection_id": key, "place": place, "golden_id": _id_of(session, GoldenRow, golden, known)}
            for key, new in pairs
            for place, golden in enumerate(new.other_goldens, start=1)
        ),
    )
    _insert(
        session, MapRow, ({**new.change_map, "inspection_id": key} for key, new in pairs if new.change_map)
    )
    return [new_record(new, row) for new, row in zip(news, inspections, strict=True)]


def load(session: Session, ids: Sequence[int]) -> list[InspectionRecord]:
    """The records with these ids, in the order asked for; unknown ids are left out."""
    statement = (
        select(InspectionRow, GoldenRow, ModelRow, SettingsRow)
        .join(GoldenRow, InspectionRow.golden_id == GoldenRow.id)
        .join(ModelRow, InspectionRow.model_id == ModelRow.id)
        .join(SettingsRow, InspectionRow.settings_id == SettingsRow.id)
        .where(InspectionRow.id.in_(ids))
    )
    decided: dict[int, list[DispositionRow]] = {}
    dispositions = select(DispositionRow).where(DispositionRow.inspection_id.in_(ids))
    for entry in session.scalars(dispositions.order_by(DispositionRow.id)):
        decided.setdefault(entry.inspection_id, []).append(entry)
    others: dict[int, list[GoldenRow]] = {}
    along = (
        select(OtherGoldenRow.inspection_id, GoldenRow)
        .join(GoldenRow, OtherGoldenRow.golden_id == GoldenRow.id)
        .where(OtherGoldenRow.inspection_id.in_(ids))
        .order_by(OtherGoldenRow.inspection_id, OtherGoldenRow.place)
    )
    for key, other in session.execute(along):
        others.setdefault(key, []).append(other)
    found = {
        row.id: record_of(row, golden, model, settings, decided.get(row.id, ()), others.get(row.id, ()))
        for row, golden, model, settings in session.execute(statement)
    }
    return [found[key] for key in ids if key in found]


def load_defects(session: Session, ids: Sequence[int]) -> Iterator[DefectRecord]:
    """The defects of these inspections, in order of inspection, the largest first."""
    statement = (
        select(DefectRow, InspectionRow.serial, InspectionRow.disposition, SettingsRow.content)
        .join(InspectionRow, DefectRow.inspection_id == InspectionRow.id)
        .join(SettingsRow, InspectionRow.settings_id == SettingsRow.id)
        .where(DefectRow.inspection_id.in_(ids))
        .order_by(DefectRow.inspection_id, DefectRow.number)
    )
    for row, serial, disposition, content in session.execute(statement):
        yield defect_of(row, serial, disposition, settings_of(content))


def load_map(session: Session, inspection_id: int, path: Path) -> ChangeMap | None:
    """The map of one inspection."""
    statement = select(MapRow, InspectionRow).join(InspectionRow, MapRow.inspection_id == InspectionRow.id)
    found = session.execute(statement.where(MapRow.inspection_id == inspection_id)).first()
    return None if found is None else map_of(found[0], found[1], path)


def dispose(session: Session, inspection_id: int, entry: DispositionEntry) -> None:
    """Append a decision and keep what stands after it beside the machine's verdict.

    Raises:
        KeeperError: ``record_missing``.
    """
    verdict = session.scalar(select(InspectionRow.verdict).where(InspectionRow.id == inspection_id))
    if verdict is None:
        raise KeeperError("record_missing", f"There is no inspection {inspection_id}.")
    session.execute(insert(DispositionRow), [disposition_values(entry, inspection_id)])
    session.execute(
        update(InspectionRow)
        .where(InspectionRow.id == inspection_id)
        .values(
            disposition=entry.disposition.value,
            final_verdict=final_verdict(Verdict(verdict), entry.disposition).value,
        )
        .execution_options(synchronize_session=False)
    )


def count(session: Session, wanted: HistoryFilter) -> Counters:
    """Totals by SQL aggregates."""
    rows = session.execute(queries.totals(wanted)).all()
    timed = [row for row in rows if row[3]]
    n_timed = sum(row[3] for row in timed)
    return Counters(
        total=sum(row[1] for row in rows),
        by_verdict=tuple((Verdict(row[0]), row[1]) for row in rows),
        first_attempts=sum(row[2] for row in rows),
        first_pass=sum(row[2] for row in rows if row[0] == Verdict.PASS.value),
        min_ms=min((row[4] for row in timed), default=None),
        mean_ms=sum(row[5] for row in timed) / n_timed if n_timed else None,
        max_ms=max((row[6] for row in timed), default=None),
    )


def _free_ids(session: Session, count: int) -> range:
    """Ids that no inspection has or ever had; the transaction holds the write lock, so nobody else takes them."""
    last = session.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'inspections'")) or 0
    return range(last + 1, last + 1 + count)


def _name_in_run(new: NewRows) -> tuple[int | None, str]:
    return new.inspection["run_id"], new.inspection["image_name"]


def _newest_of_name(news: Sequence[NewRows]) -> dict[tuple[int | None, str], int]:
    """Where the last result of each image of a run stands; those before it are superseded at once."""
    return {
        _name_in_run(new): place for place, new in enumerate(news) if new.inspection["run_id"] is not None
    }


def _supersede(session: Session, news: Sequence[NewRows]) -> None:
    """What the runs recorded of these images before no longer counts as part of them."""
    names: dict[int, list[str]] = {}
    for new in news:
        if new.inspection["run_id"] is not None:
            names.setdefault(new.inspection["run_id"], []).append(new.inspection["image_name"])
    for run_id, images in names.items():
        runs.leave_out(session, run_id, images)


def _earlier(session: Session, news: Sequence[NewRows]) -> Counter[tuple[str, str]]:
    """How often each serial was inspected before, by serial and recipe."""
    serials = {new.inspection["serial"] for new in news} - {""}
    if not serials:
        return Counter()
    statement = (
        select(InspectionRow.serial, InspectionRow.recipe, func.count())
        # The second condition tells SQLite that its partial index will do.
        .where(InspectionRow.serial.in_(serials), InspectionRow.serial != literal_column("''"))
        .group_by(InspectionRow.serial, InspectionRow.recipe)
    )
    return Counter({(row[0], row[1]): row[2] for row in session.execute(statement)})


def _next_attempt(attempts: Counter[tuple[str, str]], new: NewRows) -> int:
    serial, recipe = new.inspection["serial"], new.inspection["recipe"]
    if not serial:
        return 1
    attempts[serial, recipe] += 1
    return attempts[serial, recipe]


def _id_of(
    session: Session,
    table: type[GoldenRow | ModelRow | SettingsRow],
    values: Values,
    known: dict[tuple[object, ...], int],
) -> int:
    """The id of the one row with these values, inserted when it is new."""
    cached = (table, *values.values())
    if cached not in known:
        same = [getattr(table, name) == value for name, value in values.items()]
        found = session.scalar(select(table.id).where(*same))
        if found is None:
            found = insert_one(session, table, values)
        known[cached] = found
    return known[cached]


def _insert(session: Session, table: type[Base], rows: Iterable[Values]) -> None:
    values = list(rows)
    if values:
        session.connection().execute(insert(table), values)
