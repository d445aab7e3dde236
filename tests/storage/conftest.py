from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inspector_app.storage.store import SqlRecordStore
from tests.makers import FakeClock


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the store's file lies."""
    return tmp_path / "records.sqlite3"


@pytest.fixture
def store(database: Path) -> Iterator[SqlRecordStore]:
    """A fresh store."""
    opened = SqlRecordStore(database, FakeClock(), "0.1")
    yield opened
    opened.close()
