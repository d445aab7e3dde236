"""A killed run: nothing that was printed is lost, and the run is completed to the same result."""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Inspect, command, environment
from tests.pictures import mask_of, plain, spoiled, write

IMAGES = 120
KILLS = 20
VOLATILE = {
    "run_id",
    "inspection_id",
    "timestamp",
    "load_ms",
    "register_ms",
    "infer_ms",
    "post_ms",
    "total_ms",
}


@pytest.fixture
def many(tmp_path: Path) -> Path:
    for i in range(IMAGES):
        box = (i % 50, (7 * i) % 50, 3 + i % 9, 5)
        write(tmp_path / "test" / f"{i:03d}.png", plain() if i % 4 == 0 else spoiled([box]))
        write(tmp_path / "label" / f"{i:03d}.png", mask_of([] if i % 4 == 0 else [box]))
    write(tmp_path / "golden.png", plain())
    return tmp_path


def arguments(many: Path, model: Path) -> list[object]:
    return [
        "score", many / "test", "--golden", many / "golden.png", "--truth", many / "label",
        "--model", model, "--json", "--resume", "--batch-size", "2", "--workers", "4",
    ]  # fmt: skip


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: v for k, v in row.items() if k not in VOLATILE} for row in csv.DictReader(file)]


def kill_after(lines: int, delay: float, many: Path, model: Path, home: Path) -> list[str]:
    """Start, wait for so many lines and then a while, kill -9. Returns all that was printed."""
    process = subprocess.Popen(
        command(*arguments(many, model)), env=environment(home), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    printed = list(itertools.islice(process.stdout, lines))
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    printed.extend(process.stdout)
    process.stdout.close()
    process.wait(timeout=30)
    return printed


@pytest.mark.skipif(os.name == "nt", reason="needs kill -9")
@pytest.mark.timeout(280)
def test_kill_minus_nine_at_any_moment(
    many: Path, model: Path, home: Path, inspect: Inspect, tmp_path: Path
) -> None:
    rng = random.Random(7)
    promised: dict[int, str] = {}
    for number in range(KILLS):
        # Every fourth is killed before it has printed anything: while it starts, opens or migrates.
        wait_for, delay = (
            (0, rng.uniform(0.1, 2.0)) if number % 4 == 0 else (rng.randint(1, 3), rng.uniform(0, 0.02))
        )
        lines = kill_after(wait_for, delay, many, model, home)
        for line in lines:
            if line.endswith("}\n"):
                image = json.loads(line)
                promised[image["inspection_id"]] = image["image_path"]
        assert_sound(home, promised)
    inspect(*arguments(many, model), "--csv", tmp_path / "killed.csv")
    assert_sound(home, promised)
    inspect("--data-dir", tmp_path / "calm", *arguments(many, model), "--csv", tmp_path / "calm.csv")
    assert table(tmp_path / "killed.csv") == table(tmp_path / "calm.csv")
    assert len(table(tmp_path / "calm.csv")) == IMAGES
    assert len(promised) > 0


def assert_sound(home: Path, promised: dict[int, str]) -> None:
    path = home / "inspector.sqlite3"
    if not path.exists():
        assert not promised
        return
    database = sqlite3.connect(path)
    try:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        if promised:
            held = {number for (number,) in database.execute("select id from inspections")}
            assert promised.keys() <= held
    finally:
        database.close()


@pytest.mark.skipif(os.name == "nt", reason="needs SIGINT")
def test_ctrl_c_ends_cleanly_with_what_is_done_kept(
    many: Path, model: Path, home: Path, inspect: Inspect, tmp_path: Path
) -> None:
    said = tmp_path / "stderr.txt"
    with said.open("w") as errors:
        process = subprocess.Popen(
            command(*arguments(many, model)), env=environment(home), stdout=subprocess.PIPE, stderr=errors, text=True
        )  # fmt: skip
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        done = 1 + len(process.stdout.read().splitlines())
        process.stdout.close()
        process.wait(timeout=60)
    assert json.loads(first)["verdict"]
    assert "Traceback" not in said.read_text()
    assert process.returncode in ((130,) if done < IMAGES else (0, 130))
    lines = inspect(*arguments(many, model)).stdout.splitlines()
    assert len(lines) == IMAGES - done
