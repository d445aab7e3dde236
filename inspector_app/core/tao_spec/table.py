"""The keys of the spec as the documentation lists them."""

from __future__ import annotations

from inspector_app.core.tao_spec.experiment import Experiment
from inspector_app.core.tao_spec.keys import KeyRow, key_rows


def key_table() -> str:
    """A table of Markdown, one row a key, in the order of the spec."""
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*lines, *(_line(row) for row in key_rows(Experiment))]) + "\n"


def _line(row: KeyRow) -> str:
    meaning = f"{row.text} **No effect here:** {row.idle}." if row.idle else row.text
    default = f"`{row.default}`" if row.default else "none"
    return f"| `{row.path}` | {row.kind} | {default} | {meaning} |"
