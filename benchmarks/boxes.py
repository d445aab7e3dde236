"""Boxes of a PCB data set found by a model that never saw a board of it, and what else it reports.

    python -m benchmarks.boxes path/to/deeppcb

The folder is laid out as DeepPCB is (Tang et al., arXiv 1902.06197): ``pairs.txt`` names a picture and its boxes a line,
``GROUP/ID/NAME.jpg GROUP/ID_not/NAME.txt``; the golden is ``NAME_temp.jpg``, the test image ``NAME_test.jpg``, and a line of
boxes ``x1 y1 x2 y2 kind``. A box is found when a region has its centroid in the box grown by 8 pixels and at most 4
times its area; a region whose centroid lies in no grown box is another one. Scored by ``inspector-app score`` in
a process of its own, every picture at its own scale.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.machine import write_json
from benchmarks.networks import installed
from benchmarks.program import read_rows, run_program, score_command

OWN_SCALE = "--view tiles --tile 640"
GROWN_BY = 8
MOST_AREA = 4.0


@dataclass(frozen=True)
class Region:
    """A region that was reported: its centroid and its area in pixels of the picture."""

    x: float
    y: float
    area: float


@dataclass(frozen=True)
class Box:
    """A defect as it was annotated: left, top, right, bottom in pixels."""

    x1: float
    y1: float
    x2: float
    y2: float

    def holds(self, region: Region) -> bool:
        """Whether the region's centroid lies in the box grown by 8 pixels."""
        return (
            self.x1 - GROWN_BY <= region.x <= self.x2 + GROWN_BY
            and self.y1 - GROWN_BY <= region.y <= self.y2 + GROWN_BY
        )

    def found_by(self, region: Region) -> bool:
        """Whether the region shows this defect and not half the board with it."""
        return self.holds(region) and region.area <= MOST_AREA * (self.x2 - self.x1) * (self.y2 - self.y1)


@dataclass(frozen=True)
class Found:
    """Of all pictures: annotated boxes, those found, regions that belong to no box."""

    pictures: int
    boxes: int
    found: int
    others: int

    def __str__(self) -> str:
        """In a sentence."""
        return (
            f"{self.pictures} pictures: {self.found} of {self.boxes} boxes found "
            f"({100 * self.found / max(1, self.boxes):.1f}%), "
            f"{self.others / max(1, self.pictures):.2f} other regions a picture"
        )


@dataclass(frozen=True)
class BoardPair:
    """One picture of the set."""

    golden: Path
    test: Path
    boxes: tuple[Box, ...]


def read_pairs(folder: Path, every: int = 1) -> tuple[BoardPair, ...]:
    """Every so-manieth pair of ``pairs.txt``."""
    lines = (folder / "pairs.txt").read_text(encoding="utf-8").split("\n")
    return tuple(_pair(folder, *line.split()) for line in [one for one in lines if one.strip()][::every])


def _pair(folder: Path, picture: str, annotation: str) -> BoardPair:
    path = folder / picture
    rows = (folder / annotation).read_text(encoding="utf-8").splitlines()
    boxes = tuple(Box(*map(float, row.split()[:4])) for row in rows if row.strip())
    golden, test = (path.with_name(f"{path.stem}_{which}{path.suffix}") for which in ("temp", "test"))
    return BoardPair(golden.absolute(), test.absolute(), boxes)


def match(pairs: Sequence[BoardPair], regions: Mapping[str, Sequence[Region]]) -> Found:
    """Count; ``regions`` are told by the test image's path.

    Raises:
        KeyError: a picture was not scored.
    """
    found = others = 0
    for pair in pairs:
        seen = regions[str(pair.test)]
        found += sum(any(box.found_by(region) for region in seen) for box in pair.boxes)
        others += sum(not any(box.holds(region) for box in pair.boxes) for region in seen)
    return Found(len(pairs), sum(len(pair.boxes) for pair in pairs), found, others)


def score_boards(
    pairs: Sequence[BoardPair], model: Path, options: Iterable[str]
) -> Mapping[str, list[Region]]:
    """The regions of every test image, by its path."""
    with tempfile.TemporaryDirectory(prefix="inspector-bench-") as scratch:
        images, defects, listed = (Path(scratch) / f"{name}.csv" for name in ("images", "defects", "pairs"))
        with listed.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("test", "golden"))
            rows.writerows((pair.test, pair.golden) for pair in pairs)
        run_program(
            score_command(
                "--pairs", listed, "--model", model, "--data-dir", Path(scratch) / "data",
                "--csv", images, "--defects-csv", defects, *options,
            )
        )  # fmt: skip
        paths = {row["inspection_id"]: row["image_path"] for row in read_rows(images)}
        regions: dict[str, list[Region]] = {path: [] for path in paths.values()}
        for row in read_rows(defects):
            region = Region(float(row["cx"]), float(row["cy"]), float(row["area_px"]))
            regions[paths[row["inspection_id"]]].append(region)
    return regions


def main(arguments: Sequence[str] | None = None) -> None:
    """Score, match, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="generic", help="a name or a path")
    parser.add_argument("--every", type=int, default=1, help="score every so-manieth pair only")
    parser.add_argument(
        "--score-options", default="", help="more options of score, in one string: --threshold ..."
    )
    parser.add_argument("--view", default=OWN_SCALE, help="how boards are shown to the network")
    parser.add_argument("--json", type=Path, help="write the report here")
    given = parser.parse_args(arguments)
    pairs = read_pairs(given.folder, given.every)
    options = [*shlex.split(given.view), *shlex.split(given.score_options)]
    found = match(pairs, score_boards(pairs, installed(given.model).path, options))
    print(found)
    write_json(given.json, {"model": given.model, "options": options, "found": asdict(found)})


if __name__ == "__main__":
    main()
