"""The documentation against the program: what it names must be there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from inspector_app.cli.app import app
from inspector_app.core.tao_spec.table import key_table
from inspector_app.services.export import DEFECT_COLUMNS, IMAGE_COLUMNS

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    dead = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not dead


def test_every_error_code_is_explained() -> None:
    explained = set(re.findall(r"`([a-z_]+)`", _text("docs/troubleshooting.md")))
    assert not _error_codes() - explained


def _error_codes() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "inspector_app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error") and node.args:
                found |= {text for text in _texts(node.args[0]) if re.fullmatch(r"[a-z]+(_[a-z]+)*", text)}
    return found


def _texts(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def test_the_columns_of_the_csv_files_are_listed_in_order() -> None:
    text = _text("docs/file-formats.md")
    images = _between(text, "## CSV of images", "## CSV of defects")
    cells = re.findall(r"^\|([^|]*)\|", images, re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", " ".join(cells))) == IMAGE_COLUMNS
    defects = _between(text, "## CSV of defects", "## Recipe files")
    named = re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", defects)))
    assert tuple(name for name in named if name in DEFECT_COLUMNS) == DEFECT_COLUMNS


def test_every_option_in_the_documentation_exists() -> None:
    known = {"--help", "--version", *_options(typer.main.get_command(app))}
    lines = [line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
    ours = [
        line for line in lines if "inspector-app" in line and "pip" not in line and "pyinstaller" not in line
    ]
    named = {option for line in ours for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", line)}
    assert named
    assert not named - known


def _options(command: object) -> Iterator[str]:
    for parameter in getattr(command, "params", ()):
        yield from (*parameter.opts, *parameter.secondary_opts)
    for inner in getattr(command, "commands", {}).values():
        yield from _options(inner)


def test_the_table_of_taos_keys_is_the_schemas() -> None:
    page = _text("docs/tao-spec.md")
    assert page.endswith("## The keys\n\n" + key_table()), "run: python docs/make_tao_spec.py"


def test_every_command_is_in_the_readme() -> None:
    readme = _text("README.md")
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).output
    commands = getattr(typer.main.get_command(app), "commands", {})
    assert commands
    for name in commands:
        assert name in shown
        assert f"`{name}" in readme


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _between(text: str, start: str, end: str) -> str:
    return text[text.index(start) : text.index(end)]
