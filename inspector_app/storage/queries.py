"""A history filter as SQL.

Texts are looked for in the narrow search table, which is scanned whole in a fraction of a second for a
million records; everything else has an index on the inspections.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, case, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.verdict import Verdict
from inspector_app.storage.mappers import fold
from inspector_app.storage.tables import InspectionRow, SearchRow
from inspector_app.storage.types import AnyText

Condition = ColumnElement[bool]


def newest_ids(wanted: HistoryFilter, limit: int, before_id: int | None) -> Select[int]:
    """Up to ``limit`` ids that match, the newest first."""
    key, statement = _matching(wanted)
    if before_id is not None:
        statement = statement.where(key < before_id)
    return statement.order_by(key.desc()).limit(limit)


def next_ids(wanted: HistoryFilter, limit: int, after_id: int, last_id: int) -> Select[int]:
    """Up to ``limit`` ids that match, in order, above ``after_id`` and up to ``last_id``."""
    key, statement = _matching(wanted)
    return statement.where(key > after_id, key <= last_id).order_by(key).limit(limit)


def totals(wanted: HistoryFilter) -> Select[str, int, int, int, float, float, float]:
    """By verdict: its name, count, first attempts, timed ones, and the least, summed and greatest time."""
    row = InspectionRow
    time = row.load_ms + row.register_ms + row.infer_ms + row.post_ms
    timed = case((row.verdict != Verdict.ERROR.value, time))
    conditions = _conditions(wanted)
    texts = _texts(wanted)
    if texts:
        conditions.append(row.id.in_(select(SearchRow.inspection_id).where(*texts)))
    return (
        select(
            row.verdict,
            func.count(),
            func.coalesce(func.sum(case((row.attempt == 1, 1), else_=0)), 0),
            func.count(timed),
            func.min(timed),
            func.sum(timed),
            func.max(timed),
        )
        .where(*conditions)
        .group_by(row.verdict)
    )


def _matching(wanted: HistoryFilter) -> tuple[InstrumentedAttribute[int], Select[int]]:
    conditions, texts = _conditions(wanted), _texts(wanted)
    if not texts:
        return InspectionRow.id, select(InspectionRow.id).where(*conditions)
    statement = select(SearchRow.inspection_id).where(*texts)
    if conditions:
        belongs = InspectionRow.id == SearchRow.inspection_id
        statement = statement.where(select(literal(1)).where(belongs, *conditions).exists())
    return SearchRow.inspection_id, statement


def _conditions(wanted: HistoryFilter) -> list[Condition]:
    row = InspectionRow
    found: list[Condition] = []
    if wanted.run_id is not None:
        found += [row.run_id == wanted.run_id, ~row.superseded]
    if wanted.live_only:
        found.append(row.run_id.is_(None))
    if wanted.recipe_revision is not None:
        found.append(row.recipe_revision == wanted.recipe_revision)
    if wanted.verdicts:
        found.append(row.verdict.in_([verdict.value for verdict in wanted.verdicts]))
    if wanted.final_verdicts:
        found.append(row.final_verdict.in_([verdict.value for verdict in wanted.final_verdicts]))
    if wanted.since is not None:
        found.append(row.time >= wanted.since)
    if wanted.until is not None:
        found.append(row.time < wanted.until)
    return found


def _texts(wanted: HistoryFilter) -> list[Condition]:
    found = [
        column == literal(fold(text), AnyText())
        for column, text in (
            (SearchRow.serial, wanted.serial),
            (SearchRow.lot, wanted.lot),
            (SearchRow.operator, wanted.operator),
            (SearchRow.recipe, wanted.recipe),
        )
        if text
    ]
    if wanted.text:
        columns = (SearchRow.name, SearchRow.serial, SearchRow.lot, SearchRow.recipe)
        found.append(or_(*(_holds(column, wanted.text) for column in columns)))
    return found


def _holds(column: InstrumentedAttribute[str], text: str) -> Condition:
    # Not LIKE: it would give "%" and "_" a meaning, and knows the case of ASCII letters only.
    return func.instr(column, literal(fold(text), AnyText())) > 0
