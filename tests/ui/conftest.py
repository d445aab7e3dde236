"""Windows without a screen; what a test leaves behind fails it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from inspector_app.ui.jobs import JobRunner
from inspector_app.ui.shell import Shell
from tests.ui.window_bench import BenchInspector, Settle, bench_inspector, write_pair

PATIENCE_S = 20.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The offscreen platform warns of what it cannot do for window managers; that is no fault of ours."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support"))


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """Top-level windows that outlive a test fail it (threads do so for every test of the project)."""
    windows = set(map(id, qapp.topLevelWidgets()))
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    shown = [type(w).__name__ for w in qapp.topLevelWidgets() if id(w) not in windows and w.isVisible()]
    assert not shown, f"windows left open: {shown}"


@pytest.fixture
def settle(qapp: QApplication) -> Settle:
    """Process events until a runner has nothing left to do."""

    def wait(runner: JobRunner) -> None:
        end = time.monotonic() + PATIENCE_S
        while True:
            qapp.processEvents()
            if runner.idle:
                qapp.processEvents()
                if runner.idle:
                    return
            assert time.monotonic() < end, "background work did not end in time"
            time.sleep(0.002)

    return wait


@pytest.fixture
def until(qapp: QApplication) -> Callable[[Callable[[], bool]], None]:
    """Process events until something is so."""

    def wait(so: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not so():
            qapp.processEvents()
            assert time.monotonic() < end, "it did not become so in time"
            time.sleep(0.002)

    return wait


@pytest.fixture
def runner(qapp: QApplication) -> Iterator[JobRunner]:
    """A job runner that is closed afterwards."""
    made = JobRunner()
    yield made
    made.close()


@pytest.fixture(scope="session")
def empty_station(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose database is made already; making it anew for each test takes long."""
    folder = tmp_path_factory.mktemp("station")
    bench_inspector(folder).close()
    return folder


@pytest.fixture
def inspector(tmp_path: Path, empty_station: Path) -> Iterator[BenchInspector]:
    """Real store and archive, grey engine."""
    shutil.copytree(empty_station, tmp_path / "data")
    made = bench_inspector(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Golden, test and annotation files."""
    return write_pair(tmp_path)


@pytest.fixture
def shell(qapp: QApplication, inspector: BenchInspector, settle: Settle) -> Iterator[Shell]:
    """The whole window, engine loaded."""
    made = Shell(inspector, qapp)
    made.window.resize(1280, 800)
    made.window.show()
    made.start()
    settle(made.runner)
    yield made
    made.close()
    made.window.close()
    made.window.deleteLater()
