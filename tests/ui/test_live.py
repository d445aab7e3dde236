"""Live sources: newest frame shown, trigger, continuous, reconnect."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.verdict import Verdict
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
    from inspector_app.core.protocols import HistoryFilter

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
