from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import pictures
from benchmarks.pictures import Parts, link_parts, write_large_pair, write_parts
from inspector_app.vision.decode import read_frame
from tests.pictures import plain, write


def test_every_image_has_its_own_bytes_and_the_wanted_size(tiny_parts: Parts) -> None:
    files = sorted(tiny_parts.folder.iterdir())
    assert len({path.read_bytes() for path in files}) == len(files) == 6
    assert {read_frame(path, path.name).pixels.shape for path in (*files, tiny_parts.golden)} == {(64, 64, 3)}


def test_images_of_ones_own_are_brought_to_size(tmp_path: Path) -> None:
    write(tmp_path / "own" / "a.png", plain(side=96))
    parts = write_parts(tmp_path / "made", 3, 64, tmp_path / "own")
    golden = read_frame(parts.golden, "golden").pixels.astype(int)
    for path in sorted(parts.folder.iterdir()):
        assert np.abs(read_frame(path, path.name).pixels.astype(int) - golden).max() < 25
    with pytest.raises(ValueError, match="no images"):
        write_parts(tmp_path / "none", 3, 64, tmp_path)


def test_links_are_the_same_files(tiny_parts: Parts, tmp_path: Path) -> None:
    linked = link_parts(tiny_parts, tmp_path / "many", 14)
    files = sorted(linked.folder.iterdir())
    assert len(files) == 14
    assert files[0].stat().st_ino == files[6].stat().st_ino == files[12].stat().st_ino


def test_the_large_pair_differs_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PANEL", (3, 4))
    monkeypatch.setattr(pictures, "BOARD_SIDE", 96)
    pair = write_large_pair(tmp_path)
    golden, test = (read_frame(path, "").pixels.astype(int) for path in (pair.golden, pair.test))
    assert golden.shape == test.shape == (288, 384, 3)
    x, y, width, height = pair.box
    inside = np.zeros(golden.shape[:2], bool)
    inside[y : y + height, x : x + width] = True
    difference = np.abs(golden - test).max(axis=2)
    assert difference[inside].max() > 60
    assert difference[~inside].max() < 40
