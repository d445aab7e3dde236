from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inspector_app.core.recipe import View
from inspector_app.engines.models import load_model
from inspector_app.services.fine_tuning import (
    LARGEST_SIDE,
    MEMORY,
    model_name,
    most_pictures,
    original_of,
    training_settings,
)
from inspector_app.services.model_install import add_model, check_name, write_manifest
from inspector_app.services.training_plan import TrainingPlan
from inspector_app.services.training_report import Measures, used_words
from tests.onnx_models import difference_model


@given(st.text(min_size=1, max_size=100), st.integers(0, 3))
def test_every_recipe_gives_a_name_that_a_model_can_have(recipe: str, taken: int) -> None:
    names: list[str] = []
    for _ in range(taken + 1):
        names.append(check_name(model_name(recipe, names)))
    assert len(set(names)) == taken + 1
    assert names[-1].endswith(f"-{taken + 1}")


def test_whole_pictures_are_trained_at_the_networks_size() -> None:
    settings = training_settings(256, View(), (1000, 800), {"steps": 7})
    assert (settings["steps"], settings["size"], settings["warm_size"], settings["cache_size"]) == (
        7,
        256,
        192,
        320,
    )
    assert training_settings(64, View(), (1000, 800), {})["warm_size"] == 64


@given(st.integers(64, 6000), st.floats(0.1, 4.0), st.sampled_from([None, 64, 320, 640]))
@example(65, 0.9921875, 64)  # Less than half a pixel larger than a tile.
def test_tiles_are_pieces_cut_at_the_views_scale(side: int, scale: float, tile: int | None) -> None:
    view = View(mode="tiles", scale=scale, tile=tile)
    settings = training_settings(256, view, (side, side // 2 + 1), {})
    piece = tile or 256
    if round(side * scale) <= piece:
        assert settings["size"] == piece
        return
    assert settings["warm_size"] == piece
    assert settings["size"] % 32 == 0
    assert settings["warm_share"] == 1.0
    if side * scale <= LARGEST_SIDE - 32:
        assert abs(settings["size"] - side * scale) <= 33


def test_the_pictures_fit_into_memory() -> None:
    for side in (320, 640, 1024):
        assert 2 * most_pictures(side) * 7 * side * side <= MEMORY
    assert most_pictures(64) == most_pictures(320) == 400


def test_a_variant_is_trained_from_its_original(tmp_path: Path) -> None:
    model = add_model(
        difference_model(tmp_path / "a.onnx", side=64), "a", {}, tmp_path / "own", replace=False
    )
    assert original_of(model, {}) is model
    copy = add_model(model.path.parent, "a-fp16", {}, tmp_path / "own", replace=False)
    half = copy.manifest.model_copy(update={"optimised_from": model.manifest.sha256})
    write_manifest(copy.path.parent, half)
    variant = load_model(copy.path.parent)
    assert original_of(variant, {"a": model.path.parent}).path == model.path
    assert original_of(variant, {"gone": tmp_path / "nowhere"}) is variant


def measures(escapes: int = 1, false_calls: int = 1, iou: float | None = 0.5) -> Measures:
    return Measures(
        good=9, false_calls=false_calls, false_call_interval=(0.0, 1.0), defective=4, escapes=escapes,
        escape_interval=(0.0, 1.0), errors=0, image_auroc=None, tp_px=1, fp_px=1, fn_px=0, tn_px=7,
        precision=0.5, recall=1.0, iou=iou, f1=0.6, accuracy=0.9,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("after", "word"),
    [
        (measures(), ""),
        (measures(escapes=2, false_calls=0), "more escapes"),
        (measures(escapes=0, false_calls=5, iou=0.1), ""),
        (measures(false_calls=2, iou=0.9), "more false calls"),
        (measures(iou=0.4), "a lower IoU"),
        (measures(iou=None), "a lower IoU"),
        (measures().model_copy(update={"errors": 1}), "more pictures that could not be judged"),
    ],
)
def test_which_of_two_models_is_worse(after: Measures, word: str) -> None:
    assert after.worse_than(measures()) == word


def test_a_manifest_gets_no_measure_that_there_is_not() -> None:
    scores = measures(iou=None).scores()
    assert "val_iou" not in scores
    assert "val_image_auroc" not in scores
    assert (scores["val_pairs"], scores["val_escapes"]) == (13, 1)


def test_it_is_said_that_no_real_defect_was_trained_on() -> None:
    plan = TrainingPlan(recipe="plate", revision=1, trained=(), held_out=())
    assert any("synthetic" in line for line in used_words(plan))
