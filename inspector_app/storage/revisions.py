"""Recipe revisions in the database, within a session that the caller opened."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, func, insert, select
from sqlalchemy.orm import Session

from inspector_app.core.protocols import RecipeRevision
from inspector_app.core.recipe import Recipe
from inspector_app.storage.database import insert_one
from inspector_app.storage.tables import RecipeRow, RevisionRow


def add(session: Session, recipe: Recipe, author: str, note: str, now: datetime) -> RecipeRevision:
    """Store as the next revision of ``recipe.name``."""
    recipe_id = session.scalar(select(RecipeRow.id).where(RecipeRow.name == recipe.name))
    if recipe_id is None:
        recipe_id = insert_one(session, RecipeRow, {"name": recipe.name})
    newest = select(func.max(RevisionRow.revision)).where(RevisionRow.recipe_id == recipe_id)
    revision = 1 + (session.scalar(newest) or 0)
    session.execute(
        insert(RevisionRow).values(
            recipe_id=recipe_id,
            revision=revision,
            content=recipe.model_dump_json(),
            fingerprint=recipe.fingerprint(),
            author=author,
            note=note,
            time=now,
        )
    )
    return RecipeRevision(revision, recipe, author, note, now)


def get(session: Session, name: str, revision: int | None) -> RecipeRevision | None:
    """A revision, the newest when none is named."""
    statement = _newest_first(name)
    if revision is not None:
        statement = statement.where(RevisionRow.revision == revision)
    row = session.scalar(statement.limit(1))
    return None if row is None else _revision(row)


def history(session: Session, name: str) -> list[RecipeRevision]:
    """All revisions of one recipe, the newest first."""
    return [_revision(row) for row in session.scalars(_newest_first(name))]


def newest_of_each(session: Session) -> list[RecipeRevision]:
    """The newest revision of each recipe, by name."""
    newest = (
        select(RevisionRow.recipe_id, func.max(RevisionRow.revision).label("revision"))
        .group_by(RevisionRow.recipe_id)
        .subquery()
    )
    statement = (
        select(RevisionRow)
        .join(
            newest,
            (RevisionRow.recipe_id == newest.c.recipe_id) & (RevisionRow.revision == newest.c.revision),
        )
        .join(RecipeRow, RevisionRow.recipe_id == RecipeRow.id)
        .order_by(RecipeRow.name)
    )
    return [_revision(row) for row in session.scalars(statement)]


def _newest_first(name: str) -> Select[RevisionRow]:
    return (
        select(RevisionRow)
        .join(RecipeRow, RevisionRow.recipe_id == RecipeRow.id)
        .where(RecipeRow.name == name)
        .order_by(RevisionRow.revision.desc())
    )


def _revision(row: RevisionRow) -> RecipeRevision:
    recipe = Recipe.model_validate_json(row.content)
    return RecipeRevision(row.revision, recipe, row.author, row.note, row.time)
