"""The Inspect page as an operator uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from inspector_app.core.geometry import Region
from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.recipe import Limits
from inspector_app.core.verdict import Disposition, Verdict
from inspector_app.services.inspect import InspectionService
from inspector_app.ui.inspect.overlay import LinesLayer, MaskMode, PictureLayer
from inspector_app.ui.shell import Shell
from tests.ui.window_bench import GreyEngine, Settle

Files = tuple[Path, Path, Path]


@pytest.fixture
def opened(shell: Shell, pair: Files, settle: Settle) -> Shell:
    """A failing pair on screen."""
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    return shell


def engine_of(shell: Shell) -> GreyEngine:
    service = shell.engine.service
    assert isinstance(service, InspectionService)
    assert isinstance(service.engine, GreyEngine)
    return service.engine


def test_the_first_start_guides(shell: Shell) -> None:
    page = shell.inspect_page
    assert page.welcome.isVisible()
    assert page.verdict.card.reason == "Open a golden, or choose a recipe."
    assert page.actions_bar.go.property("waits") is True
    assert "why" in shell.window.fact("engine").text()
    assert "built without CUDA" in shell.window.fact("engine").toolTip()


def test_a_pair_is_inspected_recorded_and_then_shown(opened: Shell) -> None:
    records = opened.inspector.store.search(HistoryFilter())
    assert [record.verdict for record in records] == [Verdict.FAIL]
    page = opened.inspect_page
    assert page.verdict.card.word == "FAIL"
    assert page.verdict.card.reason == records[0].reason
    assert page.actions_bar.go.property("waits") is False
    assert page.totals.text("Fail") == "1"
    assert not page.welcome.isVisible()


def test_nothing_is_shown_when_it_could_not_be_recorded(
    shell: Shell, pair: Files, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inspector_app.core.errors import KeeperError

    def full(*args: object) -> None:
        raise KeeperError("disk_full", "The disk is full.", "Make room.")

    monkeypatch.setattr(shell.inspector.store, "commit", full)
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    assert shell.pair.outcome is None
    assert shell.inspect_page.verdict.card.word != "FAIL"
    assert shell.window.banner.notice is not None
    assert shell.window.banner.notice.text == "The disk is full."


def test_an_annotation_gives_the_iou_and_is_drawn(opened: Shell, pair: Files, settle: Settle) -> None:
    assert "IoU" not in opened.inspect_page.verdict.card.facts
    opened.pair.open_truth(pair[2])
    settle(opened.runner)
    assert "IoU" in opened.inspect_page.verdict.card.facts
    dashed = [layer for layer in opened.inspect_page.view.test.layers if isinstance(layer, LinesLayer)]
    assert len(dashed) == 1
    opened.inspect_page.view_bar.truth.toggle()
    assert not [layer for layer in opened.inspect_page.view.test.layers if isinstance(layer, LinesLayer)]


def test_sliders_judge_again_without_inferring_and_are_marked_as_preview(
    opened: Shell, settle: Settle
) -> None:
    compared = engine_of(opened).compared
    page = opened.inspect_page
    page.limits.area.slider.setValue(page.limits.area.slider.maximum())
    settle(opened.runner)
    assert page.limits.preview.isVisible()
    assert page.limits.preview.text().startswith("Preview, not recorded: PASS")
    assert page.verdict.card.word == "FAIL"
    assert page.verdict.defect_text.text() == "Preview: no defects"
    assert engine_of(opened).compared == compared
    assert len(opened.inspector.store.search(HistoryFilter())) == 1
    page.limits.reset.emit()
    settle(opened.runner)
    assert not page.limits.preview.isVisible()
    assert page.verdict.defect_text.text() == "2 defects"


def test_without_a_recipe_the_limits_on_screen_decide_next_time(opened: Shell, settle: Settle) -> None:
    opened.pair.set_limits(Limits(threshold=0.9, min_area_px=5000))
    settle(opened.runner)
    opened.live.trigger()
    settle(opened.runner)
    assert opened.pair.outcome is not None
    assert opened.pair.outcome.record.verdict is Verdict.PASS
    assert opened.pair.outcome.record.settings.limits.min_area_px == 5000
    assert opened.pair.preview is None


def test_with_a_recipe_only_the_saved_revision_decides(opened: Shell, settle: Settle) -> None:
    opened.recipes.save("plate", "first")
    settle(opened.runner)
    assert opened.inspect_page.actions_bar.recipe.currentText() == "plate"
    opened.pair.set_limits(Limits(threshold=0.9, min_area_px=5000))
    settle(opened.runner)
    assert "decides until you save" in opened.inspect_page.limits.source.text()
    opened.live.trigger()
    settle(opened.runner)
    assert opened.pair.outcome is not None
    record = opened.pair.outcome.record
    assert (record.verdict, record.settings.recipe, record.settings.revision) == (Verdict.FAIL, "plate", 1)
    opened.recipes.save("plate", "larger")
    settle(opened.runner)
    opened.live.trigger()
    settle(opened.runner)
    assert opened.pair.outcome.record.settings.revision == 2
    assert opened.pair.outcome.record.verdict is Verdict.PASS


def test_defects_are_stepped_through_and_zoomed_to(opened: Shell) -> None:
    page = opened.inspect_page
    page.step_defect(1)
    assert page.verdict.defect_text.text().startswith("1 of 2")
    assert page.view.test.view.zoom > 1
    first = page.view.test.view
    page.step_defect(1)
    assert page.view.golden.view != first
    page.step_defect(1)
    assert opened.pair.chosen == 0
    page.step_defect(-1)
    assert opened.pair.chosen == 1


def test_a_fail_is_disposed_of(opened: Shell, settle: Settle) -> None:
    opened.inspect_page.identity.operator.setText("Ann")
    opened.inspect_page.decide(Disposition.FALSE_CALL)
    settle(opened.runner)
    assert opened.pair.outcome is not None
    stored = opened.inspector.store.get(opened.pair.outcome.record.id)
    assert stored is not None
    assert stored.verdict is Verdict.FAIL
    assert stored.disposition is not None
    assert (stored.disposition.disposition, stored.disposition.reviewer) == (Disposition.FALSE_CALL, "Ann")


def test_accepting_asks_for_a_reason_first(opened: Shell, qtbot: QtBot, settle: Settle) -> None:
    page = opened.inspect_page
    page.reason_wanted.disconnect()
    with qtbot.waitSignal(page.reason_wanted) as caught:
        page.decide(Disposition.ACCEPTED)
    assert caught.args == [Disposition.ACCEPTED]
    settle(opened.runner)
    assert opened.pair.outcome is not None
    assert opened.pair.outcome.record.disposition is None


def test_a_pass_cannot_be_disposed_of(shell: Shell, pair: Files, settle: Settle) -> None:
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    shell.pair.open_test(pair[0])
    settle(shell.runner)
    assert shell.inspect_page.verdict.card.word == "PASS"
    assert not shell.inspect_page.verdict.decision_button(Disposition.CONFIRMED).isEnabled()


def test_regions_are_previewed_and_ignored_pixels_do_not_count(opened: Shell, settle: Settle) -> None:
    whole = Region(name="all", mode="ignore", points=((0, 0), (200, 0), (200, 200), (0, 200)))
    opened.inspect_page.editor.regions = (whole,)
    opened.inspect_page._regions_drawn((whole,))
    settle(opened.runner)
    assert opened.pair.preview is not None
    assert opened.pair.preview.result.verdict is Verdict.PASS


def test_drawing_regions_takes_over_the_golden(opened: Shell, qtbot: QtBot, settle: Settle) -> None:
    page = opened.inspect_page
    page.view_bar.regions.click()
    assert page.region_bar.isVisible()
    canvas = page.view.golden
    for x, y in ((20, 20), (180, 20), (180, 90)):
        at = canvas.transform().map(x, y)
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=_point(*at))
    page.editor.close()
    settle(opened.runner)
    assert [region.mode for region in opened.pair.setup.regions] == ["inspect"]
    page.view_bar.regions.click()
    assert not page.region_bar.isVisible()


def _point(x: float, y: float) -> object:
    from PySide6.QtCore import QPoint

    return QPoint(round(x), round(y))


def test_the_test_image_becomes_the_golden(opened: Shell, pair: Files, settle: Settle) -> None:
    opened.pair.use_test_as_golden()
    settle(opened.runner)
    assert opened.pair.golden is not None
    assert opened.pair.golden.frame.path == pair[1]
    opened.pair.open_test(pair[1])
    settle(opened.runner)
    assert opened.inspect_page.verdict.card.word == "PASS"


def test_mask_modes_opacity_and_the_key_that_hides(opened: Shell, qtbot: QtBot) -> None:
    page = opened.inspect_page
    bar = page.view_bar
    assert any(isinstance(layer, PictureLayer) for layer in page.view.test.layers)
    bar.next_mode()
    assert bar.prefs.mode is MaskMode.OUTLINE
    assert any(isinstance(layer, LinesLayer) for layer in page.view.test.layers)
    bar.step_opacity(-2)
    assert bar.prefs.opacity == 0
    bar.update_prefs(hidden=True)
    assert page.view.test.layers == ()
    bar.update_prefs(hidden=False, blink=True)
    assert page.view.test.picture is page.view.golden.picture


def test_faults_are_plain_sentences_in_the_banner(shell: Shell, tmp_path: Path, settle: Settle) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    shell.pair.open_golden(broken)
    settle(shell.runner)
    assert shell.window.banner.isVisible()
    assert shell.pair.golden is None
    shell.dismiss()
    assert not shell.window.banner.isVisible()
    shell.live.trigger()
    assert shell.window.banner.notice is not None
    assert "no golden" in shell.window.banner.notice.text


def test_a_wedge_types_into_the_scan_field_whatever_has_the_focus(
    opened: Shell, qtbot: QtBot, settle: Settle
) -> None:
    page = opened.inspect_page
    opened.window.activateWindow()
    page.view_bar.opacity.setFocus()
    QApplication.processEvents()
    for character in "SN-0042":
        QApplication.processEvents()
        focused = QApplication.focusWidget()
        assert focused is not None
        qtbot.keyClick(focused, character)
    assert page.identity.serial.text() == "SN-0042"
    qtbot.keyClick(page.identity.serial, Qt.Key.Key_Return)
    settle(opened.runner)
    assert opened.pair.outcome is not None
    assert opened.pair.outcome.record.identity.serial == "SN-0042"
    assert page.identity.serial.selectedText() == "SN-0042"
    qtbot.keyClick(page.identity.serial, Qt.Key.Key_Space)
    settle(opened.runner)
    assert opened.pair.outcome.record.attempt == 2


@pytest.mark.parametrize(
    ("key", "happened"),
    [
        (Qt.Key.Key_PageDown, lambda shell: shell.pair.chosen == 0),
        (Qt.Key.Key_F6, lambda shell: shell.inspect_page.view_bar.prefs.mode is MaskMode.OUTLINE),
        (Qt.Key.Key_F7, lambda shell: not shell.inspect_page.view_bar.prefs.truth),
        (Qt.Key.Key_F8, lambda shell: shell.inspect_page.region_bar.isVisible()),
        (Qt.Key.Key_F3, lambda shell: shell.live.continuous),
        (Qt.Key.Key_Up, lambda shell: shell.inspect_page.view_bar.prefs.opacity > 0.5),
    ],
)
def test_actions_are_on_keys(
    opened: Shell, qtbot: QtBot, key: Qt.Key, happened: Callable[[Shell], bool]
) -> None:
    opened.window.activateWindow()
    opened.inspect_page.identity.serial.setFocus()
    QApplication.processEvents()
    qtbot.keyClick(opened.inspect_page.identity.serial, key)
    QApplication.processEvents()
    assert happened(opened)


def test_counters_start_anew(opened: Shell, settle: Settle) -> None:
    opened.counters.start_anew()
    settle(opened.runner)
    assert opened.inspect_page.totals.text("Total") == "0"


def test_preferences_are_remembered(opened: Shell, settle: Settle) -> None:
    opened.toggle_theme()
    opened.inspect_page.view_bar.update_prefs(mode=MaskMode.HEAT)
    opened._save_prefs()
    saved = opened.inspector.settings
    assert (saved.theme, saved.overlay_mode) == (opened.theme.name, "heat")
    assert saved.last_golden == str(opened.pair.golden.frame.path if opened.pair.golden else "")
    opened.inspector.save_settings(replace_golden(saved))


def replace_golden(settings: object) -> object:
    return settings.model_copy(update={"last_golden": None})  # type: ignore[attr-defined]


def test_another_model_takes_the_verdict_away(opened: Shell, settle: Settle) -> None:
    opened.actions.choose_model("grey")
    settle(opened.runner)
    assert opened.pair.outcome is None
    assert opened.window.fact("model").text() == "Model: grey"
    assert replace(opened.pair.setup, touched=True).touched


def test_keys_that_are_held_work_from_the_scan_field(opened: Shell, qtbot: QtBot) -> None:
    page = opened.inspect_page
    opened.window.activateWindow()
    page.identity.serial.setText("SN1")
    page.identity.serial.setFocus()
    QApplication.processEvents()
    for key, name in ((Qt.Key.Key_Insert, "hidden"), (Qt.Key.Key_End, "blink")):
        qtbot.keyPress(page.identity.serial, key)
        assert getattr(page.view_bar.prefs, name)
        qtbot.keyRelease(page.identity.serial, key)
        assert not getattr(page.view_bar.prefs, name)
    page.view.zoom_by(3.0)
    qtbot.keyClick(page.identity.serial, Qt.Key.Key_Home)
    assert page.view.test.view.zoom == 1.0
    qtbot.keyPress(page.identity.serial, Qt.Key.Key_Insert)
    QApplication.sendEvent(opened.window, QEvent(QEvent.Type.WindowDeactivate))
    assert not page.view_bar.prefs.hidden


def test_another_golden_does_not_give_a_second_attempt(opened: Shell, pair: Files, settle: Settle) -> None:
    opened.pair.open_golden(pair[1])
    settle(opened.runner)
    assert opened.pair.outcome is None
    assert len(opened.inspector.store.search(HistoryFilter())) == 1
    assert opened.inspect_page.verdict.card.word == "Ready"


def test_a_test_image_waits_for_its_golden(shell: Shell, pair: Files, settle: Settle) -> None:
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    assert shell.pair.outcome is None
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    assert shell.inspect_page.verdict.card.word == "FAIL"


def test_enter_closes_the_region_being_drawn(opened: Shell, settle: Settle) -> None:
    page = opened.inspect_page
    page.view_bar.regions.click()
    page.editor.drawing = [(10, 10), (90, 10), (90, 90)]
    page.enter()
    settle(opened.runner)
    assert len(opened.pair.setup.regions) == 1
    assert len(opened.inspector.store.search(HistoryFilter())) == 1


def test_the_engine_menu_tells_and_chooses(
    opened: Shell, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.actions.show_engines()
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    texts = [action.text() for action in menu.actions()]
    assert any("built without CUDA" in text for text in texts)
    menu.close()
    opened.actions.choose_engine("cpu")
    settle(opened.runner)
    assert opened.inspector.settings.engine == "cpu"
    # What was installed while the window is open is found when the menu opens.
    installed = {**opened.inspector.models(), "grey-int8": Path("grey-int8")}
    monkeypatch.setattr(opened.inspector, "models", lambda: installed)
    opened.actions.show_models()
    models = QApplication.activePopupWidget()
    assert isinstance(models, QMenu)
    assert [action.text() for action in models.actions()] == ["generic", "grey", "grey-int8"]
    models.close()


def test_the_demo_pair_is_one_press_away(shell: Shell, settle: Settle) -> None:
    shell.inspect_page.welcome.try_demo.click()
    settle(shell.runner)
    assert shell.pair.outcome is not None
    assert shell.pair.truth is not None


def test_a_test_image_that_cannot_be_read_takes_the_one_before_off_the_screen(
    opened: Shell, settle: Settle, tmp_path: Path
) -> None:
    """Else the next serial would be given the verdict of a part that is gone."""
    count = opened.inspector.store.counters(HistoryFilter()).total
    broken = tmp_path / "cut off.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    opened.pair.open_test(broken)
    settle(opened.runner)
    assert opened.pair.test is None
    assert opened.pair.outcome is None
    assert opened.pair.not_recorded.startswith("cut off.png: ")
    assert not opened.pair.can_inspect()
    assert not opened.pair.inspect()
    assert opened.inspector.store.counters(HistoryFilter()).total == count
