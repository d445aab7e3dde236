from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_file, atomic_write, ensure_folder


def test_a_file_is_written_whole_and_nothing_else_stays(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a.txt", b"one")
    atomic_write(tmp_path / "a.txt", b"two")
    assert (tmp_path / "a.txt").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EACCES, "folder_not_writable"),
        (errno.EROFS, "folder_not_writable"),
        (errno.EIO, "file_not_written"),
    ],
)
def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"before")

    def refuse(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(KeeperError) as caught:
        atomic_write(target, b"after")
    assert caught.value.code == code
    assert str(target) in caught.value.message
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_replace_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(KeeperError):
        atomic_write(tmp_path / "a.txt", b"x")
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_caller_is_not_taken_for_the_disks(tmp_path: Path) -> None:
    def write_half() -> None:
        with atomic_file(tmp_path / "a.txt") as stream:
            stream.write(b"half")
            raise KeyError("mine")

    with pytest.raises(KeyError):
        write_half()
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeeperError) as caught:
        atomic_write(tmp_path / "no" / "a.txt", b"x")
    assert caught.value.code == "file_not_written"


def test_a_name_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 255)
    atomic_write(target, b"x")
    assert target.read_bytes() == b"x"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    target.write_bytes(b"before")
    link.symlink_to(target)
    atomic_write(link, b"after")
    assert link.is_symlink()
    assert target.read_bytes() == b"after"


@pytest.mark.skipif(os.name == "nt", reason="no such device there")
def test_a_device_is_written_not_replaced() -> None:
    atomic_write(Path(os.devnull), b"gone")
    assert not Path(os.devnull).is_file()


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeeperError):
        atomic_write(tmp_path, b"x")


def test_ensure_folder(tmp_path: Path) -> None:
    ensure_folder(tmp_path / "a" / "b")
    ensure_folder(tmp_path / "a" / "b")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KeeperError):
        ensure_folder(tmp_path / "file" / "b")
