"""The station's log file."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

import pytest

from inspector_app.settings.log_file import keeping_log


def test_warnings_and_faults_are_kept_with_their_traceback(tmp_path: Path) -> None:
    program = logging.getLogger("inspector_app.services.anything")
    with keeping_log(tmp_path) as path:
        program.info("nothing of note")
        program.warning("a camera went away")
        try:
            raise ValueError("Größe")
        except ValueError as error:
            program.error("unexpected fault", exc_info=error)
    program.warning("afterwards")
    text = path.read_text(encoding="utf-8")
    assert "WARNING inspector_app.services.anything: a camera went away" in text
    assert "Traceback" in text
    assert "ValueError: Größe" in text
    assert "of note" not in text
    assert "afterwards" not in text


def test_what_nobody_caught_is_kept_and_still_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: said.append(str(error)))
    monkeypatch.setattr(threading, "excepthook", lambda what: said.append(str(what.exc_value)))
    with keeping_log(tmp_path) as path:
        sys.excepthook(RuntimeError, RuntimeError("in a slot"), None)
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt("ended"), None)

        def fails() -> None:
            raise RuntimeError("in a thread")

        thread = threading.Thread(target=fails)
        thread.start()
        thread.join()
    text = path.read_text(encoding="utf-8")
    assert "RuntimeError: in a slot" in text
    assert "RuntimeError: in a thread" in text
    assert "ended" not in text
    assert said == ["in a slot", "ended", "in a thread"]


def test_a_quiet_shift_leaves_no_file(tmp_path: Path) -> None:
    with keeping_log(tmp_path) as path:
        pass
    assert not path.exists()


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    missing = tmp_path / "gone" / "away"
    with keeping_log(missing):
        logging.getLogger("inspector_app.x").warning("a camera went away")
    assert not missing.exists()


def test_the_log_stays_small(tmp_path: Path) -> None:
    with keeping_log(tmp_path) as path:
        for number in range(60):
            logging.getLogger("inspector_app.x").warning("%d %s", number, "long " * 20_000)
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == [
        "inspector.log",
        "inspector.log.1",
        "inspector.log.2",
        "inspector.log.3",
    ]
    assert sum(f.stat().st_size for f in files) < 4_200_000
    assert "59" in path.read_text(encoding="utf-8")[-200_000:]
