"""The camera's reader thread, with a camera of our own that can be unplugged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame
from inspector_app.sources.camera_source import CameraSource
from inspector_app.sources.capture import Capture, Picture, Target, open_capture


class Plug:
    """A camera that gives a picture whenever ``send`` is called, and can be pulled and put back."""

    def __init__(self) -> None:
        self.there = True
        self.opened = 0
        self.released = 0
        self.reads = 0
        self._pending: list[Picture] = []
        self._news = threading.Condition()

    def __call__(self, target: Target) -> Capture | None:
        if not self.there:
            return None
        self.opened += 1
        return self

    def send(self, value: int) -> None:
        with self._news:
            self._pending.append(np.full((4, 6, 3), value, np.uint8))
            self._news.notify_all()

    def pull(self) -> None:
        with self._news:
            self.there = False
            self._news.notify_all()

    def read(self) -> tuple[bool, Picture | None]:
        with self._news:
            self._news.wait_for(lambda: bool(self._pending) or not self.there, 0.05)
            if not self._pending:
                # A real camera blocks until the next picture; a pause this short stands for one that repeats.
                return (True, np.zeros((4, 6, 3), np.uint8)) if self.there and self.idle else (False, None)
            self.reads += 1
            return True, self._pending.pop(0)

    idle = False

    def get(self, prop: int) -> float:
        return 0.0

    def release(self) -> None:
        self.released += 1


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def next_frame(source: CameraSource) -> Frame:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            frame = source.grab(0.2)
        except OperatorError:
            continue
        if frame is not None:
            return frame
    raise AssertionError("no frame came")


def fault(source: CameraSource) -> str:
    """The code of the first error that grabbing gives."""
    for _ in range(100):
        try:
            source.grab(0.05)
        except OperatorError as error:
            return error.code
    return ""


@pytest.fixture
def plug() -> Plug:
    return Plug()


def camera(plug: Plug) -> CameraSource:
    return CameraSource(0, opener=plug, back_off_s=(0.01, 0.02))


def test_a_frame_is_rgb_hashed_and_timed(plug: Plug) -> None:
    source = camera(plug)
    source.open()
    with plug._news:
        plug._pending.append(np.full((4, 6, 3), (1, 2, 3), np.uint8))
        plug._news.notify_all()
    frame = next_frame(source)
    assert tuple(frame.pixels[0, 0]) == (3, 2, 1)
    assert frame.name == "camera 0 #1"
    assert frame.captured_at is not None
    assert frame.captured_at.utcoffset() is not None
    assert len(frame.sha256) == 64
    assert frame.path is None
    source.close()


def test_the_newest_wins_and_the_others_are_counted(plug: Plug) -> None:
    source = camera(plug)
    source.open()
    for value in (1, 2, 3, 4):
        plug.send(value)
    until(lambda: plug.reads == 4 and source.dropped == 3)
    assert (next_frame(source).pixels == 4).all()
    plug.send(5)
    assert (next_frame(source).pixels == 5).all()
    assert source.dropped == 3
    source.close()


def test_missing() -> None:
    source = CameraSource(7, opener=lambda target: None)
    with pytest.raises(OperatorError, match="Camera 7") as caught:
        source.open()
    assert caught.value.code == "camera_missing"
    assert source.grab(0.0) is None
    source.close()


def test_lost_and_found_again(plug: Plug) -> None:
    source = camera(plug)
    source.open()
    plug.send(1)
    next_frame(source)
    plug.pull()
    until(lambda: plug.released >= 1)
    assert fault(source) == "camera_lost"
    plug.there = True
    plug.send(9)
    assert (next_frame(source).pixels == 9).all()
    assert plug.opened >= 2
    source.close()
    assert plug.released == plug.opened


def test_close_ends_the_thread_and_a_waiting_grab(plug: Plug) -> None:
    plug.idle = True
    source = camera(plug)
    source.open()
    before = threading.active_count()
    source.close()
    assert threading.active_count() == before - 1
    assert plug.released == 1
    source.close()
    source.open()
    assert next_frame(source) is not None
    source.close()
    assert not source.ended


def test_a_reader_that_dies_does_not_die_in_silence(plug: Plug) -> None:
    source = camera(plug)
    said: list[str] = []
    hook, threading.excepthook = threading.excepthook, lambda args: said.append(str(args.exc_value))
    try:
        plug.read = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        source.open()
        assert fault(source) == "camera_lost"
    finally:
        threading.excepthook = hook
    assert said == ["division by zero"]
    source.close()


def test_no_camera_here_is_told_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    assert open_capture(973) is None
    assert capfd.readouterr().err == ""
