"""The table of records, also with twenty thousand of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon, QPixmap
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from inspector_app.core.inspection import DispositionEntry, Identity, ImageRef
from inspector_app.core.verdict import Disposition, Verdict
from inspector_app.ui.errors import ErrorFunnel
from inspector_app.ui.jobs import JobRunner
from inspector_app.ui.records.table_model import HEADERS, Column, RecordTableModel, RowFilter
from inspector_app.ui.records.table_view import WIDEST_NAME, WIDTHS, RecordTable
from inspector_app.ui.records.thumbnails import WAITING, Thumbnails
from inspector_app.ui.tools import Tools
from inspector_app.vision.decode import read_frame
from tests.ui.record_bench import START, record, records
from tests.ui.window_bench import BenchInspector, Settle


@pytest.fixture
def thumbnails(inspector: BenchInspector, runner: JobRunner) -> Thumbnails:
    return Thumbnails(Tools(inspector, runner, ErrorFunnel()))


@pytest.fixture
def model(thumbnails: Thumbnails) -> Iterator[RecordTableModel]:
    made = RecordTableModel(thumbnails)
    yield made
    made.deleteLater()


def ids(model: RecordTableModel) -> list[int]:
    return [one.id for row in range(model.rowCount()) if (one := model.record_at(row))]


def test_it_is_a_sound_model(model: RecordTableModel, qtmodeltester: ModelTester) -> None:
    model.append(records(12))
    model.sort(Column.SCORE, Qt.SortOrder.DescendingOrder)
    qtmodeltester.check(model)


def test_rows_are_filtered_and_sorted(model: RecordTableModel) -> None:
    model.append(records(300))
    model.set_filter(RowFilter(verdicts=frozenset({Verdict.ERROR})))
    assert ids(model) == [100, 200, 300]
    model.sort(Column.IMAGE, Qt.SortOrder.DescendingOrder)
    assert ids(model) == [300, 200, 100]
    model.set_filter(RowFilter(text="PART_0000"))
    assert ids(model) == list(range(9, 0, -1))
    model.sort(Column.VERDICT)
    assert [model.record_at(row).verdict for row in range(3)] == [Verdict.FAIL] * 3  # type: ignore[union-attr]


def test_late_rows_stand_last_until_brought_into_order(model: RecordTableModel) -> None:
    model.sort(Column.SCORE, Qt.SortOrder.DescendingOrder)
    model.append([record(1, score=0.5)])
    model.append([record(2, score=0.9)])
    assert ids(model) == [1, 2]
    model.resort()
    assert ids(model) == [2, 1]


def test_a_chosen_row_stays_chosen_when_the_order_changes(model: RecordTableModel) -> None:
    model.append(records(30))
    held = QPersistentModelIndex(model.index(4, 0))
    model.sort(Column.IMAGE, Qt.SortOrder.DescendingOrder)
    assert model.record_at(held.row()).id == 5  # type: ignore[union-attr]
    model.set_filter(RowFilter(text="no such"))
    assert not held.isValid()


def test_a_disposition_is_shown_beside_the_verdict(model: RecordTableModel) -> None:
    failed = record(1, Verdict.FAIL)
    model.append([failed])
    entry = DispositionEntry(Disposition.FALSE_CALL, "Ann", "", START)
    model.replace(replace(failed, dispositions=(entry,)))
    assert model.data(model.index(0, Column.VERDICT)) == "FAIL → PASS"


def test_verdicts_have_a_shape_beside_the_word(model: RecordTableModel) -> None:
    model.append([record(1, Verdict.FAIL)])
    index = model.index(0, Column.VERDICT)
    assert isinstance(model.data(index, Qt.ItemDataRole.DecorationRole), QIcon)
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Verdict"
    assert model.data(QModelIndex()) is None


def test_twenty_thousand_rows_stay_smooth(model: RecordTableModel, qtbot: QtBot) -> None:
    made = records(20_000)
    table = RecordTable(model, (), sortable=True)
    qtbot.addWidget(table)
    table.resize(900, 700)
    table.show()
    started = time.perf_counter()
    for first in range(0, len(made), 500):
        model.append(made[first : first + 500])
    filled = time.perf_counter()
    table.sortByColumn(Column.SCORE, Qt.SortOrder.DescendingOrder)
    sorted_at = time.perf_counter()
    bar = table.verticalScrollBar()
    worst = 0.0
    for step in range(20):
        before = time.perf_counter()
        bar.setValue(bar.maximum() * step // 20)
        table.viewport().repaint()
        worst = max(worst, time.perf_counter() - before)
    # Bounds are wide, as the machine may be busy; alone it takes a tenth of them.
    assert filled - started < 3.0
    assert sorted_at - filled < 2.0
    assert worst < 0.5


def test_thumbnails_come_later_and_only_the_newest_wishes_are_kept(
    model: RecordTableModel, thumbnails: Thumbnails, runner: JobRunner, settle: Settle
) -> None:
    for one in records(200):
        assert thumbnails.get(one) is None
    assert len(thumbnails._wanted) <= WAITING
    settle(runner)
    assert thumbnails.get(record(200)) is None
    assert 200 in thumbnails._kept


def test_thumbnails_are_made_of_the_file(
    thumbnails: Thumbnails, runner: JobRunner, settle: Settle, pair: tuple[Path, Path, Path]
) -> None:
    one = record(1)
    one = replace(one, image=ImageRef.of(read_frame(pair[0])))
    assert thumbnails.get(one) is None
    settle(runner)
    pixmap = thumbnails.get(one)
    assert isinstance(pixmap, QPixmap)
    assert max(pixmap.width(), pixmap.height()) == 88


def test_images_of_one_name_are_told_apart_by_their_folders(model: RecordTableModel, qtbot: QtBot) -> None:
    table = RecordTable(model, (Column.PICTURE,), sortable=False)
    qtbot.addWidget(table)
    model.append([replace(record(1), image=ImageRef(name)) for name in ("rust/000.png", "good/000.png")])
    table.resize(900, 300)
    table.show()
    assert table.columnWidth(Column.IMAGE) >= WIDTHS[Column.IMAGE]
    cells = [table.grab(table.visualRect(model.index(row, Column.IMAGE))).toImage() for row in range(2)]
    assert cells[0] != cells[1]
    table.resize(2400, 300)
    assert table.columnWidth(Column.IMAGE) == WIDEST_NAME
    for column, heading in HEADERS.items():
        if not table.isColumnHidden(column):
            needed = table.horizontalHeader().fontMetrics().horizontalAdvance(heading)
            assert table.columnWidth(column) > needed


def test_a_column_of_nothing_stays_away_until_a_record_fills_it(
    model: RecordTableModel, qtbot: QtBot
) -> None:
    table = RecordTable(model, (Column.RECIPE,), sortable=True)
    qtbot.addWidget(table)
    bare = [replace(one, identity=Identity(), truth=None) for one in records(3)]
    model.append(bare)
    assert table.isColumnHidden(Column.SERIAL)
    assert table.isColumnHidden(Column.IOU)
    assert not table.isColumnHidden(Column.REASON)
    model.append([replace(record(9), identity=Identity(serial="SN-9"), truth=None)])
    assert not table.isColumnHidden(Column.SERIAL)
    assert table.columnWidth(Column.SERIAL) >= WIDTHS[Column.SERIAL]
    assert table.isColumnHidden(Column.RECIPE), "its owner never shows it"
    model.clear()
    assert table.isColumnHidden(Column.SERIAL)
