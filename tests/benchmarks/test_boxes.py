"""Boxes of boards: when one counts as found, and what else is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.boxes import BoardPair, Box, Region, main, match
from tests.pictures import plain, spoiled, write

BOX = Box(20, 20, 30, 30)


@pytest.mark.parametrize(
    ("region", "holds", "found"),
    [
        (Region(25, 25, 60), True, True),
        (Region(12, 38, 400), True, True),
        (Region(25, 25, 401), True, False),
        (Region(11.9, 25, 60), False, False),
        (Region(25, 38.1, 60), False, False),
    ],
)
def test_a_box_is_found_by_a_region_in_it_that_is_not_far_larger(
    region: Region, holds: bool, found: bool
) -> None:
    assert (BOX.holds(region), BOX.found_by(region)) == (holds, found)


def test_a_region_in_no_box_is_another_one() -> None:
    pair = BoardPair(Path("g"), Path("t"), (BOX, Box(50, 50, 60, 60)))
    seen = {"t": [Region(24, 24, 50), Region(26, 26, 50), Region(25, 25, 1000), Region(90, 90, 5)]}
    told = match([pair], seen)
    assert (told.pictures, told.boxes, told.found, told.others) == (1, 2, 1, 1)
    assert str(told) == "1 pictures: 1 of 2 boxes found (50.0%), 1.00 other regions a picture"


def test_a_folder_of_boards_is_scored_from_files_to_counts(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = []
    for number in range(4):
        name = f"g/{number}"
        write(tmp_path / f"{name}_temp.png", plain())
        # The last picture has no defect where one was annotated, and one elsewhere.
        left = 8 if number < 3 else 44
        write(tmp_path / f"{name}_test.png", spoiled([(left, 12, 10, 10)]))
        (tmp_path / f"{name}.txt").write_text("8 12 18 22 4\n")
        lines.append(f"{name}.png {name}.txt")
    (tmp_path / "pairs.txt").write_text("\n".join(lines) + "\n")
    report = tmp_path / "report.json"
    main(
        [
            str(tmp_path), "--model", str(tiny_model), "--view", "--view whole",
            "--score-options", "--threshold 0.5 --min-area 20", "--json", str(report),
        ]
    )  # fmt: skip
    assert json.loads(report.read_text())["found"] == {"pictures": 4, "boxes": 4, "found": 3, "others": 1}
    assert "3 of 4 boxes found (75.0%), 0.25 other regions" in capsys.readouterr().out
    main([str(tmp_path), "--model", str(tiny_model), "--view", "--view whole", "--every", "3"])
    assert capsys.readouterr().out.startswith("2 pictures: ")
