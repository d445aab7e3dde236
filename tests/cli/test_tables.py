from __future__ import annotations

import io

from rich.console import Console

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
