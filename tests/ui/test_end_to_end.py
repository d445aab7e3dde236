"""From an empty data folder to a CSV file, through the window that people use."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from inspector_app.ui.app import run_window
from inspector_app.ui.keys_help import KeysHelp
from inspector_app.ui.shell import HISTORY, Shell
from tests.ui.window_bench import Settle, bench_inspector


def test_pair_verdict_history_csv(
    shell: Shell, pair: tuple[Path, Path, Path], tmp_path: Path, settle: Settle
) -> None:
    shell.inspect_page.identity.serial.setText("SN7")
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    assert shell.inspect_page.verdict.card.word == "FAIL"
    shell.window.stack.setCurrentIndex(HISTORY)
    settle(shell.runner)
    shown = shell.history_page.table.current_record
    assert shown is not None
    assert shown.identity.serial == "SN7"
    images, defects = tmp_path / "images.csv", tmp_path / "defects.csv"
    shell.history.export(images, defects=False)
    shell.history.export(defects, defects=True)
    settle(shell.runner)
    with images.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["serial"], row["verdict"]) for row in rows] == [("SN7", "FAIL")]
    with defects.open(newline="", encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == 2
    assert shell.window.banner.notice is not None
    assert "2 rows written" in shell.window.banner.notice.text


def test_the_program_starts_and_ends_with_its_window(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda *args: None)
    inspector = bench_inspector(tmp_path / "data")

    def close_it() -> None:
        for window in qapp.topLevelWidgets():
            if window.windowTitle() == "Inspector":
                window.close()
        qapp.quit()

    QTimer.singleShot(300, close_it)
    assert run_window(inspector, ["inspector-app"]) == 0


def test_each_page_lists_its_own_keys(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, set[str]]] = []
    monkeypatch.setattr(
        KeysHelp,
        "__init__",
        lambda self, parent, page, rows: shown.append((page, {key for key, _, _ in rows})),
    )
    monkeypatch.setattr(KeysHelp, "exec", lambda self: 0)
    for index in range(3):
        shell.window.stack.setCurrentIndex(index)
        shell.actions.show_keys()
    pages = dict(shown)
    assert list(pages) == ["Inspect", "Batch", "History"]
    assert "Hold End" in pages["Inspect"]
    assert {"Ctrl+H", "Ctrl+PgDown", "Ctrl+1"} <= pages["Batch"]
    assert {"Ctrl+F", "Ctrl+Shift+E", "Ctrl+Home"} <= pages["History"]
    assert "Ctrl+H" not in pages["History"]
