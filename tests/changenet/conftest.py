"""Fixtures of the tests of the training package: nothing here needs data or torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from changenet_pictures import SIDE, board, good_picture, part_mask, write_png
from leaded_board import displaced_masks
from leaded_board import good_picture as leaded_picture

from inspector_app.changenet.scene import Scene, take_all_apart, vote_outline


@pytest.fixture
def pair_folder(tmp_path: Path) -> Path:
    """A/B/label/list with four good pairs, two small defects and two displaced parts in ``train``."""
    root = tmp_path / "pairs"
    names = []
    for index in range(8):
        image, mask = good_picture(index), np.zeros((SIDE, SIDE), np.uint8)
        if index in (4, 5):
            image[40:48, 40:50], mask[40:48, 40:50] = (220, 40, 40), 1
        if index in (6, 7):
            image, mask = board(), part_mask().astype(np.uint8) * 255
            mask[20:80, 20:70] = 255
        name = f"pair {index}.png"
        names.append(name)
        write_png(root / "A" / name, image)
        write_png(root / "B" / name, good_picture(100))
        write_png(root / "label" / name, mask)
    (root / "list").mkdir()
    (root / "list" / "train.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    (root / "list" / "val.txt").write_text("\n".join(names[3:6]), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def scene() -> Scene:
    """A good picture of a leaded part, taken apart."""
    outline = vote_outline(*displaced_masks())
    assert outline is not None
    return take_all_apart([leaded_picture(seed) for seed in range(3)], outline)[0]
