"""Searching the records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inspector_app.core.verdict import Verdict
from inspector_app.ui.history.presenter import PAGE
from inspector_app.ui.shell import HISTORY, Shell
from tests.ui.window_bench import Settle

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def filled(shell: Shell, pair: tuple[Path, Path, Path], settle: Settle) -> Shell:
    """One pass and two fails, with serials."""
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    for serial, path in (("A1", pair[0]), ("B2", pair[1]), ("B3", pair[1])):
        shell.inspect_page.identity.serial.setText(serial)
        shell.pair.open_test(path)
        settle(shell.runner)
    shell.window.stack.setCurrentIndex(HISTORY)
    settle(shell.runner)
    return shell


def serials(shell: Shell) -> list[str]:
    model = shell.history_page.table.model()
    return [model.record_at(row).identity.serial for row in range(model.rowCount())]  # type: ignore[attr-defined]


def test_the_newest_stand_first_and_the_first_is_shown(filled: Shell) -> None:
    page = filled.history_page
    assert serials(filled) == ["B3", "B2", "A1"]
    assert page.totals.text() == "3 records  ·  1 pass  ·  2 fail"
    assert page.pane.verdict.card.word == "FAIL"
    assert page.pane.view.test.picture is not None
    assert page.pane.presenter.recalled is not None
    assert page.pane.presenter.recalled.notes == ()
    assert page.pane.presenter.recalled.overlay is not None


def test_text_verdict_and_recipe_narrow_it(filled: Shell, settle: Settle) -> None:
    page = filled.history_page
    page.filter.text.setText("b2")
    page.filter.tell()
    settle(filled.runner)
    assert serials(filled) == ["B2"]
    page.filter.text.clear()
    page.filter.verdicts.set_index(4)
    page.filter.tell()
    settle(filled.runner)
    assert serials(filled) == ["A1"]
    page.period.setCurrentIndex(1)
    page.source.setCurrentIndex(1)
    page.search()
    settle(filled.runner)
    assert serials(filled) == ["A1"]


def test_a_record_is_shown_again_when_its_files_are_gone(
    filled: Shell, pair: tuple[Path, Path, Path], settle: Settle
) -> None:
    for path in pair:
        path.unlink()
    filled.history_page.table.selectRow(1)
    settle(filled.runner)
    pane = filled.history_page.pane
    assert pane.view.test.picture is not None
    assert pane.view.golden.picture is not None
    assert pane.presenter.recalled is not None
    assert pane.presenter.recalled.notes == ()


def test_a_decision_made_here_is_recorded_and_shown(filled: Shell, settle: Settle) -> None:
    from inspector_app.core.verdict import Disposition

    page = filled.history_page
    page.pane.decide(Disposition.FALSE_CALL)
    settle(filled.runner)
    model = page.table.model()
    assert model.data(model.index(0, 1)) == "FAIL → PASS"
    assert "false call" in page.pane.verdict.card._decided.text()


def test_pages_come_as_it_is_scrolled(
    shell: Shell, pair: tuple[Path, Path, Path], settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.ui.record_bench import records

    made = records(2 * PAGE + 5)[::-1]

    def search(wanted: object, *, limit: int, before_id: int | None = None) -> list[object]:
        return [one for one in made if before_id is None or one.id < before_id][:limit]

    monkeypatch.setattr(shell.inspector.store, "search", search)
    shell.window.stack.setCurrentIndex(HISTORY)
    settle(shell.runner)
    table = shell.history_page.table
    model = table.model()
    assert model.rowCount() == PAGE
    for expected in (2 * PAGE, 2 * PAGE + 5):
        table.scrollToBottom()
        model.fetchMore()
        settle(shell.runner)
        assert model.rowCount() == expected
    assert not model.canFetchMore()


def test_a_result_of_the_strip_opens_here(filled: Shell, settle: Settle) -> None:
    filled.window.stack.setCurrentIndex(0)
    first = filled.counters.recent[0]
    filled.inspect_page.totals.strip.picked.emit(first)
    settle(filled.runner)
    assert filled.window.stack.currentIndex() == HISTORY
    assert filled.history_record.record is not None
    assert filled.history_record.record.verdict is Verdict.PASS
