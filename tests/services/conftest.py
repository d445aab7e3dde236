from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inspector_app.core.retention import Retention
from inspector_app.services.inspect import InspectionService
from inspector_app.storage.archive import FileImageArchive
from inspector_app.storage.store import SqlRecordStore
from tests.fakes import DifferenceEngine
from tests.makers import FakeClock

MakeService = Callable[..., InspectionService]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlRecordStore]:
    store = SqlRecordStore(tmp_path / "data" / "inspector.sqlite3", FakeClock(), "0.0.test")
    yield store
    store.close()


@pytest.fixture
def make_service(store: SqlRecordStore, tmp_path: Path) -> MakeService:
    def make(engine: DifferenceEngine | None = None, retention: Retention | None = None) -> InspectionService:
        archive = FileImageArchive(tmp_path / "data" / "images")
        return InspectionService(engine or DifferenceEngine(), store, archive, FakeClock(), retention)

    return make
