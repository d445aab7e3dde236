"""The tables. Rows never leave this package; ``mappers`` turns them into core objects and back."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Double, ForeignKey, Index, LargeBinary, MetaData, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from inspector_app.storage.types import AnyText, UtcTime

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The schema's root."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar = {str: AnyText, float: Double, datetime: UtcTime, bytes: LargeBinary}


class RecipeRow(Base):
    """A recipe's name; its content stands in its revisions."""

    __tablename__ = "recipes"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class RevisionRow(Base):
    """One immutable revision; ``content`` is the recipe as JSON."""

    __tablename__ = "recipe_revisions"
    __table_args__ = (UniqueConstraint("recipe_id", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    recipe_id: Mapped[int] = mapped_column(ForeignKey("recipes.id"))
    revision: Mapped[int]
    content: Mapped[str]
    fingerprint: Mapped[str]
    author: Mapped[str]
    note: Mapped[str]
    time: Mapped[datetime]


class ModelRow(Base):
    """A model that gave verdicts."""

    __tablename__ = "models"
    __table_args__ = (UniqueConstraint("name", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    sha256: Mapped[str]


class GoldenRow(Base):
    """A golden that verdicts were given against."""

    __tablename__ = "goldens"
    __table_args__ = (UniqueConstraint("sha256", "name", "path", "width", "height"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    sha256: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    path: Mapped[str]


class SettingsRow(Base):
    """What decided, once for all inspections that shared it; ``content`` is JSON, ``sha256`` its hash."""

    __tablename__ = "settings"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    content: Mapped[str]


class RunRow(Base):
    """A batch run."""

    __tablename__ = "runs"
    __table_args__ = (Index(None, "fingerprint"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    folder: Mapped[str]
    fingerprint: Mapped[str]
    model: Mapped[str]
    model_sha256: Mapped[str]
    engine: Mapped[str]
    settings_json: Mapped[str]
    state: Mapped[str]
    started: Mapped[datetime]
    finished: Mapped[datetime | None]


class InspectionRow(Base):
    """One inspection. The ``m_*`` columns are the alignment's matrix, row by row."""

    __tablename__ = "inspections"
    __table_args__ = (
        Index(None, "run_id"),
        Index(
            "ux_inspections_run_image",
            "run_id",
            "image_name",
            unique=True,
            sqlite_where=text("run_id IS NOT NULL AND superseded = 0"),
        ),
        Index(None, "run_id", "verdict"),
        Index(None, "time"),
        Index(None, "serial", "recipe", sqlite_where=text("serial <> ''")),
        Index(None, "recipe", "recipe_revision"),
        Index(None, "verdict"),
        Index(None, "final_verdict"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))
    attempt: Mapped[int]
    time: Mapped[datetime]
    verdict: Mapped[str]
    final_verdict: Mapped[str]
    disposition: Mapped[str | None]
    serial: Mapped[str]
    lot: Mapped[str]
    operator: Mapped[str]
    station: Mapped[str]
    recipe: Mapped[str]
    recipe_revision: Mapped[int | None]
    image_name: Mapped[str]
    image_sha256: Mapped[str]
    image_width: Mapped[int]
    image_height: Mapped[int]
    image_path: Mapped[str]
    archive_key: Mapped[str | None]
    superseded: Mapped[bool]
    golden_id: Mapped[int] = mapped_column(ForeignKey("goldens.id"))
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    settings_id: Mapped[int] = mapped_column(ForeignKey("settings.id"))
    engine: Mapped[str]
    precision: Mapped[str]
    app_version: Mapped[str]
    reason: Mapped[str]
    score: Mapped[float | None]
    n_defects: Mapped[int]
    defect_px: Mapped[int]
    inspected_px: Mapped[int]
    largest_area_px: Mapped[int]
    has_map: Mapped[bool]
    truth_name: Mapped[str | None]
    truth_sha256: Mapped[str | None]
    truth_path: Mapped[str | None]
    truth_defective: Mapped[bool | None]
    truth_outcome: Mapped[str | None]
    tp_px: Mapped[int | None]
    fp_px: Mapped[int | None]
    fn_px: Mapped[int | None]
    tn_px: Mapped[int | None]
    m_xx: Mapped[float | None]
    m_xy: Mapped[float | None]
    m_tx: Mapped[float | None]
    m_yx: Mapped[float | None]
    m_yy: Mapped[float | None]
    m_ty: Mapped[float | None]
    residual: Mapped[float | None]
    quality: Mapped[float | None]
    load_ms: Mapped[float]
    register_ms: Mapped[float]
    infer_ms: Mapped[float]
    post_ms: Mapped[float]
    error_code: Mapped[str]
    error_text: Mapped[str]


class SearchRow(Base):
    """The searched texts of an inspection, case folded: a narrow table that is quick to scan whole."""

    __tablename__ = "inspection_search"

    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspections.id"), primary_key=True)
    name: Mapped[str]
    serial: Mapped[str]
    lot: Mapped[str]
    operator: Mapped[str]
    recipe: Mapped[str]


class DefectRow(Base):
    """A counted defect; ``number`` is 1 for the largest of its inspection."""

    __tablename__ = "defects"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012

    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspections.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    x: Mapped[int]
    y: Mapped[int]
    w: Mapped[int]
    h: Mapped[int]
    cx: Mapped[float]
    cy: Mapped[float]
    area_px: Mapped[int]
    length_px: Mapped[float]
    score_max: Mapped[float]
    score_mean: Mapped[float]
    region: Mapped[str]
    truth_iou: Mapped[float | None]


class OtherGoldenRow(Base):
    """A golden that judged along with the inspection's own; ``place`` is 1 for the better match."""

    __tablename__ = "other_goldens"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012

    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspections.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    golden_id: Mapped[int] = mapped_column(ForeignKey("goldens.id"))


class DispositionRow(Base):
    """A person's decision; later ones are added, never put in the place of earlier ones."""

    __tablename__ = "dispositions"
    __table_args__ = (Index(None, "inspection_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspections.id"))
    disposition: Mapped[str]
    reviewer: Mapped[str]
    reason: Mapped[str]
    time: Mapped[datetime]


class EventRow(Base):
    """Something that happened at the station."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "time"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime]
    kind: Mapped[str]
    text: Mapped[str]


class MapRow(Base):
    """An inspection's 8-bit change map as a grey PNG; ``aligned`` says that the ``m_*`` columns are its,
    ``in_test_frame`` that it was brought back from the golden's frame already."""

    __tablename__ = "change_maps"

    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspections.id"), primary_key=True)
    png: Mapped[bytes]
    frame_width: Mapped[int]
    frame_height: Mapped[int]
    golden_width: Mapped[int]
    golden_height: Mapped[int]
    aligned: Mapped[bool]
    in_test_frame: Mapped[bool] = mapped_column(server_default=text("0"))
