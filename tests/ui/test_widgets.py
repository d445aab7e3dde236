"""The small parts, each by itself."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from inspector_app.core.errors import KeeperError, OperatorError
from inspector_app.core.protocols import EngineInfo, Refusal
from inspector_app.core.recipe import Limits, View
from inspector_app.core.verdict import Disposition, Verdict
from inspector_app.ui.engine import engine_story
from inspector_app.ui.errors import ErrorFunnel, Notice, Tone
from inspector_app.ui.inspect.dialogs import (
    ReasonQuestion,
    RecipeQuestion,
    SetupQuestion,
    SourceQuestion,
)
from inspector_app.ui.inspect.limits_panel import LimitsPanel
from inspector_app.ui.inspect.setup import Setup
from inspector_app.ui.inspect.verdict_panel import VerdictPanel
from inspector_app.ui.inspect.view_bar import ViewBar
from inspector_app.ui.jobs import Failure
from inspector_app.ui.keys import KeyAction
from inspector_app.ui.keys_help import KeysHelp
from inspector_app.ui.theme import DARK, LIGHT, theme_named
from inspector_app.ui.widgets.banner import Banner
from inspector_app.ui.widgets.icons import PATHS, icon
from inspector_app.ui.widgets.picker import Picker
from inspector_app.ui.widgets.segments import Segments
from inspector_app.ui.widgets.slider_row import log_steps
from inspector_app.ui.widgets.strip import ResultStrip
from inspector_app.ui.widgets.tiles import Tile, Tiles
from inspector_app.ui.widgets.verdict_badge import badge_pixmap
from tests.ui.record_bench import record, records


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_writing_can_be_read_in_both_themes(theme: object) -> None:
    assert theme in (LIGHT, DARK)
    shown = LIGHT if theme is LIGHT else DARK
    for ground in (shown.surface, shown.raised, shown.window):
        assert contrast(shown.text, ground) >= 7
        assert contrast(shown.text_2, ground) >= 4.5
        assert contrast(shown.text_3, ground) >= 4.0
    assert contrast(shown.on_accent, shown.accent) >= 4.5
    for verdict in Verdict:
        colours = shown.verdict(verdict)
        assert contrast(colours.on_solid, colours.solid) >= 3.5
        assert contrast(shown.text, colours.quiet) >= 7


def test_verdicts_differ_in_shape_as_well(qapp: QApplication) -> None:
    pictures = {bytes(badge_pixmap(v, 24, LIGHT).toImage().constBits()) for v in (*Verdict, None)}
    assert len(pictures) == 5
    assert theme_named("dark") is DARK
    assert theme_named("anything") is LIGHT


def test_every_icon_draws_something(qapp: QApplication) -> None:
    for name in PATHS:
        image = icon(name, "#000000").pixmap(24, 24).toImage()
        assert any(image.pixelColor(x, y).alpha() for x in range(24) for y in range(24)), name


def test_a_panel_says_what_a_person_decided(qtbot: QtBot) -> None:
    panel = VerdictPanel()
    qtbot.addWidget(panel)
    panel.set_theme(LIGHT)
    panel.card.show_record(record(1, Verdict.FAIL), LIGHT)
    assert panel.card.word == "FAIL"
    panel.show_decisions(frozenset({Disposition.CONFIRMED}))
    assert not panel.decision_button(Disposition.FALSE_CALL).isEnabled()
    with qtbot.waitSignal(panel.decided) as caught:
        panel.decision_button(Disposition.CONFIRMED).click()
    assert caught.args == [Disposition.CONFIRMED]
    with qtbot.waitSignal(panel.defect_stepped):
        panel.show_defects((), None, None)
        panel.defect_stepped.emit(1)
    assert panel.defect_text.text() == "No defects"


def test_a_number_and_its_unit_stay_on_one_line(qtbot: QtBot) -> None:
    panel = VerdictPanel()
    qtbot.addWidget(panel)
    panel.card.show_idle(LIGHT, "FAIL", "1 region, largest 2,068 px, limit 25 px")
    shown = [label.text() for label in panel.card.findChildren(QLabel)]
    assert "1 region, largest 2,068\u00a0px, limit 25\u00a0px" in shown
    assert panel.card.reason == "1 region, largest 2,068 px, limit 25 px"


def test_the_review_limit_stays_below_the_threshold(qtbot: QtBot) -> None:
    panel = LimitsPanel()
    qtbot.addWidget(panel)
    panel.show_setup(Setup(Limits(threshold=0.5, review_threshold=0.3, min_area_px=120)))
    assert (panel.threshold.value_text, panel.review.value_text, panel.area.value_text) == (
        "0.50",
        "0.30",
        "120 px",
    )
    with qtbot.waitSignal(panel.moved) as caught:
        panel.review.slider.setValue(90)
    limits = caught.args[0]
    assert limits.review_threshold < limits.threshold
    with qtbot.waitSignal(panel.moved) as caught:
        panel.threshold.slider.setValue(0)
    assert caught.args[0].review_threshold is None


def test_area_steps_are_finer_at_the_small_end() -> None:
    to_value, to_step = log_steps(200, 20000)
    assert to_value(0) == 1
    assert to_value(200) == 20000
    assert to_value(to_step(500)) == pytest.approx(500, rel=0.05)
    assert to_step(0) == 0


def test_the_banner_shows_one_notice_and_goes(qtbot: QtBot) -> None:
    banner = Banner()
    qtbot.addWidget(banner)
    banner.set_theme(DARK)
    banner.show_notice(Notice(Tone.ERROR, "The disk is full.", "Make room."))
    assert banner.isVisible()
    banner.show_notice(Notice(Tone.INFO, "Done."))
    assert banner.notice is not None
    assert banner.notice.text == "Done."
    banner.dismiss()
    assert not banner.isVisible()


def test_the_funnel_tells_faults_from_bugs(qapp: QApplication) -> None:
    funnel = ErrorFunnel()
    told: list[Notice] = []
    funnel.raised.connect(told.append)
    funnel.failure(Failure())
    funnel.failure(Failure(OperatorError("a", "Unplugged.", "Plug it in.")))
    funnel.failure(Failure(KeeperError("b", "Disk full.")))
    funnel.failure(Failure(ZeroDivisionError("oops")))
    assert [notice.tone for notice in told] == [Tone.WARNING, Tone.ERROR, Tone.ERROR]
    assert "oops" in told[2].text


def test_the_strip_shows_the_last_ten(qtbot: QtBot) -> None:
    strip = ResultStrip()
    qtbot.addWidget(strip)
    strip.resize(300, 34)
    strip.show_records(records(14))
    assert not strip.grab().isNull()
    with qtbot.waitSignal(strip.picked) as caught:
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(295, 15))
    assert caught.args[0].id == 14
    strip.show_records(records(1))
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(5, 15))


def test_segments_tell_only_what_a_person_took(qtbot: QtBot) -> None:
    segments = Segments(["a", "b", "c"])
    qtbot.addWidget(segments)
    told: list[int] = []
    segments.chosen.connect(told.append)
    segments.set_index(2)
    assert (segments.index, told) == (2, [])
    segments._group.button(1).click()
    assert told == [1]


def test_pickers_and_tiles_show_what_they_are_given(qtbot: QtBot) -> None:
    picker = Picker("Golden", "Choose…", "tip")
    tiles = Tiles(3)
    for widget in (picker, tiles):
        qtbot.addWidget(widget)
    picker.resize(300, 60)
    picker.show()
    picker.show_choice("golden.png", "/a/golden.png")
    assert picker.button.text() == "golden.png"
    picker.show_choice("")
    assert picker.button.text() == "Choose…"
    tiles.show_tiles([Tile("Total", "3"), Tile("Fail", "1", "#C00000")])
    assert tiles.text("Fail") == "1"


def test_questions_give_values(qtbot: QtBot) -> None:
    reason = ReasonQuestion(None, Disposition.ACCEPTED)
    source = SourceQuestion(None, "0", ["0", "rtsp://camera"])
    recipe = RecipeQuestion(None, "plate", ["plate"])
    setup = SetupQuestion(None, Setup(um_per_px=12.5))
    for question in (reason, source, recipe, setup):
        qtbot.addWidget(question)
        assert not question.grab().isNull()
    reason.reason.setCurrentText("  ")
    assert not reason.agree.isEnabled()
    reason.reason.setCurrentText(" agreed ")
    assert reason.value == "agreed"
    assert source.value == "0"
    recipe.note.setText("why")
    assert (recipe.value.name, recipe.value.note) == ("plate", "why")
    setup.alignment.setCurrentIndex(2)
    setup.allowed.setValue(3)
    assert not setup.view_scale.isEnabled()
    setup.view.setCurrentIndex(1)
    setup.view_scale.setValue(0.5)
    setup.goldens.setValue(2)
    setup.looks.setCurrentIndex(2)
    value = setup.value
    assert (value.view, value.goldens_used) == (View(mode="tiles", scale=0.5, mirrored=True), 2)
    assert value.looks_set


@pytest.mark.parametrize("mirrored", [False, True])
def test_how_often_it_looks_is_the_models_say_until_it_is_a_persons(qtbot: QtBot, mirrored: bool) -> None:
    shown = Setup(view=View(mirrored=mirrored))
    question = SetupQuestion(None, shown)
    qtbot.addWidget(question)
    question.view.setCurrentIndex(1)
    assert not question.value.looks_set
    for index, twice in ((1, False), (2, True)):
        question.looks.setCurrentIndex(index)
        said = question.value
        assert (said.view.mirrored, said.looks_set) == (twice, True)
        again = SetupQuestion(None, said)
        qtbot.addWidget(again)
        again.view.setCurrentIndex(2)
        assert again.value.view.mirrored is twice
        again.looks.setCurrentIndex(0)
        assert not again.value.looks_set


def test_the_list_of_keys_names_them_all(qtbot: QtBot) -> None:
    actions = tuple(KeyAction(f"F{n}", f"does {n}", "Group", lambda: None) for n in range(1, 5))
    help_ = KeysHelp(None, "Batch", [action.listed for action in actions])
    qtbot.addWidget(help_)
    texts = {label.text() for label in help_.findChildren(QLabel)}
    assert {"Keys of the Batch page", "F1", "does 4"} <= texts


def test_the_engine_story_says_why_no_better_one_runs() -> None:
    refusal = Refusal("TensorRT", "the package is not installed", "pip install it")
    story = engine_story(EngineInfo("onnxruntime", "CPU", "float32", "a processor", (refusal,)))
    assert story.splitlines() == [
        "onnxruntime CPU on a processor, float32.",
        "TensorRT: the package is not installed (pip install it).",
    ]
    assert "best" in engine_story(EngineInfo("TensorRT", "CUDA", "float16"))
    assert engine_story(None) == "No engine is loaded."


def test_the_heat_map_brings_its_scale(qtbot: QtBot) -> None:
    bar = ViewBar()
    qtbot.addWidget(bar)
    bar.set_theme(DARK)
    bar.show()
    assert not bar.legend.isVisible()
    bar.next_mode()
    bar.next_mode()
    assert bar.legend.isVisible()
    assert not bar.legend.grab().isNull()
    compact = ViewBar(compact=True)
    qtbot.addWidget(compact)
    compact.show()
    assert not compact.regions.isVisible()
    assert compact.minimumSizeHint().width() < bar.minimumSizeHint().width()
