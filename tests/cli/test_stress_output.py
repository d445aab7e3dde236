from __future__ import annotations

import io

import pytest
from rich.console import Console

from inspector_app.cli.evaluate_output import error_lines
from inspector_app.cli.stress_output import stress_tables
from inspector_app.core.inspection import Truth
from inspector_app.core.metrics import Outcome, PixelCounts
from inspector_app.core.verdict import Verdict
from inspector_app.services.evaluate import EvaluationReport, Observation, report
from inspector_app.services.stress import StressReport, StressRow, perturbations


def measures(tp: int) -> EvaluationReport:
    """Of one defective image with ``tp`` of its 1,000 pixels found."""
    truth = Truth(True, Outcome.TP, PixelCounts(tp, 0, 1000 - tp, 5000))
    return report([Observation("chip_0.png", "chip", Verdict.FAIL, 0.9, truth, None)], ["good"])


@pytest.mark.parametrize("width", [80, 120])
def test_every_column_is_whole_and_says_what_it_holds(width: int) -> None:
    rows = tuple(
        StressRow(each, measures(900), iou_fall=0.05, iou_without_fall=0.03, auroc_fall=0.0)
        for each in perturbations(2)
    )
    screen = io.StringIO()
    for table in stress_tables(StressReport(measures(1000), rows)):
        Console(file=screen, width=width).print(table)
    said = screen.getvalue()
    assert "…" not in said
    lines = [line.split("│")[1:-1] for line in said.splitlines() if line.startswith("│")]
    assert len(lines) == 2 * (1 + len(rows))
    cells = [[cell.strip() for cell in line] for line in lines]
    assert cells[1][:4] == ["shift 2.5 %", "90.00", "5.00", "no"]
    assert cells[-1] == ["jpeg quality 60", "90.00", "3.00", "yes"]
    headers = [line for line in said.splitlines() if line.startswith("┃")]
    assert [cell.strip() for cell in headers[1].split("┃")[1:-1]] == [
        "nuisance", "IoU", "fall", "held", "calls", "escapes", "AUROC", "fall",
    ]  # fmt: skip
    assert "of the width" in said


def test_what_fails_under_a_nuisance_alone_is_named_with_it() -> None:
    def failed(*names: str) -> EvaluationReport:
        return report(
            [Observation(name, "chip", Verdict.ERROR, None, None, None, "lost", "Gone.") for name in names]
        )

    rows = tuple(StressRow(each, failed("a.png", "b.png"), None, None, None) for each in perturbations(1)[:2])
    found = StressReport(failed("a.png"), rows)
    assert list(error_lines(found.errors)) == [
        "ERROR a.png: Gone. (lost)",
        "ERROR b.png, shift 5.0 %: Gone. (lost)",
        "ERROR b.png, turn 5.0 degrees: Gone. (lost)",
    ]
