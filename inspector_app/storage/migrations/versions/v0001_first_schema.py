"""The first schema.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _small_tables() -> None:
    """Tables that others refer to."""
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_time"), "events", ["time"], unique=False)
    op.create_table(
        "goldens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goldens")),
        sa.UniqueConstraint(
            "sha256", "name", "path", "width", "height", name=op.f("uq_goldens_sha256_name_path_width_height")
        ),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("name", "sha256", name=op.f("uq_models_name_sha256")),
    )
    op.create_table(
        "settings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settings")),
        sa.UniqueConstraint("sha256", name=op.f("uq_settings_sha256")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_sha256", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("settings_json", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started", sa.Text(), nullable=False),
        sa.Column("finished", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_runs_fingerprint"), "runs", ["fingerprint"], unique=False)


def _recipes() -> None:
    """Recipes and their revisions."""
    op.create_table(
        "recipes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipes")),
        sa.UniqueConstraint("name", name=op.f("uq_recipes_name")),
    )
    op.create_table(
        "recipe_revisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recipe_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipe_id"], ["recipes.id"], name=op.f("fk_recipe_revisions_recipe_id_recipes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipe_revisions")),
        sa.UniqueConstraint("recipe_id", "revision", name=op.f("uq_recipe_revisions_recipe_id_revision")),
    )


def _inspection_identity() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("final_verdict", sa.Text(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("recipe_revision", sa.Integer(), nullable=True),
        sa.Column("image_name", sa.Text(), nullable=False),
        sa.Column("image_sha256", sa.Text(), nullable=False),
        sa.Column("image_width", sa.Integer(), nullable=False),
        sa.Column("image_height", sa.Integer(), nullable=False),
        sa.Column("image_path", sa.Text(), nullable=False),
        sa.Column("archive_key", sa.Text(), nullable=True),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("golden_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("settings_id", sa.Integer(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("precision", sa.Text(), nullable=False),
        sa.Column("app_version", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    ]


def _inspection_outcome() -> list[sa.Column[Any]]:
    return [
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("n_defects", sa.Integer(), nullable=False),
        sa.Column("defect_px", sa.Integer(), nullable=False),
        sa.Column("inspected_px", sa.Integer(), nullable=False),
        sa.Column("largest_area_px", sa.Integer(), nullable=False),
        sa.Column("has_map", sa.Boolean(), nullable=False),
        sa.Column("truth_name", sa.Text(), nullable=True),
        sa.Column("truth_sha256", sa.Text(), nullable=True),
        sa.Column("truth_path", sa.Text(), nullable=True),
        sa.Column("truth_defective", sa.Boolean(), nullable=True),
        sa.Column("truth_outcome", sa.Text(), nullable=True),
        sa.Column("tp_px", sa.Integer(), nullable=True),
        sa.Column("fp_px", sa.Integer(), nullable=True),
        sa.Column("fn_px", sa.Integer(), nullable=True),
        sa.Column("tn_px", sa.Integer(), nullable=True),
        sa.Column("m_xx", sa.Double(), nullable=True),
        sa.Column("m_xy", sa.Double(), nullable=True),
        sa.Column("m_tx", sa.Double(), nullable=True),
        sa.Column("m_yx", sa.Double(), nullable=True),
        sa.Column("m_yy", sa.Double(), nullable=True),
        sa.Column("m_ty", sa.Double(), nullable=True),
        sa.Column("residual", sa.Double(), nullable=True),
        sa.Column("quality", sa.Double(), nullable=True),
        sa.Column("load_ms", sa.Double(), nullable=False),
        sa.Column("register_ms", sa.Double(), nullable=False),
        sa.Column("infer_ms", sa.Double(), nullable=False),
        sa.Column("post_ms", sa.Double(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("error_text", sa.Text(), nullable=False),
    ]


def _inspections() -> None:
    """Inspections and their indices."""
    op.create_table(
        "inspections",
        *_inspection_identity(),
        *_inspection_outcome(),
        sa.ForeignKeyConstraint(["golden_id"], ["goldens.id"], name=op.f("fk_inspections_golden_id_goldens")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_inspections_model_id_models")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_inspections_run_id_runs")),
        sa.ForeignKeyConstraint(
            ["settings_id"], ["settings.id"], name=op.f("fk_inspections_settings_id_settings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspections")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_inspections_final_verdict"), "inspections", ["final_verdict"], unique=False)
    op.create_index(
        op.f("ix_inspections_recipe_recipe_revision"),
        "inspections",
        ["recipe", "recipe_revision"],
        unique=False,
    )
    op.create_index(op.f("ix_inspections_run_id"), "inspections", ["run_id"], unique=False)
    op.create_index(
        "ux_inspections_run_image",
        "inspections",
        ["run_id", "image_name"],
        unique=True,
        sqlite_where=sa.text("run_id IS NOT NULL AND superseded = 0"),
    )
    op.create_index(op.f("ix_inspections_run_id_verdict"), "inspections", ["run_id", "verdict"], unique=False)
    op.create_index(
        op.f("ix_inspections_serial_recipe"),
        "inspections",
        ["serial", "recipe"],
        unique=False,
        sqlite_where=sa.text("serial <> ''"),
    )
    op.create_index(op.f("ix_inspections_time"), "inspections", ["time"], unique=False)
    op.create_index(op.f("ix_inspections_verdict"), "inspections", ["verdict"], unique=False)


def _details() -> None:
    """What hangs on an inspection."""
    op.create_table(
        "change_maps",
        sa.Column("inspection_id", sa.Integer(), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("frame_width", sa.Integer(), nullable=False),
        sa.Column("frame_height", sa.Integer(), nullable=False),
        sa.Column("golden_width", sa.Integer(), nullable=False),
        sa.Column("golden_height", sa.Integer(), nullable=False),
        sa.Column("aligned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name=op.f("fk_change_maps_inspection_id_inspections")
        ),
        sa.PrimaryKeyConstraint("inspection_id", name=op.f("pk_change_maps")),
    )
    op.create_table(
        "defects",
        sa.Column("inspection_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.Column("w", sa.Integer(), nullable=False),
        sa.Column("h", sa.Integer(), nullable=False),
        sa.Column("cx", sa.Double(), nullable=False),
        sa.Column("cy", sa.Double(), nullable=False),
        sa.Column("area_px", sa.Integer(), nullable=False),
        sa.Column("length_px", sa.Double(), nullable=False),
        sa.Column("score_max", sa.Double(), nullable=False),
        sa.Column("score_mean", sa.Double(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("truth_iou", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name=op.f("fk_defects_inspection_id_inspections")
        ),
        sa.PrimaryKeyConstraint("inspection_id", "number", name=op.f("pk_defects")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dispositions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("inspection_id", sa.Integer(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name=op.f("fk_dispositions_inspection_id_inspections")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispositions")),
    )
    op.create_index(op.f("ix_dispositions_inspection_id"), "dispositions", ["inspection_id"], unique=False)
    op.create_table(
        "inspection_search",
        sa.Column("inspection_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name=op.f("fk_inspection_search_inspection_id_inspections")
        ),
        sa.PrimaryKeyConstraint("inspection_id", name=op.f("pk_inspection_search")),
    )


def upgrade() -> None:
    """Create all tables."""
    _small_tables()
    _recipes()
    _inspections()
    _details()
