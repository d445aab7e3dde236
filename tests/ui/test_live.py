"""Live sources: newest frame shown, trigger, continuous, reconnect."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError, OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.verdict import Verdict
from inspector_app.ui.inspect import live
from inspector_app.ui.inspect.live import LiveState, Mailbox
from inspector_app.ui.shell import Shell
from inspector_app.ui.work import Shown
from tests.ui.window_bench import Settle

Until = Callable[[Callable[[], bool]], None]


class FakeCamera:
    """Gives numbered frames; can be made to lose its connection."""

    name = "fake camera"

    def __init__(self, last: int | None = None, pause_s: float = 0.005) -> None:
        self.number = 0
        self.opened = 0
        self.closed = 0
        self.lost = threading.Event()
        self._last = last
        self._pause = pause_s

    def open(self) -> None:
        self.opened += 1

    def grab(self, timeout_s: float) -> Frame | None:
        if self.lost.is_set():
            self.lost.clear()
            raise OperatorError("camera_lost", "The camera was unplugged.")
        if self.ended:
            return None
        time.sleep(self._pause)
        self.number += 1
        pixels = np.full((200, 200, 3), 100 + self.number % 100, np.uint8)
        return Frame(pixels, f"frame {self.number}", f"{self.number:064x}")

    @property
    def ended(self) -> bool:
        return self._last is not None and self.number >= self._last

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def golden(shell: Shell, pair: tuple[Path, Path, Path], settle: Settle) -> None:
    shell.pair.open_golden(pair[0])
    settle(shell.runner)


def name_of(shell: Shell) -> str:
    return shell.pair.test.frame.name if shell.pair.test else ""


def test_the_newest_frame_is_shown_and_nothing_recorded(shell: Shell, golden: None, until: Until) -> None:
    camera = FakeCamera()
    shell.live.start(camera)
    until(lambda: camera.number > 5 and name_of(shell) != "")
    assert shell.live.state is LiveState.RUNNING
    assert shell.pair.outcome is None
    shell.live.stop()
    assert shell.live.state is LiveState.STOPPED
    until(lambda: camera.closed == 1)


def test_a_trigger_inspects_and_holds_until_resumed(shell: Shell, golden: None, until: Until) -> None:
    camera = FakeCamera()
    shell.live.start(camera)
    until(lambda: name_of(shell) != "")
    assert shell.live.trigger()
    until(lambda: shell.pair.outcome is not None)
    assert shell.pair.outcome is not None
    held = name_of(shell)
    record = shell.pair.outcome.record
    assert record.image.name == held
    assert record.archive_key is not None
    seen = camera.number
    until(lambda: camera.number > seen + 5)
    assert name_of(shell) == held
    shell.dismiss()
    until(lambda: name_of(shell) not in ("", held))
    assert shell.pair.outcome is None
    shell.live.stop()


def test_continuous_inspects_one_after_another(shell: Shell, golden: None, until: Until) -> None:
    camera = FakeCamera()
    shell.live.set_continuous(True)
    shell.live.start(camera)
    until(lambda: shell.live.inspected >= 3)
    shell.live.stop()
    assert "Live" in shell.window.fact("live").text() or shell.live.state is LiveState.STOPPED


def test_a_lost_source_is_opened_again_and_told(shell: Shell, golden: None, until: Until) -> None:
    camera = FakeCamera()
    shell.live.start(camera)
    until(lambda: name_of(shell) != "")
    camera.lost.set()
    until(lambda: shell.live.state is LiveState.LOST)
    assert shell.window.banner.notice is not None
    assert "unplugged" in shell.window.banner.notice.text
    until(lambda: shell.live.state is LiveState.RUNNING)
    assert camera.opened == 2
    assert not shell.window.banner.isVisible()
    shell.live.stop()


def test_a_finished_video_says_so(shell: Shell, golden: None, until: Until) -> None:
    shell.live.start(FakeCamera(last=3))
    until(lambda: shell.live.state is LiveState.ENDED)
    assert not shell.live.running


def test_a_folder_plays_as_a_camera(
    shell: Shell, golden: None, pair: tuple[Path, Path, Path], until: Until
) -> None:
    shell.actions.start_source(str(pair[0].parent))
    until(lambda: name_of(shell) != "")
    shell.live.trigger()
    until(lambda: shell.pair.outcome is not None)
    assert shell.pair.outcome is not None
    assert shell.pair.outcome.record.verdict in (Verdict.PASS, Verdict.FAIL)
    shell.live.stop()


def test_an_unknown_source_is_told(shell: Shell) -> None:
    shell.actions.start_source("/no/such/place")
    assert shell.window.banner.notice is not None
    assert not shell.live.running


def test_the_mailbox_keeps_the_newest_and_counts_the_rest() -> None:
    frames = [Shown.of(Frame(np.zeros((4, 4, 3), np.uint8), str(n), "0" * 64)) for n in range(3)]
    box = Mailbox()
    assert [box.put(frame) for frame in frames] == [True, False, False]
    assert box.take() is frames[2]
    assert box.take() is None
    assert box.skipped == 2


def test_a_golden_opened_meanwhile_records_nothing(
    shell: Shell, pair: tuple[Path, Path, Path], until: Until
) -> None:
    camera = FakeCamera()
    shell.live.start(camera)
    until(lambda: name_of(shell) != "")
    shell.pair.use_test_as_golden()
    until(lambda: shell.pair.golden is not None)
    assert shell.pair.golden is not None
    assert shell.pair.golden.frame.name.startswith("frame")
    seen = camera.number
    until(lambda: camera.number > seen + 3)
    shell.live.stop()
    assert shell.inspector.store.search(HistoryFilter()) == []


class BrokenCamera(FakeCamera):
    """Opens, but breaks with ``fault`` when it is read."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self.fault: Exception | None = fault

    def grab(self, timeout_s: float) -> Frame | None:
        if self.fault is not None:
            raise self.fault
        return super().grab(timeout_s)


