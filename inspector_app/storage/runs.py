"""Batch runs and events in the database, within a session that the caller opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import DoneImage, RunInfo, RunRecord, RunState
from inspector_app.core.verdict import Verdict
from inspector_app.storage.database import insert_one
from inspector_app.storage.tables import GoldenRow, InspectionRow, RunRow

NAMES_AT_ONCE = 200
"""Names in one SQL statement."""


def start(session: Session, info: RunInfo, now: datetime) -> int:
    """A new run; returns its id."""
    values = {**asdict(info), "state": RunState.RUNNING.value, "started": now, "finished": None}
    return insert_one(session, RunRow, values)


def finish(session: Session, run_id: int, state: RunState, now: datetime) -> None:
    """Set a run's state; RUNNING takes its end away again.

    Raises:
        KeeperError: ``run_missing``.
    """
    finished = None if state is RunState.RUNNING else now
    statement = update(RunRow).where(RunRow.id == run_id).values(state=state.value, finished=finished)
    if session.connection().execute(statement).rowcount == 0:
        raise KeeperError("run_missing", f"There is no run {run_id}.")


def newest(session: Session, limit: int) -> list[RunRecord]:
    """The newest runs first, with their totals."""
    return _with_totals(
        session, session.scalars(select(RunRow).order_by(RunRow.id.desc()).limit(limit)).all()
    )


def find(session: Session, fingerprint: str) -> RunRecord | None:
    """The newest run with this fingerprint."""
    statement = select(RunRow).where(RunRow.fingerprint == fingerprint).order_by(RunRow.id.desc()).limit(1)
    return next(iter(_with_totals(session, session.scalars(statement).all())), None)


def done(session: Session, run_id: int) -> dict[str, DoneImage]:
    """All images recorded in a run, by name."""
    row = InspectionRow
    statement = (
        select(
            row.image_name,
            row.id,
            row.image_sha256,
            GoldenRow.sha256,
            row.truth_name,
            row.truth_sha256,
            row.error_code,
        )
        .join(GoldenRow, row.golden_id == GoldenRow.id)
        .where(row.run_id == run_id, ~row.superseded)
        .order_by(row.id)
    )
    return {
        name: DoneImage(key, image, golden, annotation or "", truth or "", code)
        for name, key, image, golden, annotation, truth, code in session.execute(statement)
    }


def leave_out(session: Session, run_id: int, names: Sequence[str]) -> None:
    """What the run recorded of these images no longer counts as part of it."""
    row = InspectionRow
    for start in range(0, len(names), NAMES_AT_ONCE):
        part = names[start : start + NAMES_AT_ONCE]
        # Written out, so that SQLite sees that its partial index will do.
        counted = (row.run_id == run_id, row.image_name.in_(part), text("superseded = 0"))
        session.connection().execute(update(row).where(*counted).values(superseded=True))


def _with_totals(session: Session, rows: Sequence[RunRow]) -> list[RunRecord]:
    counted = (
        select(InspectionRow.run_id, InspectionRow.verdict, func.count())
        .where(InspectionRow.run_id.in_([row.id for row in rows]), ~InspectionRow.superseded)
        .group_by(InspectionRow.run_id, InspectionRow.verdict)
    )
    totals: dict[int, dict[Verdict, int]] = {}
    for run_id, verdict, number in session.execute(counted):
        totals.setdefault(run_id or 0, {})[Verdict(verdict)] = number
    return [_record(row, totals.get(row.id, {})) for row in rows]


def _record(row: RunRow, verdicts: dict[Verdict, int]) -> RunRecord:
    return RunRecord(
        id=row.id,
        info=RunInfo(
            row.label,
            row.folder,
            row.fingerprint,
            row.model,
            row.model_sha256,
            row.engine,
            row.settings_json,
        ),
        state=RunState(row.state),
        started=row.started,
        finished=row.finished,
        n_images=sum(verdicts.values()),
        verdicts=verdicts,
    )
