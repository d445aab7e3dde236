from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import Settings
from inspector_app.core.report_file import read_report
from inspector_app.engines.models import Model, available_models, load_model
from inspector_app.engines.quantise import Int8Setting
from inspector_app.services import optimise as optimising
from inspector_app.services.int8_search import first_settings, restored_settings
from inspector_app.services.model_install import add_model
from inspector_app.services.model_library import model_report, report_path, verify_model
from inspector_app.services.model_variants import Shelf, best_trials, check_places, variant_name
from inspector_app.services.optimisation import OptimiseRequest, optimise
from inspector_app.services.optimisation_report import CandidateReport, OptimisationReport
from inspector_app.services.optimise import Trial
from inspector_app.services.plan import BatchItem
from inspector_app.services.speed import median_ratio, time_engines
from tests.fakes import DifferenceEngine
from tests.makers import FakeClock
from tests.onnx_models import difference_model
from tests.pictures import mask_of, plain, spoiled, write
from tests.services.conftest import MakeService


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    own = tmp_path / "models"
    add_model(difference_model(tmp_path / "net.onnx", side=64), None, {}, own, replace=False)
    (own / "net" / "MODEL_CARD.md").write_text("# net")
    return Shelf(available_models([own]), own)


@pytest.fixture
def request_(tmp_path: Path, shelf: Shelf) -> OptimiseRequest:
    items = []
    golden = write(tmp_path / "golden.png", plain())
    for i in range(4):
        box = (6 * i, 4 * i, 8, 6)
        test = write(tmp_path / f"{i}.png", spoiled([box]) if i % 2 else plain())
        mask = write(tmp_path / f"{i}_mask.png", mask_of([box])) if i % 2 else None
        items.append(BatchItem(test, test.name, golden, mask, known_good=mask is None))
    return OptimiseRequest(
        name="net",
        model=load_model(shelf.own / "net"),
        items=tuple(items),
        settings=Settings(),
        grid=None,
        root=tmp_path,
        truth_dir=None,
        sources=("here",),
        precisions=("float16", "bfloat16", "int8"),
        threads=1,
        rounds=3,
    )


def test_what_is_accepted_becomes_a_model_with_its_report(
    request_: OptimiseRequest, shelf: Shelf, make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimising, "MUST_GAIN", 0.0)
    said: list[str] = []
    report = optimise(request_, shelf, make_service, FakeClock(), said.append)
    assert said[:2] == ["float32", "float16"]
    assert (report.calibrated_on, report.accepted_on, report.disjoint) == (4, 4, False)
    assert report.verdicts == {"PASS": 2, "FAIL": 2}
    half = load_model(shelf.own / "net-fp16")
    assert half.manifest.precision == "float16"
    assert half.manifest.optimised_from == request_.model.manifest.sha256
    assert half.manifest.scores["calibration_iou_fall_points"] == 0.0
    assert (shelf.own / "net-fp16" / "MODEL_CARD.md").read_text() == "# net"
    assert verify_model("net-fp16", shelf.own / "net-fp16").sound
    (chosen,) = [one for one in report.candidates if one.installed == "net-fp16"]
    assert "speed there is not known" in chosen.reason
    assert {one.precision for one in report.candidates} == {"float16", "bfloat16", "int8"}
    assert "net-int8" in {one.installed for one in report.candidates}
    assert model_report("net", shelf.own / "net", shelf.own) == report
    assert model_report("net-int8", shelf.own / "net-int8", shelf.own) == report
    # Once more: variants replace variants.
    optimise(request_, replace(shelf, installed=available_models([shelf.own])), make_service, FakeClock())


def test_no_copy_is_held_to_what_the_float32_file_said(
    request_: OptimiseRequest, shelf: Shelf, make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert request_.model.selfcheck.is_file()
    held: dict[str, bool] = {}
    real = optimising._measure

    def watched(model: Model, *given: Any, **named: Any) -> Trial:
        held[model.manifest.precision] = model.selfcheck.exists()
        return real(model, *given, **named)

    monkeypatch.setattr(optimising, "_measure", watched)
    optimise(request_, shelf, make_service, FakeClock())
    assert held == {"float16": False, "bfloat16": False, "int8": False}


def test_what_is_not_faster_is_refused_and_the_report_kept(
    request_: OptimiseRequest, shelf: Shelf, make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimising, "MUST_GAIN", 1e9)
    report = optimise(replace(request_, precisions=("int8",)), shelf, make_service, FakeClock())
    assert report.candidates
    assert report.accepted == ()
    assert all("not faster" in one.reason for one in report.candidates if one.engine)
    assert sorted(available_models([shelf.own])) == ["net"]
    assert read_report(report_path(shelf.own, "net"), OptimisationReport) == report


def test_a_model_that_is_no_variant_is_not_replaced(tmp_path: Path, shelf: Shelf) -> None:
    add_model(difference_model(tmp_path / "x.onnx", side=64), "net-int8", {}, shelf.own, replace=False)
    with pytest.raises(KeeperError) as caught:
        check_places("net", ("int8",), replace(shelf, installed=available_models([shelf.own])))
    assert caught.value.code == "model_exists"


def test_images_that_cannot_be_read_calibrate_nothing(
    request_: OptimiseRequest, shelf: Shelf, make_service: MakeService, tmp_path: Path
) -> None:
    gone = BatchItem(tmp_path / "gone.png", "gone.png", tmp_path / "golden.png")
    with pytest.raises(KeeperError, match=r"gone\.png") as caught:
        optimise(replace(request_, items=(gone,)), shelf, make_service, FakeClock())
    assert caught.value.code == "calibration_invalid"


def test_the_fastest_accepted_one_of_a_precision_is_taken(request_: OptimiseRequest) -> None:
    def trial(ratio: float | None, accepted: bool, precision: str = "int8") -> Trial:
        facts = {"precision": precision, "setting": "x", "ratio": ratio, "accepted": accepted}
        return Trial(CandidateReport.model_validate(facts), request_.model)

    slow, fast, wrong = trial(1.1, True), trial(1.4, True), trial(2.0, False)
    half = trial(None, True, "float16")
    assert best_trials([slow, wrong, fast, half]) == (fast, half)
    assert variant_name("net", "bfloat16") == "net-bf16"


def test_the_worst_groups_of_layers_go_back_to_float32_first() -> None:
    settings = list(first_settings("abcd"))
    assert len(set(settings)) == len(settings)
    assert settings[-1].in_float == {"a", "d"}
    harm = {("a",): 0.1, ("b",): 0.4, ("c",): 0.0, ("d",): 0.2}
    restored: Iterator[Int8Setting] = restored_settings(Int8Setting(), harm)
    assert [sorted(setting.in_float) for setting in restored] == [["b"], ["b", "d"]]


def test_times_are_taken_in_turns_and_compared_within_a_round() -> None:
    engines = {"a": DifferenceEngine(), "b": DifferenceEngine()}
    tensor = np.zeros((1, 3, 8, 8), np.float32)
    times = time_engines(engines, tensor, tensor, FakeClock(), rounds=5)
    assert {name: len(values) for name, values in times.items()} == {"a": 5, "b": 5}
    assert engines["a"].calls == engines["b"].calls == 7
    assert median_ratio((10.0, 20.0, 30.0), (5.0, 5.0, 30.0)) == 2.0