def recorded(shell: Shell) -> list[InspectionRecord]:
    return shell.inspector.store.search(HistoryFilter())


def test_no_old_frame_is_inspected_when_the_source_is_lost_stopped_or_ended(
    shell: Shell, golden: None, until: Until, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RETRY_S", (60.0,))
    camera = FakeCamera()
    shell.live.start(camera)
    until(lambda: name_of(shell) != "")
    camera.lost.set()
    until(lambda: shell.live.state is LiveState.LOST)
    assert not shell.live.trigger()
    assert shell.window.banner.notice is not None
    assert "no pictures now" in shell.window.banner.notice.text
    shell.live.stop()
    settle(shell.runner)
    assert not shell.live.trigger()
    assert shell.inspect_page.verdict.card.reason.startswith("An old picture")
    shell.live.start(FakeCamera(last=2))
    until(lambda: shell.live.state is LiveState.ENDED)
    assert not shell.live.trigger()
    settle(shell.runner)
    assert recorded(shell) == []


def test_a_frame_is_inspected_once_and_the_next_trigger_waits_for_a_newer_one(
    shell: Shell, golden: None, until: Until, settle: Settle
) -> None:
    camera = FakeCamera()
    shell.live.start(camera)
    until(lambda: name_of(shell) != "")
    for serial in ("SN1", "SN2"):
        shell.inspect_page.identity.serial.setText(serial)
        shell.live.trigger()
    assert not shell.live.trigger()
    assert shell.window.banner.notice is not None
    assert "waiting" in shell.window.banner.notice.text
    until(lambda: len(recorded(shell)) == 2)
    shell.live.stop()
    settle(shell.runner)
    second, first = recorded(shell)
    assert (first.identity.serial, second.identity.serial) == ("SN1", "SN2")
    assert first.image.sha256 != second.image.sha256


def test_a_trigger_that_waits_for_a_frame_is_told_when_none_comes(
    shell: Shell, golden: None, until: Until, settle: Settle
) -> None:
    camera = FakeCamera()
    shell.live.start(camera)
    until(lambda: name_of(shell) != "")
    shell.live._newest = None
    shell.live.trigger()
    shell.live.stop()
    assert shell.window.banner.notice is not None
    assert "No new picture came" in shell.window.banner.notice.text
    settle(shell.runner)


def test_a_source_that_breaks_says_so(shell: Shell, golden: None, until: Until, settle: Settle) -> None:
    shell.live.start(BrokenCamera(ZeroDivisionError("driver")))
    until(lambda: shell.live.state is LiveState.STOPPED)
    assert not shell.live.running
    assert "ZeroDivisionError" in shell.live.text
    assert shell.window.banner.notice is not None
    assert "ZeroDivisionError" in shell.window.banner.notice.text
    settle(shell.runner)


def test_a_camera_that_opens_but_gives_nothing_is_tried_ever_more_seldom(
    shell: Shell, golden: None, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = (0.01, 0.02, 0.03)
    monkeypatch.setattr(live, "RETRY_S", pauses)
    events: list[tuple[str, str]] = []
    monkeypatch.setattr(shell.inspector.store, "add_event", lambda *said: events.append(said))
    told: list[str] = []
    shell.live._live.news.connect(lambda news: told.append(news.text))
    camera = BrokenCamera(OperatorError("camera_lost", "Nothing can be read."))
    shell.live.start(camera)
    until(lambda: camera.opened > 4)
    camera.fault = None
    until(lambda: name_of(shell) != "")
    waits = [text.rsplit(" in ", 1)[1] for text in told if "Trying again" in text]
    assert waits[:4] == ["0.01 s.", "0.02 s.", "0.03 s.", "0.03 s."]
    shell.live.stop()
    until(lambda: shell.runner.idle)
    assert events == [
        ("camera", "fake camera was lost: Nothing can be read."),
        ("camera", "fake camera is back."),
    ]


def test_pictures_go_on_where_the_event_cannot_be_kept(
    shell: Shell, golden: None, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*said: str) -> None:
        raise KeeperError("disk_full", "The disk is full.")

    monkeypatch.setattr(shell.inspector.store, "add_event", full)
    notices: list[str] = []
    shell.errors.raised.connect(lambda notice: notices.append(notice.text))
    camera = FakeCamera()
    camera.lost.set()
    shell.live.start(camera)
    until(lambda: name_of(shell) != "")
    assert "The disk is full." in notices
    shell.live.stop()


def test_one_after_another_a_serial_goes_with_one_record(
    shell: Shell, golden: None, until: Until, settle: Settle
) -> None:
    shell.live.set_continuous(True)
    shell.live.start(FakeCamera())
    until(lambda: len(recorded(shell)) > 1)
    field = shell.inspect_page.identity.serial
    field.setText("SN1")
    seen = len(recorded(shell))
    until(lambda: len(recorded(shell)) > seen + 1)
    field.returnPressed.emit()
    until(lambda: field.text() == "")
    seen = len(recorded(shell))
    field.setText("SN")
    until(lambda: len(recorded(shell)) > seen + 1)
    assert field.text() == "SN"
    assert field.selectedText() == ""
    shell.live.stop()
    settle(shell.runner)
    assert [one.identity.serial for one in recorded(shell) if one.identity.serial] == ["SN1"]
