"""Conversion of MVTec's layout into A/B/label/list, on a made-up tree."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from changenet_pictures import write_png

from inspector_app.services.datasets import DatasetLayoutError, convert_mvtec, read_mask


def make_tree(root: Path, good: range = range(40), bad: int = 10) -> Path:
    image = np.zeros((16, 16, 3), np.uint8)
    for number in good:
        image[:] = number
        write_png(root / "train" / "good" / f"{number:03d}.png", image)
    for number in range(bad):
        image[:] = 100 + number
        write_png(root / "test" / "good" / f"{number:03d}.png", image)
        for kind in ("bent", "cut"):
            write_png(root / "test" / kind / f"{number:03d}.png", image + 50)
            mask = np.zeros((16, 16), np.uint8)
            mask[2:6, 3:9] = 1 if number % 2 else 255
            write_png(root / "ground_truth" / kind / f"{number:03d}_mask.png", mask)
    return root


def lists(out: Path, split: str) -> list[str]:
    return (out / "list" / f"{split}.txt").read_text(encoding="utf-8").splitlines()


def test_goldens_are_the_first_five_percent_and_every_other_image_is_a_pair(tmp_path: Path) -> None:
    summary = convert_mvtec(make_tree(tmp_path / "src"), tmp_path / "out")
    assert summary.goldens == ("000", "001")
    assert summary.pairs == 38 + 10 + 20
    for folder in ("A", "B", "label"):
        assert len(list((tmp_path / "out" / folder).iterdir())) == summary.pairs
    golden = cv2.imread(str(tmp_path / "out" / "B" / "cut_003.png"))
    assert golden is not None
    assert int(golden[0, 0, 0]) in (0, 1)


def test_taken_out_images_do_not_move_the_goldens(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", range(100))
    for number in range(3, 90, 2):
        (source / "train" / "good" / f"{number:03d}.png").unlink()
    assert convert_mvtec(source, tmp_path / "out").goldens == ("000", "001", "002", "004")


def test_the_split_is_stratified_and_complete(tmp_path: Path) -> None:
    summary = convert_mvtec(make_tree(tmp_path / "src"), tmp_path / "out", seed=4)
    assert summary.val == {"bent": 3, "cut": 3, "good": round(0.3 * 48)}
    train, val = lists(tmp_path / "out", "train"), lists(tmp_path / "out", "val")
    assert not set(train) & set(val)
    assert len(train) + len(val) == summary.pairs
    assert lists(tmp_path / "out", "test") == lists(tmp_path / "out", "predict") == val
    assert lists(tmp_path / "out", "all") == train + val


def test_the_same_seed_gives_the_same_set_and_another_one_another(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        convert_mvtec(source, tmp_path / name, seed=seed)
    assert lists(tmp_path / "a", "val") == lists(tmp_path / "b", "val") != lists(tmp_path / "c", "val")
    for file in (tmp_path / "a" / "B").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / "B" / file.name).read_bytes()


def test_folds_hold_out_every_pair_once_and_every_stratum_evenly(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", bad=7)
    summary = convert_mvtec(source, tmp_path / "out", seed=3, folds=5)
    everything = sorted(lists(tmp_path / "out", "train") + lists(tmp_path / "out", "val"))
    held_out = []
    for fold in range(5):
        train, val = lists(tmp_path / "out", f"fold{fold}_train"), lists(tmp_path / "out", f"fold{fold}_val")
        assert sorted(train + val) == everything
        held_out += val
        for stratum, count in (("bent_", 7), ("cut_", 7), ("test_good_", 7), ("train_good_", 38)):
            members = [name for name in val if name.startswith(stratum)]
            assert count // 5 <= len(members) <= count // 5 + 1
        defects = [name for name in val if "good" not in name]
        assert 2 <= len(defects) <= 3
        assert sum(summary.folds[fold].values()) == len(val)
    assert sorted(held_out) == everything


def test_folds_are_fixed_by_the_seed_and_leave_the_other_lists_as_they_are(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src")
    for name, seed, folds in (("a", 1, 5), ("b", 1, 5), ("c", 2, 5), ("plain", 1, 0)):
        convert_mvtec(source, tmp_path / name, seed=seed, folds=folds)
    first = lists(tmp_path / "a", "fold2_val")
    assert first == lists(tmp_path / "b", "fold2_val") != lists(tmp_path / "c", "fold2_val")
    assert lists(tmp_path / "a", "val") == lists(tmp_path / "plain", "val")
    assert not list((tmp_path / "plain" / "list").glob("fold*"))


def test_masks_become_0_and_255_and_good_images_get_empty_ones(tmp_path: Path) -> None:
    convert_mvtec(make_tree(tmp_path / "src"), tmp_path / "out")
    for name in ("bent_000.png", "bent_001.png"):
        mask = cv2.imread(str(tmp_path / "out" / "label" / name), cv2.IMREAD_GRAYSCALE)
        assert mask is not None
        assert np.unique(mask).tolist() == [0, 255]
        assert (mask > 0).sum() == 24
    assert not read_mask(tmp_path / "out" / "label" / "test_good_000.png").any()


def test_a_missing_mask_a_foreign_folder_and_a_full_target_are_told(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src")
    with pytest.raises(DatasetLayoutError, match="class folder of MVTec"):
        convert_mvtec(tmp_path, tmp_path / "out")
    convert_mvtec(source, tmp_path / "out")
    with pytest.raises(DatasetLayoutError, match="already holds"):
        convert_mvtec(source, tmp_path / "out")
    (source / "ground_truth" / "cut" / "004_mask.png").unlink()
    with pytest.raises(DatasetLayoutError, match="has no ground truth"):
        convert_mvtec(source, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    with pytest.raises(DatasetLayoutError, match="no image named 999"):
        convert_mvtec(source, tmp_path / "other", goldens=["999"])
