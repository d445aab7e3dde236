"""Which unit a verdict, a serial and a decision belong to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QWidget

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.recipe import Alignment, Limits
from inspector_app.core.verdict import Disposition
from inspector_app.ui import actions
from inspector_app.ui.shell import Shell
from tests.ui.window_bench import Settle

Files = tuple[Path, Path, Path]


@pytest.fixture
def opened(shell: Shell, pair: Files, settle: Settle) -> Shell:
    """A failing pair on screen."""
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    shell.window.activateWindow()
    return shell


def serials(shell: Shell) -> list[str]:
    """As recorded, the newest last."""
    return [one.identity.serial for one in shell.inspector.store.search(HistoryFilter())][::-1]


def strike(target: QWidget, code: str, gap_ms: int, start_ms: int = 10_000) -> None:
    """Keys into ``target``, or whatever has the focus by then, and Enter."""
    target.setFocus()
    QApplication.processEvents()
    for number, character in enumerate(f"{code}\r"):
        key = Qt.Key.Key_Return if character == "\r" else Qt.Key(ord(character.upper()))
        event = QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier, character)
        event.setTimestamp(start_ms + number * gap_ms)
        focused = QApplication.focusWidget()
        assert focused is not None
        QApplication.sendEvent(focused, event)
        QApplication.processEvents()


def test_a_unit_that_could_not_be_recorded_does_not_keep_the_verdict_before(
    opened: Shell, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise KeeperError("disk_full", "The disk is full.", "Make room.")

    card = opened.inspect_page.verdict.card
    assert card.word == "FAIL"
    with monkeypatch.context() as patch:
        patch.setattr(opened.inspector.store, "commit", full)
        opened.live.trigger()
        settle(opened.runner)
    assert (card.word, card.reason) == ("Not recorded", "The disk is full.")
    assert opened.pair.outcome is None
    assert not opened.inspect_page.verdict.decision_button(Disposition.CONFIRMED).isEnabled()
    opened.live.trigger()
    settle(opened.runner)
    assert card.word == "FAIL"


def test_a_record_that_comes_late_leaves_the_serial_being_scanned_alone(
    opened: Shell, settle: Settle
) -> None:
    field = opened.inspect_page.identity.serial
    strike(field, "SN1", 10)
    # The record of SN1 is still on its way.
    for character in "SN2":
        QApplication.sendEvent(field, QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier(0), character))
    assert field.text() == "SN2"
    settle(opened.runner)
    assert (field.text(), field.selectedText()) == ("SN2", "")
    field.returnPressed.emit()
    settle(opened.runner)
    assert field.selectedText() == "SN2"
    assert serials(opened) == ["", "SN1", "SN2"]


def test_the_same_characters_typed_anew_are_the_next_units(opened: Shell, settle: Settle) -> None:
    field = opened.inspect_page.identity.serial
    strike(field, "SN1", 10)
    for character in "SN1":
        QApplication.sendEvent(field, QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier(0), character))
    settle(opened.runner)
    QApplication.sendEvent(field, QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier(0), "0"))
    assert field.text() == "SN10"


@pytest.mark.parametrize("name", ["lot", "operator"])
def test_a_scan_into_another_field_goes_to_the_serial(opened: Shell, settle: Settle, name: str) -> None:
    identity = opened.inspect_page.identity
    other: QLineEdit = getattr(identity, name)
    other.setText("before")
    strike(other, "SN-0042", 12)
    settle(opened.runner)
    assert (other.text(), identity.serial.text()) == ("before", "SN-0042")
    assert serials(opened) == ["", "SN-0042"]


def test_what_a_person_types_stays_in_its_field(opened: Shell, settle: Settle) -> None:
    identity = opened.inspect_page.identity
    strike(identity.lot, "LOT-77", 120)
    settle(opened.runner)
    assert (identity.lot.text(), identity.serial.text()) == ("LOT-77", "")
    assert serials(opened) == [""]


def test_a_scan_does_not_choose_a_recipe(opened: Shell, settle: Settle) -> None:
    opened.recipes.save("SN plate", "")
    settle(opened.runner)
    opened.recipes.choose("")
    strike(opened.inspect_page.actions_bar.recipe, "SN-7", 12)
    settle(opened.runner)
    assert opened.inspect_page.actions_bar.recipe.currentIndex() == 0
    assert serials(opened) == ["", "SN-7"]


def test_a_decision_is_on_the_unit_that_it_was_asked_for(
    opened: Shell, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for = opened.pair.record
    assert asked_for is not None

    class Answer:
        value = "within the drawing"

        def __init__(self, *args: object) -> None: ...

        def exec(self) -> QDialog.DialogCode:
            opened.live.trigger()
            settle(opened.runner)
            return QDialog.DialogCode.Accepted

    monkeypatch.setattr(actions, "ReasonQuestion", Answer)
    opened.inspect_page.decide(Disposition.ACCEPTED)
    settle(opened.runner)
    newest, first = opened.inspector.store.search(HistoryFilter())
    assert opened.pair.record is not None
    assert opened.pair.record.id == newest.id != asked_for.id
    assert newest.disposition is None
    assert first.disposition is not None
    assert first.disposition.reason == "within the drawing"


def test_the_station_is_recorded_before_anything_is_entered(
    opened: Shell, pair: Files, settle: Settle
) -> None:
    assert opened.pair.identity.station == opened.inspector.settings.station


def test_a_preview_ends_when_only_the_network_could_tell(opened: Shell, settle: Settle) -> None:
    opened.pair.set_limits(Limits(threshold=0.9, min_area_px=5000))
    settle(opened.runner)
    assert opened.pair.preview is not None
    assert opened.inspect_page.limits.preview.isVisible()
    opened.pair.set_setup(replace(opened.pair.setup, alignment=Alignment(method="rigid")))
    settle(opened.runner)
    assert opened.pair.preview is None
    assert not opened.inspect_page.limits.preview.isVisible()
