"""Scoring and masks by a function that gives class maps: all pairs count, names are what they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inspector_app.core.errors import KeeperError
from inspector_app.core.metrics import PixelCounts
from inspector_app.core.tao_spec.data_keys import Segment
from inspector_app.services.tao_scoring import Images, evaluate_pairs, write_masks
from inspector_app.vision.segment_pairs import ClassMap, SegmentPairs, label_at
from tests.pictures import plain, write

SIDE = 48
NAMES = ("plain part.png", "hash #1.png", "deep/er.jpg")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three pairs; the box of the i-th is (8 i) .. (8 i + 8) in both axes, marked by 0, by 1 or by 255."""
    for number, name in enumerate(NAMES):
        test, mask = plain(SIDE), np.zeros((SIDE, SIDE), np.uint8)
        box = slice(8 * number, 8 * number + 8)
        test[box, box] = 250
        mask[box, box] = (0, 1, 255)[number]
        write(tmp_path / "A" / name, test)
        write(tmp_path / "B" / name, plain(SIDE))
        write((tmp_path / "label" / name).with_suffix(".png"), mask)
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "test.txt").write_text("﻿" + "\r\n".join(NAMES) + "\r\n\r\n", encoding="utf-8")
    (tmp_path / "list" / "predict.txt").write_text(NAMES[1], encoding="utf-8")
    return tmp_path


def bright(sizes: list[int]) -> object:
    """Class 1 where the test image is bright, on the grid of half the size."""

    def predict(images: Sequence[Images]) -> list[ClassMap]:
        sizes.append(len(images))
        return [(test[::2, ::2, 0] > 200).astype(np.uint8) for test, _ in images]

    return predict


def pairs(root: Path, **changes: object) -> SegmentPairs:
    return SegmentPairs(Segment.model_validate({"root_dir": str(root), **changes}))


def test_every_pair_is_scored_the_last_batch_too(root: Path) -> None:
    sizes: list[int] = []
    told: list[int] = []
    scores = evaluate_pairs(bright(sizes), pairs(root), "test", 2, told.append)  # type: ignore[arg-type]
    assert (sizes, told, scores.pairs, scores.grid) == ([2, 1], [2, 3], 3, (24, 24))
    # The jpg's edges blur, its inside does not; the first box is no change by its mask.
    assert scores.change.tp + scores.change.fn == 32
    assert scores.change.fp >= 16
    assert scores.change.recall is not None
    assert scores.accuracy == scores.change.accuracy
    total = scores.classes[0]
    assert (total.tp, total.fn, total.fp) == (scores.change.tn, scores.change.fp, scores.change.fn)


def test_masks_are_lossless_and_of_the_images_size(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert write_masks(bright([]), pairs(root), "test", 8, out) == 3  # type: ignore[arg-type]
    mask = np.asarray(Image.open(out / "masks" / NAMES[1]))
    assert mask.shape == (SIDE, SIDE)
    assert set(np.unique(mask)) == {0, 255}
    assert (mask > 0).sum() == 64
    assert (mask[8:16, 8:16] == 255).all()
    assert (out / "masks" / "deep" / "er.jpg.png").is_file()
    overlay = np.asarray(Image.open(out / "overlays" / NAMES[1]))
    assert overlay.shape == (SIDE, SIDE, 3)
    assert tuple(overlay[30, 30]) == (90, 90, 90)
    assert overlay[12, 12, 0] > overlay[12, 12, 2]


def test_more_classes_are_counted_each(root: Path) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:10], mask[10:20], mask[40:] = 1, 2, 255
    for name in NAMES:
        write((root / "label" / name).with_suffix(".png"), mask)
    three = pairs(root, num_classes=3)

    def predict(images: Sequence[Images]) -> list[ClassMap]:
        return [np.full((SIDE, SIDE), 2, np.uint8) for _ in images]

    scores = evaluate_pairs(predict, three, "predict", 1)
    # The 8 rows of 255 are not counted.
    assert scores.classes[2] == PixelCounts(tp=10 * SIDE, fp=30 * SIDE, fn=0, tn=0)
    assert scores.classes[1] == PixelCounts(tp=0, fp=0, fn=10 * SIDE, tn=30 * SIDE)
    assert scores.accuracy == 0.25
    mask[30, 30] = 3
    write(root / "label" / NAMES[1], mask)
    with pytest.raises(KeeperError, match="class numbers 0 to 2 "):
        three.label(NAMES[1])


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        (None, "pairs_missing"),
        ("\n \n", "pairs_missing"),
        ("../secret.png\n", "pairs_invalid"),
        ("/etc/secret.png\n", "pairs_invalid"),
        (b"\xff\xfe\x00", "pairs_invalid"),
    ],
)
def test_a_list_that_does_not_serve_is_told(root: Path, listed: str | bytes | None, code: str) -> None:
    path = root / "list" / "test.txt"
    path.unlink()
    if listed is not None:
        path.write_bytes(listed.encode() if isinstance(listed, str) else listed)
    with pytest.raises(KeeperError) as caught:
        pairs(root).names("test")
    assert caught.value.code == code


def test_pairs_that_do_not_fit_are_told(root: Path) -> None:
    write(root / "B" / NAMES[0], plain(SIDE + 1))
    with pytest.raises(KeeperError, match="differ in size"):
        pairs(root).images(NAMES[0])
    (root / "A" / NAMES[1]).write_bytes(b"no image")
    with pytest.raises(KeeperError, match="cannot be read"):
        pairs(root).images(NAMES[1])
    (root / "label" / NAMES[1]).unlink()
    with pytest.raises(KeeperError, match="There is no"):
        pairs(root).label(NAMES[1])


def test_a_label_keeps_its_classes_at_any_size() -> None:
    label = np.zeros((6, 9), np.uint8)
    label[:3, :3], label[3:, 6:] = 7, 255
    small = label_at(label, 3, 2)
    assert small.tolist() == [[7, 0, 0], [0, 0, 255]]
    assert label_at(small, 9, 6).tolist() == label.tolist()
