"""Write the table of keys in ``docs/tao-spec.md`` from the schema: ``python docs/make_tao_spec.py``."""

from __future__ import annotations

from pathlib import Path

from inspector_app.core.tao_spec.table import key_table

PAGE = Path(__file__).with_name("tao-spec.md")
HEADING = "## The keys\n\n"


def main() -> None:
    """Replace what follows the heading."""
    text = PAGE.read_text(encoding="utf-8")
    kept = text[: text.index(HEADING) + len(HEADING)]
    PAGE.write_text(kept + key_table(), encoding="utf-8")


if __name__ == "__main__":
    main()
