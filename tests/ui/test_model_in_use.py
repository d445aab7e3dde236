"""The network that a verdict comes from is the one that was asked for, and nothing of a recipe outlives it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.geometry import Region
from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.recipe import Alignment, Limits, View
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.inspect import InspectionService
from inspector_app.ui.inspect.dialogs import SetupQuestion
from inspector_app.ui.inspect.setup import Setup
from inspector_app.ui.shell import Shell
from tests.ui.window_bench import GreyEngine, Settle

Files = tuple[Path, Path, Path]
Until = Callable[[Callable[[], bool]], None]


class Models:
    """Opens grey engines that bear their model's name; ``slow`` waits for its gate, ``broken`` fails, ``twice``
    suggests to look at mirrored pairs too."""

    def __init__(self, shell: Shell) -> None:
        self.gate = threading.Event()
        self.engines: list[GreyEngine] = []
        self._inspector = shell.inspector

    def open_service(
        self, model: str, choice: EngineChoice = EngineChoice.AUTO, threads: int = 0, parallel: int = 1
    ) -> InspectionService:
        if model == "slow":
            assert self.gate.wait(20)
        if model == "broken":
            raise KeeperError("model_damaged", "The model broken is damaged.")
        engine = GreyEngine()
        judgement = engine.manifest.judgement.model_copy(update={"mirrored": model == "twice"})
        engine.manifest = engine.manifest.model_copy(update={"name": model, "judgement": judgement})
        self.engines.append(engine)
        inspector = self._inspector
        return InspectionService(engine, inspector.store, inspector.archive, inspector.clock)


@pytest.fixture
def models(shell: Shell, monkeypatch: pytest.MonkeyPatch, settle: Settle) -> Models:
    made = Models(shell)
    monkeypatch.setattr(shell.inspector, "open_service", made.open_service)
    shell.engine.load("first")
    settle(shell.runner)
    return made


def recipe_with(shell: Shell, model: str, pair: Files, settle: Settle) -> None:
    """A recipe "plate" for ``model`` with loose limits, an alignment, a region and a scale; not in use."""
    everything = Region(name="all", mode="ignore", points=((0, 0), (200, 0), (200, 200), (0, 200)))
    recipe = shell.inspector.recipes.new(
        "plate",
        [pair[0]],
        model=model,
        alignment=Alignment(method="translation"),
        regions=(everything,),
        limits=Limits(threshold=0.99, min_area_px=5000),
        um_per_px=12.5,
    )
    shell.inspector.recipes.save_revision(recipe, "", "")
    settle(shell.runner)


def found(shell: Shell) -> list[InspectionRecord]:
    return shell.inspector.store.search(HistoryFilter())


def test_a_waiting_image_is_inspected_by_the_recipes_model_once_it_is_loaded(
    shell: Shell, models: Models, pair: Files, settle: Settle, until: Until
) -> None:
    recipe_with(shell, "slow", pair, settle)
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    shell.recipes.choose("plate")
    until(lambda: shell.recipes.current == "plate")
    assert shell.engine.service is None
    assert shell.inspect_page.verdict.card.word == "Loading model"
    assert not shell.live.trigger()
    assert found(shell) == []
    models.gate.set()
    settle(shell.runner)
    assert [(one.engine.model, one.settings.recipe) for one in found(shell)] == [("slow", "plate")]
    assert models.engines[0].closed
    assert not models.engines[1].closed


def test_when_loading_fails_nothing_serves(shell: Shell, models: Models, pair: Files, settle: Settle) -> None:
    recipe_with(shell, "broken", pair, settle)
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    shell.recipes.choose("plate")
    settle(shell.runner)
    assert shell.engine.service is None
    assert models.engines[0].closed
    assert shell.inspect_page.verdict.card.word == "No model"
    assert shell.window.fact("model").text() == "No model"
    assert not shell.live.trigger()
    assert shell.window.banner.notice is not None
    assert "No model is loaded" in shell.window.banner.notice.text
    shell.recipes.save("plate", "again")
    settle(shell.runner)
    assert found(shell) == []
    assert shell.inspector.recipes.get("plate").revision == 1


def test_a_model_chosen_by_hand_takes_over_only_when_it_is_loaded(
    shell: Shell, models: Models, pair: Files, settle: Settle, until: Until
) -> None:
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    shell.actions.choose_model("slow")
    shell.pair.open_test(pair[1])
    until(lambda: shell.pair.test is not None)
    assert shell.engine.service is None
    models.gate.set()
    settle(shell.runner)
    assert [one.engine.model for one in found(shell)] == ["slow"]
    shell.actions.choose_model("broken")
    settle(shell.runner)
    assert shell.engine.service is None
    assert not shell.live.trigger()
    shell.actions.choose_engine("cpu")
    settle(shell.runner)
    assert shell.engine.asked == "broken"
    assert len(found(shell)) == 1


def test_of_two_models_asked_for_the_last_serves(shell: Shell, models: Models, settle: Settle) -> None:
    shell.engine.load("slow")
    shell.engine.load("last")
    models.gate.set()
    settle(shell.runner)
    assert shell.engine.service is not None
    assert shell.engine.service.engine.manifest.name == "last"
    assert [engine.closed for engine in models.engines] == [True, True, False]


def test_a_golden_opened_over_a_recipe_starts_from_the_models_limits(
    shell: Shell, models: Models, pair: Files, settle: Settle
) -> None:
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    bare = shell.pair.setup
    recipe_with(shell, "first", pair, settle)
    shell.recipes.choose("plate")
    settle(shell.runner)
    assert shell.pair.setup.um_per_px == 12.5
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    assert shell.pair.setup == bare
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    (record,) = found(shell)
    assert record.verdict.value == "FAIL"
    assert (record.settings.alignment.method, record.settings.regions) == ("none", ())
    assert record.settings.um_per_px is None


def test_leaving_a_recipe_leaves_nothing_of_it(
    shell: Shell, models: Models, pair: Files, settle: Settle
) -> None:
    recipe_with(shell, "first", pair, settle)
    shell.recipes.choose("plate")
    settle(shell.runner)
    shell.recipes.choose("")
    setup = shell.pair.setup
    assert (setup.alignment, setup.regions, setup.um_per_px, setup.recipe, setup.touched) == (
        Alignment(),
        (),
        None,
        None,
        False,
    )
    assert setup.limits.threshold == Setup().limits.threshold


def test_a_recipe_keeps_the_golden_that_was_opened(
    shell: Shell, models: Models, pair: Files, settle: Settle
) -> None:
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    assert shell.pair.golden is not None
    opened = shell.pair.golden.frame.sha256
    pair[0].write_bytes(pair[1].read_bytes())
    shell.recipes.save("plate", "")
    settle(shell.runner)
    assert [golden.sha256 for golden in shell.inspector.recipes.get("plate").recipe.goldens] == [opened]


def test_without_a_recipe_it_looks_as_often_as_the_model_suggests_until_a_person_says_otherwise(
    shell: Shell, models: Models, pair: Files, settle: Settle
) -> None:
    def mirrored(model: str) -> bool:
        shell.engine.load(model)
        settle(shell.runner)
        return shell.pair.setup.view.mirrored

    assert [mirrored(model) for model in ("first", "twice", "first", "twice")] == [False, True, False, True]
    shell.pair.open_golden(pair[0])
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    (record,) = found(shell)
    assert record.settings.view.mirrored
    question = SetupQuestion(None, shell.pair.setup)
    assert question.looks.currentText() == "As the model suggests"
    assert question.value == shell.pair.setup
    question.looks.setCurrentIndex(1)
    shell.pair.set_setup(question.value)
    question.deleteLater()
    settle(shell.runner)
    assert [mirrored(model) for model in ("first", "twice")] == [False, False]
    recipe_with(shell, "twice", pair, settle)
    shell.recipes.choose("plate")
    settle(shell.runner)
    assert shell.pair.setup.view == View()
    shell.recipes.choose("")
    settle(shell.runner)
    assert shell.pair.setup.view.mirrored
