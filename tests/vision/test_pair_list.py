from __future__ import annotations

from pathlib import Path

import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.vision.pair_list import read_list


def test_names_are_taken_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "val.txt").write_bytes("\ufeffa b.png\r\n\n c.png\n".encode())
    assert read_list(tmp_path, "val") == ("a b.png", " c.png")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    def told(root: Path, split: str = "val") -> str:
        with pytest.raises(KeeperError) as caught:
            read_list(root, split)
        assert caught.value.code == "pairs_missing"
        return str(caught.value)

    layout = "A data set in TAO's layout is a folder that holds A, B, label and list."
    assert told(tmp_path / "gone") == f"There is no data set {tmp_path / 'gone'}. {layout}"
    assert told(tmp_path) == f"There is no list {tmp_path / 'list' / 'val.txt'}. {layout}"
    (tmp_path / "list").mkdir()
    for split in ("train", "test"):
        (tmp_path / "list" / f"{split}.txt").write_text("a.png\n")
    assert told(tmp_path).endswith("val.txt. The lists there are: test, train.")
    assert told(tmp_path / "list" / "test.txt").startswith("There is no data set")
