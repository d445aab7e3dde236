"""Listing the images of a folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector_app.core.errors import OperatorError
from inspector_app.sources.folder import list_images, natural_key


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(root: Path, recursive: bool = True) -> list[str]:
    return [path.relative_to(root).as_posix() for path in list_images(root, recursive)]


def test_by_suffix_in_any_case(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.JPG", "c.jpeg", "d.BMP", "e.tif", "f.Tiff", "g.webp", "h.txt", "png", ".png")
    assert names(tmp_path) == ["a.png", "b.JPG", "c.jpeg", "d.BMP", "e.tif", "f.Tiff", "g.webp"]


def test_numbers_by_value_and_stable(tmp_path: Path) -> None:
    touch(tmp_path, "10.png", "9.png", "a10b2.png", "a9b11.png", "A9b3.png", "009.png", "b/1.png", "a/2.png")
    expected = ["009.png", "9.png", "10.png", "a/2.png", "A9b3.png", "a9b11.png", "a10b2.png", "b/1.png"]
    assert names(tmp_path) == expected


def test_subfolders_only_when_asked(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "sub/b.png", "sub/deep/c.png")
    assert names(tmp_path, recursive=False) == ["a.png"]
    assert names(tmp_path) == ["a.png", "sub/b.png", "sub/deep/c.png"]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, ".a.png", "._b.png", ".hidden/c.png", "d.png")
    assert names(tmp_path) == ["d.png"]


def test_a_folder_named_like_an_image_is_entered(tmp_path: Path) -> None:
    touch(tmp_path, "lot.png/a.png")
    assert names(tmp_path) == ["lot.png/a.png"]
    assert names(tmp_path, recursive=False) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "sub/b.png")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "linked.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert names(tmp_path) == ["a.png", "gone.png", "linked.png", "sub/b.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps names that are no text")
def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.png"
    with open(raw, "wb"):
        pass
    touch(tmp_path, "Prüfling 日本.png")
    found = list_images(tmp_path, recursive=False)
    assert os.fsencode(found[0]) == raw
    assert all(path.exists() for path in found)


def test_missing(tmp_path: Path) -> None:
    touch(tmp_path, "file.png")
    for folder in (tmp_path / "none", tmp_path / "file.png"):
        with pytest.raises(OperatorError) as caught:
            list_images(folder, recursive=True)
        assert caught.value.code == "folder_missing"


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.png", "closed/b.png")
    real = os.scandir

    def scandir(place: Path) -> object:
        if Path(place).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(OperatorError, match="closed") as caught:
        list_images(tmp_path, recursive=True)
    assert caught.value.code == "folder_unreadable"


@given(st.lists(st.text(alphabet="aB1٣20/-é", min_size=1, max_size=8), max_size=12))
def test_the_order_is_total_and_the_same_from_any_start(texts: list[str]) -> None:
    backwards = texts[::-1]
    assert sorted(texts, key=natural_key) == sorted(backwards, key=natural_key)
