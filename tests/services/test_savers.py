from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import Settings
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.plan import BatchItem
from inspector_app.services.savers import check_picture_folders, picture_name


@given(st.text(min_size=1, max_size=300))
def test_a_picture_stays_in_its_folder_and_fits_a_file_system(name: str) -> None:
    path = PurePosixPath(picture_name(name))
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert path.suffix.lower() == ".png"
    assert len(path.name.encode(errors="surrogateescape")) <= 255 or "/" in name


@given(st.lists(st.text(st.sampled_from("a./\\\\b"), min_size=1, max_size=9), unique=True, max_size=12))
def test_no_two_images_share_a_picture(names: list[str]) -> None:
    pictures = {}
    for name in names:
        picture = picture_name(name)
        assert pictures.setdefault(picture, name) == name or name.lower().endswith(".png")


def test_a_picture_of_a_picture_has_a_name_of_its_own() -> None:
    assert picture_name("a.jpg") == "a.jpg.png"
    assert picture_name("a.jpg.png") not in ("a.jpg.png", "a.png")
    assert picture_name("a.v2.png") == "a.v2.png"


@pytest.mark.parametrize(
    ("name", "wanted"), [("a.png", "a.png"), ("a/b.PNG", "a/b.PNG"), ("a.jpg", "a.jpg.png")]
)
def test_plain_names_stay_plain(name: str, wanted: str) -> None:
    assert picture_name(name) == wanted


def test_a_long_name_is_shortened_and_still_its_own() -> None:
    first, second = picture_name("x" * 250 + "1.jpg"), picture_name("x" * 250 + "2.jpg")
    assert first != second
    assert len(first) < 100


def job(root: Path, **folders: Path | None) -> BatchJob:
    item = BatchItem(root / "test" / "a.png", "a.png", root / "goldens" / "g.png")
    return BatchJob("j", root / "test", (item,), Settings(), truth_dir=root / "truth", **folders)


@pytest.mark.parametrize("folder", [".", "test", "goldens", "truth"])
def test_pictures_never_take_the_place_of_inputs(tmp_path: Path, folder: str) -> None:
    with pytest.raises(KeeperError, match="elsewhere"):
        check_picture_folders(job(tmp_path, masks_dir=tmp_path / folder))


def test_pictures_lie_outside_a_folder_that_is_scored_with_its_subfolders(tmp_path: Path) -> None:
    inside = job(tmp_path, masks_dir=tmp_path / "test" / "masks")
    check_picture_folders(inside)
    with pytest.raises(KeeperError, match="subfolders"):
        check_picture_folders(inside, recursive=True)
    check_picture_folders(
        job(tmp_path, masks_dir=tmp_path / "m", overlays_dir=tmp_path / "o"), recursive=True
    )


def test_masks_and_overlays_need_two_folders(tmp_path: Path) -> None:
    with pytest.raises(KeeperError, match="two folders"):
        check_picture_folders(job(tmp_path, masks_dir=tmp_path / "m", overlays_dir=tmp_path / "m"))
