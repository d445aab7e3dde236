"""A 20-megapixel pair by tiles: peak memory, time, and whether a defect of 12 x 12 pixels is found.

    python -m benchmarks.large_pair

Renders a panel of boards, 5,472 x 3,648 pixels, and the same with one defect, then scores the pair with
``inspector-app score`` in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shlex
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.machine import write_json
from benchmarks.networks import installed
from benchmarks.pictures import LargePair, write_large_pair
from benchmarks.program import read_rows, run_program, score_command

TILES = "--view tiles"
MEGABYTE = 1e6
LONGEST = 3
"""Times the defect's side that a region may be long to have found it."""
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class LargeRun:
    """One run: seconds with start-up, peak of resident memory, whether the defect was found, regions elsewhere."""

    seconds: float
    peak_mb: float
    found: bool
    others: int


def score_pair(pair: LargePair, model: Path, folder: Path, options: Sequence[str]) -> LargeRun:
    """Score the pair in a data folder inside ``folder``, and look for the defect among the regions."""
    folder.mkdir()
    table = folder / "defects.csv"
    command = score_command(
        pair.test.parent, "--golden", pair.golden, "--model", model, "--data-dir", folder / "data",
        "--defects-csv", table, *options,
    )  # fmt: skip
    finished = run_program(command)
    boxes = [_box(row) for row in read_rows(table)]
    hits = [box for box in boxes if finds(box, pair.box)]
    return LargeRun(finished.seconds, finished.peak_bytes / MEGABYTE, bool(hits), len(boxes) - len(hits))


def _box(row: dict[str, str]) -> Box:
    x, y, width, height = (int(float(row[name])) for name in ("x", "y", "w", "h"))
    return x, y, width, height


def finds(region: Box, defect: Box) -> bool:
    """Whether a region shows where the defect is: on it, and on no side longer than three times its own."""
    return overlap(region, defect) and all(region[k] <= LONGEST * defect[k] for k in (2, 3))


def overlap(first: Box, second: Box) -> bool:
    """Whether two boxes (x, y, width, height) share a pixel."""
    return all(
        first[axis] < second[axis] + second[axis + 2] and second[axis] < first[axis] + first[axis + 2]
        for axis in (0, 1)
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Render, score, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="generic", help="a name or a path; it must know boards")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--defect", type=int, default=12, help="its width and height in pixels")
    parser.add_argument("--score-options", default=TILES, help="options of score, in one string")
    parser.add_argument("--json", type=Path, help="write the report here")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="inspector-bench-") as scratch:
        # In a process that ends: a child begins with its parent's peak of memory in its own books.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            pair = pool.submit(write_large_pair, Path(scratch) / "pair", given.defect).result()
        model = installed(given.model).path
        options = shlex.split(given.score_options)
        runs = [score_pair(pair, model, Path(scratch) / str(i), options) for i in range(given.runs)]
    _print(runs)
    write_json(given.json, {"defect": given.defect, "runs": [asdict(run) for run in runs]})


def _print(runs: Sequence[LargeRun]) -> None:
    seconds, peaks = ([getattr(run, name) for run in runs] for name in ("seconds", "peak_mb"))
    print(f"time, start-up included: {np.median(seconds):.1f} s (median of {len(runs)})")
    print(f"peak of resident memory: {max(peaks):.0f} MB")
    print(f"defect found in {sum(run.found for run in runs)} of {len(runs)} runs")
    print(f"regions elsewhere: {sorted(run.others for run in runs)}")


if __name__ == "__main__":
    main()
