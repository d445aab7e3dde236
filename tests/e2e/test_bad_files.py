"""A folder with every kind of bad file in it scores to the end."""

from __future__ import annotations

import csv
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.e2e.conftest import Inspect, command, environment
from tests.pictures import plain, spoiled, write


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is this large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


GOOD = {
    "plain.png": "PASS",
    "sixteen.png": "PASS",
    "alpha.png": "PASS",
    "cmyk.jpg": "PASS",
    "prüfling ✓ 検査.png": "FAIL",
    "n" * 246 + ".png": "FAIL",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good ones of every kind (``GOOD``), and bad ones."""
    here = tmp_path / "in"
    picture = plain()
    write(here / "plain.png", picture)
    write(here / "sixteen.png", picture.astype(np.uint16) * 257)
    Image.fromarray(np.dstack([picture, np.full((64, 64), 255, np.uint8)]), "RGBA").save(here / "alpha.png")
    Image.fromarray(picture).convert("CMYK").save(here / "cmyk.jpg", quality=100, subsampling=0)
    write(here / "prüfling ✓ 検査.png", spoiled([(5, 5, 9, 9)]))
    data = (here / "plain.png").read_bytes()
    (here / ("n" * 246 + ".png")).write_bytes((here / "prüfling ✓ 検査.png").read_bytes())
    (here / "truncated.png").write_bytes(data[: len(data) // 2])
    Image.fromarray(spoiled([(5, 5, 9, 9)])).save(here / "whole.jpg", quality=95)
    jpeg = (here / "whole.jpg").read_bytes()
    (here / "whole.jpg").unlink()
    (here / "truncated.jpg").write_bytes(jpeg[: len(jpeg) * 2 // 3])
    (here / "empty.png").write_bytes(b"")
    (here / "text.png").write_text("this is no picture\n")
    (here / "huge.png").write_bytes(png_header(40_000, 40_000) + data[33:])
    (here / "vanished.png").symlink_to(tmp_path / "nowhere.png")
    write(here / "other size.png", plain(80))
    write(tmp_path / "golden.png", picture)
    return here


BAD = {
    "truncated.png": "image_truncated",
    "truncated.jpg": "image_truncated",
    "empty.png": "image_empty",
    "text.png": "image_not_an_image",
    "huge.png": "image_too_large",
    "vanished.png": "image_missing",
    "other size.png": "size_mismatch",
}


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {Path(row["image_path"]).name: row for row in csv.DictReader(file)}


def test_each_bad_file_is_an_error_row_with_its_reason(
    folder: Path, inspect: Inspect, model: Path, tmp_path: Path
) -> None:
    table = tmp_path / "out.csv"
    inspect("score", folder, "--golden", tmp_path / "golden.png", "--model", model, "--csv", table, code=3)
    scored = rows(table)
    verdicts = {name: row["verdict"] for name, row in scored.items()}
    assert {name: verdicts[name] for name in GOOD} == GOOD
    assert {name: scored[name]["error_code"] for name in BAD} == BAD
    assert all(scored[name]["error_text"] for name in BAD)
    assert len(scored) == len(BAD) + len(GOOD)
    inspect(
        "score",
        folder,
        "--golden",
        tmp_path / "golden.png",
        "--model",
        model,
        "--csv",
        table,
        "--resume",
        code=3,
    )
    assert {name: row["verdict"] for name, row in rows(table).items()} == verdicts


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX users")
def test_a_file_that_may_not_be_read(folder: Path, model: Path, tmp_path: Path) -> None:
    locked = folder / "locked.png"
    shutil.copy(folder / "plain.png", locked)
    locked.chmod(0)
    table = tmp_path / "out.csv"
    arguments = command(
        "score", folder, "--golden", tmp_path / "golden.png", "--model", model, "--csv", table
    )
    if os.geteuid() == 0:
        arguments = as_nobody(arguments, tmp_path, model)
    done = subprocess.run(
        arguments,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    row = rows(table)["locked.png"]
    assert (row["verdict"], row["error_code"]) == ("ERROR", "image_unreadable")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX users")
def test_a_data_folder_that_may_not_be_written_can_be_looked_at(
    folder: Path, model: Path, tmp_path: Path, home: Path, inspect: Inspect
) -> None:
    golden, table, again = tmp_path / "golden.png", tmp_path / "1.csv", tmp_path / "2.csv"
    inspect("recipe", "new", "plate", "--golden", golden, "--model", model)
    inspect("score", folder, "--golden", golden, "--model", model, "--csv", table, code=3)
    prefix = as_nobody([], tmp_path, model) if os.geteuid() == 0 else []
    files = sorted(os.listdir(home))
    for path in (home, *home.glob("inspector.sqlite3*")):
        path.chmod(0o555 if path.is_dir() else 0o444)

    def looked(*arguments: object, code: int = 0) -> str:
        done = subprocess.run(
            [*prefix, *command(*arguments)],
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    try:
        assert "done" in looked("runs")
        looked("export", "--run", 1, "--csv", again)
        assert again.read_bytes() == table.read_bytes()
        assert "generic" in looked("models", "list")
        assert "min_area_px" in looked("recipe", "show", "plate")
        assert "plate" in looked("recipe", "list")
        looked("recipe", "export", "plate", tmp_path / "plate.toml")
        refused = looked("score", folder, "--golden", golden, "--model", model, code=2)
        assert "folder_not_writable" in refused
        assert "folder_not_writable" in looked("recipe", "set-model", "plate", "generic", code=2)
        assert sorted(os.listdir(home)) == files
    finally:
        home.chmod(0o755)


def as_nobody(arguments: list[str], tmp_path: Path, model: Path) -> list[str]:
    """The same command as an unprivileged user, who may reach the interpreter and the folders; else skipped."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root may read everything, and there is no setpriv to become somebody else")
    prefix = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]
    reachable = subprocess.run(
        [*prefix, sys.executable, "-c", "import inspector_app"], capture_output=True, check=False
    )
    if reachable.returncode:
        pytest.skip("an unprivileged user may not run this interpreter")
    for path in (tmp_path, *tmp_path.rglob("*")):
        if not path.is_symlink():
            os.chown(path, 65534, 65534)
    for path in (tmp_path, *tmp_path.parents, model.parent, *model.parent.parents):
        if os.access(path, os.W_OK) and str(path).startswith(str(tmp_path.parents[1])):
            path.chmod(path.stat().st_mode | 0o711)
    model.chmod(0o644)
    return [*prefix, *arguments]
