"""Whose a batch is, and how often its totals are made."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspector_app.core.inspection import Identity
from inspector_app.core.protocols import HistoryFilter
from inspector_app.services.batch import BatchProgress
from inspector_app.services.summary import Tally
from inspector_app.ui.batch import presenter
from inspector_app.ui.shell import Shell
from tests.ui.record_bench import records
from tests.ui.window_bench import Settle


def entered(shell: Shell) -> Identity:
    """What an operator entered on the Inspect page."""
    shell.inspector.settings = shell.inspector.settings.model_copy(update={"station": "ST-3"})
    bar = shell.inspect_page.identity
    bar._station = "ST-3"
    bar.serial.setText("SN1")
    bar.lot.setText("L7")
    bar.operator.setText("Ann")
    return Identity("", "L7", "Ann", "ST-3")


def identities(shell: Shell) -> set[Identity]:
    return {one.identity for one in shell.inspector.store.iterate(HistoryFilter())}


def test_a_batch_records_lot_operator_and_station(
    shell: Shell, pair: tuple[Path, Path, Path], settle: Settle
) -> None:
    wanted = entered(shell)
    shell.batch.change(folder=pair[0].parent, golden=pair[0], recursive=False)
    shell.batch.start()
    settle(shell.runner)
    assert identities(shell) == {wanted}


def test_so_does_the_demo(shell: Shell, settle: Settle) -> None:
    wanted = entered(shell)
    shell.batch_page.demo.click()
    settle(shell.runner)
    assert identities(shell) == {wanted}


def test_the_totals_are_not_made_anew_for_each_batch(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    summary = Tally.summary

    def counted(tally: Tally) -> object:
        made.append(1)
        return summary(tally)

    monkeypatch.setattr(Tally, "summary", counted)
    monkeypatch.setattr(presenter, "TOTALS_EVERY_S", 3600.0)
    rows = records(400)
    for start in range(0, 400, 4):
        shell.batch._progress(BatchProgress(1, start + 4, 0, 400, 10.0, 1.0, tuple(rows[start : start + 4])))
    assert len(made) == 1
    assert shell.batch_page.table.model().rowCount() == 400
