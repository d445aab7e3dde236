"""The Inspect page as an operator uses it."""

from __future__ import annotations

from pathlib import Path

from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.verdict import Verdict
from inspector_app.ui.shell import Shell
from tests.ui.window_bench import Settle

Files = tuple[Path, Path, Path]


def open_pair(shell: Shell, pair: Files, settle: Settle) -> None:
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    shell.pair.open_test(pair[1])
    settle(shell.runner)


def test_a_pair_is_inspected_recorded_and_then_shown(shell: Shell, pair: Files, settle: Settle) -> None:
    open_pair(shell, pair, settle)
    records = shell.inspector.store.search(HistoryFilter())
    assert [record.verdict for record in records] == [Verdict.FAIL]
    card = shell.inspect_page.verdict.card
    assert card.word == "FAIL"
    assert card.reason == records[0].reason
    assert shell.inspect_page.totals.text("Fail") == "1"
