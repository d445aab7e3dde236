from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import endurance, golden_kept
from benchmarks.end_to_end import COMPACT_LOOP, PUBLISHED_LOOP, SCORE, SCORE_STARTED, Measured
from benchmarks.end_to_end import main as end_to_end
from benchmarks.endurance import Samples, judge
from benchmarks.large_pair import finds, overlap, score_pair
from benchmarks.machine import describe
from benchmarks.pictures import LargePair
from inspector_app.engines.models import load_model
from inspector_app.engines.registry import EngineChoice
from tests.pictures import plain, spoiled, write

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")


def test_the_machine_is_named() -> None:
    told = describe()
    assert told["processor"]
    assert told["packages"]


def test_ratios_are_taken_within_a_run() -> None:
    measured = Measured()
    for slow, fast in ((100.0, 10.0), (400.0, 20.0), (90.0, 3.0)):
        measured.add("slow", slow)
        measured.add("fast", fast)
    assert measured.ratio("slow", "fast") == 20.0


def test_end_to_end_measures_loops_and_program(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    small = ("--count", "4", "--side", "64", "--runs", "1", "--compact-pairs", "2", "--published-pairs", "1")
    end_to_end([*small, "--model", str(tiny_model), "--published", str(tiny_model), "--json", str(report)])
    told = json.loads(report.read_text())
    assert set(told["milliseconds_an_image"]) == {PUBLISHED_LOOP, COMPACT_LOOP, SCORE, SCORE_STARTED}
    assert all(len(times) == 1 for times in told["milliseconds_an_image"].values())
    said = capsys.readouterr().out
    assert "no figure to publish" in said
    assert f"times the {PUBLISHED_LOOP}" in " ".join(said.split())


@linux
def test_endurance_watches_to_the_end(tmp_path: Path, tiny_model: Path) -> None:
    report = tmp_path / "report.json"
    small = ("--images", "120", "--side", "64", "--every", "0.02")
    endurance.main([*small, "--model", str(tiny_model), "--json", str(report)])
    told = json.loads(report.read_text())
    assert told["endurance"]["images"] == 120
    assert told["endurance"]["settled_mb"] > 20
    assert max(told["samples"]["done"]) <= 120


def test_endurance_reads_growth_and_slowing_down() -> None:
    # Ten seconds a thousand images, and twice that from 9,000 on; a leak of 10 kB an image.
    done = [*range(0, 9001, 500), 9250, 9500, 9750, 10000]
    seconds = [each / 100 for each in range(0, 9001, 500)] + [95.0, 100.0, 105.0, 110.0]
    resident = [100_000_000 + 10_000 * each for each in done]
    report = judge(Samples(seconds, done, [each / 2 for each in seconds], resident), 10_000)
    assert report.first_ms == pytest.approx(10.0)
    assert report.last_ms == pytest.approx(20.0)
    assert report.last_cpu_ms == pytest.approx(10.0)
    assert report.settled_mb == pytest.approx(110.0)
    assert report.growth_mb == pytest.approx(90.0)


def test_a_defect_is_looked_for_among_the_regions(tmp_path: Path, tiny_model: Path) -> None:
    golden = write(tmp_path / "golden.png", plain())
    boxes = [(8, 12, 10, 10), (40, 40, 9, 9)]
    test = write(tmp_path / "parts" / "a.png", spoiled(boxes))
    options = ("--min-area", "20", "--threshold", "0.5")
    found = score_pair(LargePair(golden, test, boxes[0]), tiny_model, tmp_path / "one", options)
    assert found.found
    assert found.others == 1
    assert found.peak_mb > 20
    missed = score_pair(LargePair(golden, test, (55, 2, 4, 4)), tiny_model, tmp_path / "two", options)
    assert not missed.found
    assert missed.others == 2


def test_a_region_over_everything_finds_nothing() -> None:
    assert finds((8, 8, 14, 14), (10, 10, 12, 12))
    assert not finds((0, 0, 200, 20), (10, 10, 12, 12))
    assert not finds((40, 40, 12, 12), (10, 10, 12, 12))


def test_boxes_overlap_when_they_share_a_pixel() -> None:
    assert overlap((0, 0, 4, 4), (3, 3, 4, 4))
    assert not overlap((0, 0, 4, 4), (4, 0, 4, 4))
    assert not overlap((0, 0, 4, 4), (0, 9, 4, 4))


def test_keeping_the_golden_is_compared_with_the_whole_graph(tiny_model: Path) -> None:
    saving = golden_kept.measure("tiny", load_model(tiny_model), EngineChoice.CPU, 2, 3, 1)
    assert saving.identical
    assert saving.largest_difference == 0.0
    assert saving.batch == 2
    assert saving.ratio > 0
    assert saving.saved_percent == pytest.approx(100 * (1 - 1 / saving.ratio))
    assert "golden alone" in saving.note
    assert np.isfinite([saving.whole_ms, saving.compare_ms]).all()
