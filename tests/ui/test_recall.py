"""What a record shows again is what was inspected, or a sentence in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector_app.core.inspection import ImageRef, InspectionRecord
from inspector_app.core.protocols import HistoryFilter
from inspector_app.services.pictures import inspected_frame
from inspector_app.ui.records.recall import Recalled, recall
from inspector_app.ui.records.table_model import Column
from inspector_app.ui.records.thumbnails import make_thumbnail
from inspector_app.ui.shell import BATCH, HISTORY, Shell
from tests.ui.window_bench import Settle

Files = tuple[Path, Path, Path]


@pytest.fixture
def folder(tmp_path: Path, pair: Files) -> Path:
    """``images/part.png`` with two marks, ``golden.png`` beside, a COCO file that lists it among others."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "part.png").write_bytes(pair[1].read_bytes())
    listed = [{"id": n, "file_name": f"{n}.png", "width": 200, "height": 200} for n in range(3)]
    listed.append({"id": 9, "file_name": "part.png", "width": 200, "height": 200})
    box = [40, 50, 30, 20]
    outline = [40, 50, 70, 50, 70, 70, 40, 70]
    marks = [{"id": 1, "image_id": 9, "category_id": 1, "bbox": box, "segmentation": [outline], "iscrowd": 0}]
    coco = {"images": listed, "annotations": marks, "categories": [{"id": 1, "name": "dent"}]}
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    return tmp_path


@pytest.fixture
def record(shell: Shell, folder: Path, settle: Settle) -> InspectionRecord:
    """Scored on the Batch page."""
    shell.batch.change(
        folder=folder / "images", golden=folder / "golden.png", truth=folder / "coco.json", recursive=False
    )
    shell.batch.start()
    settle(shell.runner)
    (found,) = shell.inspector.store.search(HistoryFilter())
    return found


Again = Callable[[], Recalled]


@pytest.fixture
def again(shell: Shell, record: InspectionRecord) -> Again:
    return lambda: recall(shell.inspector, record, "#ff0000")


def repaint(path: Path) -> None:
    """Another picture of the same size in the same place."""
    assert cv2.imwrite(str(path), np.full((200, 200, 3), 7, np.uint8))


def test_a_truth_of_any_layout_is_drawn_again(again: Again, record: InspectionRecord) -> None:
    assert record.truth is not None
    recalled = again()
    assert recalled.notes == ()
    assert recalled.overlay is not None
    assert len(recalled.overlay.truth) == 4


def test_a_truth_that_has_changed_is_not_drawn(again: Again, folder: Path) -> None:
    (folder / "coco.json").write_text((folder / "coco.json").read_text().replace("40", "41"))
    recalled = again()
    assert recalled.overlay is not None
    assert recalled.overlay.truth == ()
    assert "coco.json is gone or has changed" in recalled.notes[0]


def test_an_annotation_opened_by_hand_is_recorded_and_drawn_again(
    shell: Shell, pair: Files, settle: Settle
) -> None:
    shell.pair.open_golden(pair[0])
    settle(shell.runner)
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    shell.pair.open_truth(pair[2])
    settle(shell.runner)
    newest, first = shell.inspector.store.search(HistoryFilter())
    assert first.truth_ref is None
    assert newest.truth_ref is not None
    assert newest.truth_ref.path == str(pair[2])
    overlay = recall(shell.inspector, newest, "#ff0000").overlay
    assert overlay is not None
    assert len(overlay.truth) == 8


def test_no_mask_over_another_picture(
    shell: Shell, again: Again, record: InspectionRecord, folder: Path, settle: Settle
) -> None:
    repaint(folder / "images" / "part.png")
    recalled = again()
    assert (recalled.test, recalled.overlay) == (None, None)
    assert "has changed since it was inspected" in recalled.no_test
    assert make_thumbnail(shell.inspector, record) is None
    shell.window.stack.setCurrentIndex(HISTORY)
    settle(shell.runner)
    view = shell.history_page.pane.view
    assert view.test.picture is None
    assert view.test._empty == recalled.no_test
    assert view.test.layers == ()
    assert view.golden.picture is not None


def test_a_golden_that_has_changed_comes_from_the_archive(shell: Shell, again: Again, folder: Path) -> None:
    data = (folder / "golden.png").read_bytes()
    shell.inspector.archive.put_bytes(data)
    for spoil in (repaint, Path.unlink):
        spoil(folder / "golden.png")
        recalled = again()
        assert recalled.golden is not None
        assert recalled.golden.frame.pixels.mean() > 100
        assert recalled.notes == ()


def test_a_golden_that_nobody_has_any_more_is_told(
    shell: Shell, record: InspectionRecord, folder: Path
) -> None:
    lost = replace(record, golden=ImageRef("golden.png", "f" * 64, 200, 200, str(folder / "golden.png")))
    recalled = recall(shell.inspector, lost, "#ff0000")
    assert recalled.golden is None
    assert "golden.png is gone or has changed" in recalled.no_golden
    assert recalled.overlay is not None


def test_a_frame_on_screen_becomes_the_golden_whatever_its_file_holds_now(
    shell: Shell, pair: Files, settle: Settle
) -> None:
    shell.pair.open_test(pair[1])
    settle(shell.runner)
    assert shell.pair.test is not None
    pixels = shell.pair.test.frame.pixels
    repaint(pair[1])
    shell.pair.use_test_as_golden()
    settle(shell.runner)
    assert shell.pair.golden is not None
    assert np.array_equal(shell.pair.golden.frame.pixels, pixels)


def test_the_picture_of_a_record_is_the_one_that_was_inspected(
    shell: Shell, record: InspectionRecord
) -> None:
    assert inspected_frame(shell.inspector.archive, record).sha256 == record.image.sha256


def test_times_are_whole_and_reasons_in_sight(shell: Shell, record: InspectionRecord, settle: Settle) -> None:
    shell.window.resize(1280, 800)
    shell.window.stack.setCurrentIndex(BATCH)
    settle(shell.runner)
    table = shell.batch_page.table
    left = table.columnViewportPosition(Column.REASON)
    assert table.viewport().width() - left >= 120
    assert not table.horizontalScrollBar().isVisible()
    digits = table.fontMetrics().horizontalAdvance("0.000")
    for column in (Column.SCORE, Column.IOU):
        number = table.model().index(0, column)
        text = table.fontMetrics().horizontalAdvance(str(table.model().data(number)))
        chrome = table.sizeHintForIndex(number).width() - text
        room = digits if column is Column.IOU else text
        assert room + chrome <= table.columnWidth(column)
    shell.window.stack.setCurrentIndex(HISTORY)
    settle(shell.runner)
    times = shell.history_page.table
    room = times.columnWidth(Column.TIME)
    assert times.sizeHintForIndex(times.model().index(0, Column.TIME)).width() <= room
