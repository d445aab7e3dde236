"""A database in a folder that may not be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import HistoryFilter
from inspector_app.storage import schema, store
from inspector_app.storage.store import SqlRecordStore
from tests.makers import FakeClock, make_result

ALL = HistoryFilter()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds a database of one record; taken for closed to writing, which root's folders never are."""
    folder = tmp_path / "säved 100 % #1?"
    written = SqlRecordStore(folder / "records.sqlite3", FakeClock(), "0.1")
    written.add([make_result(serial="S1")], [None])
    written.close()
    monkeypatch.setattr(store, "is_writable", lambda path: False)
    return folder


def opened(folder: Path) -> SqlRecordStore:
    return SqlRecordStore(folder / "records.sqlite3", FakeClock(), "0.1", only_look=True)


def test_it_is_read_and_left_as_it_is(folder: Path) -> None:
    before = sorted(os.listdir(folder))
    looking = opened(folder)
    assert [record.identity.serial for record in looking.iterate(ALL)] == ["S1"]
    assert looking.check() == []
    with pytest.raises(KeeperError) as caught:
        looking.add_event("engine", "gave up")
    assert caught.value.code == "folder_not_writable"
    assert sorted(os.listdir(folder)) == before
    looking.close()
    assert sorted(os.listdir(folder)) == before


def test_what_another_program_has_in_its_log_is_read_too(folder: Path) -> None:
    writing = SqlRecordStore(folder / "records.sqlite3", FakeClock(), "0.1")
    writing.add([make_result(serial="S2")], [None])
    looking = opened(folder)
    assert [record.identity.serial for record in looking.iterate(ALL)] == ["S1", "S2"]
    looking.close()
    writing.close()


def test_a_log_is_found_behind_a_link(folder: Path, tmp_path: Path) -> None:
    writing = SqlRecordStore(folder / "records.sqlite3", FakeClock(), "0.1")
    writing.add([make_result(serial="S2")], [None])
    link = tmp_path / "link"
    link.mkdir()
    (link / "records.sqlite3").symlink_to(folder / "records.sqlite3")
    looking = opened(link)
    assert [record.identity.serial for record in looking.iterate(ALL)] == ["S1", "S2"]
    looking.close()
    writing.close()


def test_a_writer_that_comes_later_is_seen(folder: Path) -> None:
    looking = opened(folder)
    assert len(list(looking.iterate(ALL))) == 1
    writing = SqlRecordStore(folder / "records.sqlite3", FakeClock(), "0.1")
    writing.add([make_result(serial="S2")], [None])
    assert len(list(looking.iterate(ALL))) == 2
    writing.close()
    assert len(list(looking.iterate(ALL))) == 2
    looking.close()


def test_an_older_one_is_told_for_it_cannot_be_brought_up_to_date(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "HEAD", "9999")
    with pytest.raises(KeeperError, match="older version's, and nothing may be written") as caught:
        opened(folder)
    assert caught.value.code == "folder_not_writable"


def test_one_that_may_be_written_is_opened_as_ever(tmp_path: Path) -> None:
    looking = opened(tmp_path / "new")
    looking.add([make_result(serial="S1")], [None])
    assert len(list(looking.iterate(ALL))) == 1
    looking.close()
