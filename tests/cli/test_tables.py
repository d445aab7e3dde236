from __future__ import annotations

import io

import pytest
from rich.console import Console

from inspector_app.cli.model_tables import score_text
from inspector_app.cli.tables import summary_table
from inspector_app.core.verdict import Verdict
from inspector_app.services.summary import BatchSummary


def shown(engines: dict[str, int]) -> str:
    screen = io.StringIO()
    summary = BatchSummary({Verdict.PASS: 100}, engines=engines)
    Console(file=screen, width=120).print(summary_table(summary, "native"))
    return screen.getvalue()


def test_the_engine_that_computed_is_named_and_of_several_each() -> None:
    assert "engine" not in shown({})
    assert "onnxruntime CPU, float32 " in shown({"onnxruntime CPU, float32": 100})
    several = {"TensorRT GPU, float16": 12, "onnxruntime CPU, float32": 88}
    told = "TensorRT GPU, float16 (12 images), then onnxruntime CPU, float32 (88 images)"
    assert told in shown(several)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("cv_iou_without_misplaced", 0.69556, "69.56 %"),
        ("val_image_auroc", 1.0, "100.00 %"),
        ("cv_tn_px", 13653745.0, "13,653,745"),
        ("val_false_calls", 1.0, "1"),
        ("calibration_iou_fall_points", 0.25, "0.25"),
    ],
)
def test_scores_are_shares_or_counts(name: str, value: float, said: str) -> None:
    assert score_text(name, value) == said
