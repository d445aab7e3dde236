from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.frame import Frame
from inspector_app.core.protocols import ImageArchive
from inspector_app.storage.archive import FileImageArchive
from tests.makers import make_frame


@pytest.fixture
def archive(tmp_path: Path) -> FileImageArchive:
    return FileImageArchive(tmp_path / "images")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_it_is_an_archive(archive: FileImageArchive) -> None:
    checked: ImageArchive = archive
    assert checked is archive


def test_pixels_come_back_and_are_stored_once(archive: FileImageArchive, tmp_path: Path) -> None:
    frame = make_frame()
    key = archive.put(frame)
    assert archive.put(make_frame("other name")) == key
    assert files(tmp_path) == [archive.path_of(key)]
    assert archive.path_of(key) == tmp_path / "images" / key
    found = archive.get(key)
    np.testing.assert_array_equal(found.pixels, frame.pixels)
    assert found.sha256 == frame.sha256
    assert not found.pixels.flags.writeable


def test_shapes_with_the_same_bytes_are_told_apart(archive: FileImageArchive) -> None:
    flat = [Frame(np.zeros((h, w, 3), np.uint8), "flat", "0" * 64) for h, w in ((2, 8), (4, 4), (8, 2))]
    keys = [archive.put(frame) for frame in flat]
    assert len(set(keys)) == 3
    assert [archive.get(key).pixels.shape for key in keys] == [frame.pixels.shape for frame in flat]


def test_a_picture_that_is_not_contiguous(archive: FileImageArchive) -> None:
    wide = make_frame().pixels[:, ::2]
    key = archive.put(Frame(wide, "half", "0" * 64))
    np.testing.assert_array_equal(archive.get(key).pixels, wide)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "ab/cd.png", "aa/" + "0" * 62 + ".png"])
def test_a_missing_image(archive: FileImageArchive, key: str) -> None:
    with pytest.raises(KeeperError) as caught:
        archive.get(key)
    assert caught.value.code == "archive_missing"


@pytest.mark.parametrize("cut", [0, 40, -1])
def test_a_damaged_image_is_told_and_mended_by_the_next_put(archive: FileImageArchive, cut: int) -> None:
    frame = make_frame()
    key = archive.put(frame)
    path = archive.path_of(key)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(KeeperError) as caught:
        archive.get(key)
    assert caught.value.code == "archive_damaged"
    archive.put(frame)
    np.testing.assert_array_equal(archive.get(key).pixels, frame.pixels)


def test_another_picture_under_this_key_is_damage(archive: FileImageArchive) -> None:
    one, two = archive.put(make_frame(seed=1)), archive.put(make_frame(seed=2))
    archive.path_of(one).write_bytes(archive.path_of(two).read_bytes())
    with pytest.raises(KeeperError) as caught:
        archive.get(one)
    assert caught.value.code == "archive_damaged"


def test_a_full_disk_leaves_nothing_half_done(
    archive: FileImageArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(KeeperError) as caught:
            archive.put(make_frame())
    assert caught.value.code == "disk_full"
    assert files(tmp_path) == []
    archive.put(make_frame())


def test_bytes(archive: FileImageArchive, tmp_path: Path) -> None:
    key = archive.put_bytes(b"golden file")
    assert archive.put_bytes(b"golden file") == key
    assert archive.get_bytes(key) == b"golden file"
    [path] = files(tmp_path)
    path.write_bytes(b"rot")
    with pytest.raises(KeeperError) as caught:
        archive.get_bytes(key)
    assert caught.value.code == "archive_damaged"
    archive.put_bytes(b"golden file")
    assert archive.get_bytes(key) == b"golden file"
    path.unlink()
    for absent in (key, "../x"):
        with pytest.raises(KeeperError) as caught:
            archive.get_bytes(absent)
        assert caught.value.code == "archive_missing"
