"""A folder and a video played as simulated cameras."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.protocols import FrameSource
from inspector_app.sources.folder_source import FolderSource
from inspector_app.sources.registry import open_source
from inspector_app.sources.video_source import VideoSource


def encoded(value: int) -> bytes:
    return cv2.imencode(".png", np.full((12, 16, 3), value, np.uint8))[1].tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "line 1"
    root.mkdir()
    for number in (2, 10, 1):
        (root / f"{number}.png").write_bytes(encoded(number))
    return root


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "line.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 50, (64, 48))
    for value in (20, 120, 220):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    return path


def take(source: FrameSource, count: int) -> list[Frame]:
    frames = []
    deadline = time.monotonic() + 10
    while len(frames) < count and time.monotonic() < deadline:
        frame = source.grab(1.0)
        if frame is not None:
            frames.append(frame)
    return frames


class TestFolder:
    def test_plays_all_in_order_and_ends(self, folder: Path) -> None:
        source = FolderSource(folder, fps=0, loop=False)
        source.open()
        frames = take(source, 3)
        assert [frame.name for frame in frames] == ["1.png", "2.png", "10.png"]
        assert frames[0].captured_at is not None
        assert frames[0].captured_at.utcoffset() is not None
        assert frames[0].sha256 == hashlib.sha256(encoded(1)).hexdigest()
        assert source.ended
        assert source.grab(1.0) is None
        source.close()

    def test_loops(self, folder: Path) -> None:
        source = FolderSource(folder, fps=0)
        source.open()
        assert [frame.name for frame in take(source, 5)] == ["1.png", "2.png", "10.png", "1.png", "2.png"]
        assert not source.ended
        source.close()

    def test_keeps_its_rate_and_the_timeout(self, folder: Path) -> None:
        source = FolderSource(folder, fps=5)
        source.open()
        started = time.monotonic()
        assert source.grab(1.0) is not None
        assert source.grab(0.0) is None
        assert source.grab(1.0) is not None
        assert time.monotonic() - started >= 0.19
        source.close()

    def test_a_bad_image_is_told_and_passed(self, folder: Path) -> None:
        (folder / "1.png").write_bytes(b"text")
        source = FolderSource(folder, fps=0, loop=False)
        source.open()
        with pytest.raises(OperatorError) as caught:
            source.grab(1.0)
        assert caught.value.code == "image_not_an_image"
        source.close()
        source.open()
        assert [frame.name for frame in take(source, 2)] == ["2.png", "10.png"]
        source.close()

    def test_missing_and_empty(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none", tmp_path):
            with pytest.raises(OperatorError) as caught:
                FolderSource(path).open()
            assert caught.value.code == "source_missing"

    def test_emptied_while_it_plays(self, folder: Path) -> None:
        source = FolderSource(folder, fps=0)
        source.open()
        take(source, 3)
        for path in folder.iterdir():
            path.unlink()
        with pytest.raises(OperatorError) as caught:
            source.grab(1.0)
        assert caught.value.code == "source_missing"
        source.close()

    def test_closing_ends_a_wait(self, folder: Path) -> None:
        source = FolderSource(folder, fps=0.01)
        source.open()
        source.grab(1.0)
        closer = threading.Timer(0.1, source.close)
        closer.start()
        started = time.monotonic()
        assert source.grab(30.0) is None
        assert time.monotonic() - started < 10
        closer.join()


class TestWatchedFolder:
    def test_gives_what_is_there_and_what_comes(self, folder: Path) -> None:
        source = FolderSource(folder, fps=0, watch=True)
        source.open()
        assert [frame.name for frame in take(source, 3)] == ["1.png", "2.png", "10.png"]
        assert source.grab(0.3) is None
        assert not source.ended
        (folder / "11.png").write_bytes(encoded(11))
        assert take(source, 1)[0].name == "11.png"
        assert source.grab(0.5) is None
        source.close()

    def test_never_reads_a_file_while_it_grows(self, tmp_path: Path) -> None:
        data = encoded(7)
        source = FolderSource(tmp_path, fps=0, watch=True)
        source.open()
        with (tmp_path / "slow.png").open("wb") as file:
            for at in range(0, len(data), 12):
                file.write(data[at : at + 12])
                file.flush()
                assert source.grab(0.12) is None
        frame = take(source, 1)[0]
        assert (frame.pixels == 7).all()
        source.close()

    def test_waits_for_a_writer_that_pauses(self, tmp_path: Path) -> None:
        data = encoded(9)
        source = FolderSource(tmp_path, fps=0, watch=True)
        source.open()
        path = tmp_path / "paused.png"
        path.write_bytes(data[:-20])
        assert source.grab(0.8) is None
        path.write_bytes(data)
        assert (take(source, 1)[0].pixels == 9).all()
        source.close()

    def test_a_file_that_stays_cut_off_is_told_in_the_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("inspector_app.sources.folder_source._PATIENCE_S", 0.5)
        (tmp_path / "cut.png").write_bytes(encoded(9)[:-20])
        source = FolderSource(tmp_path, fps=0, watch=True)
        source.open()
        with pytest.raises(OperatorError) as caught:
            take(source, 1)
        assert caught.value.code == "image_truncated"
        assert source.grab(0.5) is None
        source.close()

    def test_a_file_that_is_written_again_is_given_again(self, folder: Path) -> None:
        source = FolderSource(folder, fps=0, watch=True)
        source.open()
        take(source, 3)
        (folder / "2.png").write_bytes(encoded(200) + b"x")
        assert (take(source, 1)[0].pixels == 200).all()
        source.close()


class TestVideo:
    def test_plays_all_and_ends(self, video: Path) -> None:
        source = VideoSource(video, fps=0)
        source.open()
        frames = take(source, 3)
        assert [frame.name for frame in frames] == ["line.avi #1", "line.avi #2", "line.avi #3"]
        assert [round(float(frame.pixels.mean()), -1) for frame in frames] == [20, 120, 220]
        assert frames[1].sha256 == hashlib.sha256(frames[1].pixels.tobytes()).hexdigest()
        assert source.grab(1.0) is None
        assert source.ended
        source.open()
        assert not source.ended
        assert len(take(source, 1)) == 1
        source.close()
        assert source.grab(0.1) is None

    def test_loops(self, video: Path) -> None:
        source = VideoSource(video, fps=0, loop=True)
        source.open()
        frames = take(source, 4)
        assert abs(float(frames[3].pixels.mean()) - float(frames[0].pixels.mean())) < 1
        source.close()

    def test_takes_the_files_own_rate(self, video: Path) -> None:
        source = VideoSource(video)
        source.open()
        started = time.monotonic()
        take(source, 3)
        assert time.monotonic() - started >= 0.035
        source.close()

    def test_missing_and_no_video(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(OperatorError) as caught:
            VideoSource(tmp_path / "none.mp4").open()
        assert caught.value.code == "source_missing"
        (tmp_path / "text.mp4").write_bytes(b"no video at all" * 50)
        with pytest.raises(OperatorError) as caught:
            VideoSource(tmp_path / "text.mp4").open()
        assert caught.value.code == "source_unreadable"


class TestRegistry:
    def test_by_what_is_named(self, folder: Path, video: Path) -> None:
        assert open_source(f" {folder} ").name == "line 1"
        assert isinstance(open_source(str(video)), VideoSource)
        assert open_source("2").name == "camera 2"
        assert open_source("rtsp://user:secret@cam/stream").name == "rtsp://cam/stream"

    @pytest.mark.parametrize("spec", ["", "  ", "/no/such/thing", "nonsense"])
    def test_nothing_there(self, spec: str) -> None:
        with pytest.raises(OperatorError) as caught:
            open_source(spec)
        assert caught.value.code == "source_missing"
