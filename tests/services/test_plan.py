from __future__ import annotations

import sys
from pathlib import Path

import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.services.plan import plan_demo, plan_folder, plan_pairs
from tests.pictures import mask_of, plain, write


def test_one_golden_for_all_in_natural_order(tmp_path: Path) -> None:
    golden = write(tmp_path / "golden.png", plain())
    for name in ("10.png", "9.png", "sub/1.png"):
        write(tmp_path / "in" / name, plain())
    assert [item.name for item in plan_folder(tmp_path / "in", golden)] == ["9.png", "10.png"]
    deep = plan_folder(tmp_path / "in", golden, recursive=True)
    assert {item.name for item in deep} == {"9.png", "10.png", "sub/1.png"}
    assert {item.golden for item in deep} == {golden}


def test_a_folder_of_goldens_goes_by_name_whatever_the_suffix(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / "in" / name, plain())
    write(tmp_path / "goldens" / "a.bmp", plain())
    a, b = plan_folder(tmp_path / "in", tmp_path / "goldens")
    assert a.golden == tmp_path / "goldens" / "a.bmp"
    assert b.golden == tmp_path / "goldens" / "b.png"


def test_a_golden_of_the_very_name_comes_before_one_of_another_kind(tmp_path: Path) -> None:
    for name in ("a.bmp", "a.png"):
        write(tmp_path / "in" / name, plain())
        write(tmp_path / "goldens" / name, plain())
    found = {item.name: item.golden for item in plan_folder(tmp_path / "in", tmp_path / "goldens")}
    assert found == {name: tmp_path / "goldens" / name for name in ("a.bmp", "a.png")}
    write(tmp_path / "in" / "a.tif", plain())
    with pytest.raises(KeeperError, match=r"a\.tif has two goldens") as caught:
        plan_folder(tmp_path / "in", tmp_path / "goldens")
    assert caught.value.code == "golden_ambiguous"


@pytest.mark.parametrize("case", ["no folder", "empty", "no golden"])
def test_what_is_missing_is_named(tmp_path: Path, case: str) -> None:
    folder = tmp_path / "in"
    if case != "no folder":
        folder.mkdir()
    if case == "no golden":
        write(folder / "1.png", plain())
    with pytest.raises(KeeperError) as caught:
        plan_folder(folder, tmp_path / "golden.png")
    assert caught.value.code == {"no folder": "folder_missing", "empty": "folder_empty"}.get(
        case, "golden_missing"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="making links needs a right there")
def test_a_folder_of_linked_folders_alone_is_told_to_hold_nothing_and_why(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "1.png", plain())
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(KeeperError, match="no images") as caught:
        plan_folder(folder, None, recursive=True)
    assert caught.value.hint == "Linked folders are not entered."


def test_pairs_are_read_from_a_table(tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text(
        'test,golden,truth\n"t/with, comma #1.png",g.png,m.png\nü.png,g.png,\nok.png,g.png,good\n',
        "utf-8-sig",
    )
    first, second, third = plan_pairs(table)
    assert first.name == "t/with, comma #1.png"
    assert first.path == tmp_path / "t" / "with, comma #1.png"
    assert (first.truth, second.truth) == (tmp_path / "m.png", None)
    assert (second.known_good, third.known_good, third.truth) == (False, True, None)


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text("test,golden\na.png,\n,g.png\nb.png,g.png\nb.png,g.png\n")
    with pytest.raises(KeeperError) as caught:
        plan_pairs(table)
    for number in (2, 3, 5):
        assert f"line {number}" in caught.value.message


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"test,golden\n", b"\xff\xfe\x00"])
def test_a_table_that_is_none(tmp_path: Path, content: bytes) -> None:
    table = tmp_path / "pairs.csv"
    table.write_bytes(content)
    with pytest.raises(KeeperError) as caught:
        plan_pairs(table)
    assert caught.value.code == "pairs_invalid"


def test_the_demo_set_knows_good_from_bad(tmp_path: Path) -> None:
    write(tmp_path / "cap" / "golden.png", plain())
    write(tmp_path / "cap" / "test" / "good" / "000.png", plain())
    write(tmp_path / "cap" / "test" / "chip" / "000.png", plain())
    write(tmp_path / "cap" / "ground_truth" / "chip" / "000_mask.png", mask_of([(1, 1, 2, 2)]))
    items = {item.name: item for item in plan_demo(tmp_path)}
    assert items["cap/test/good/000.png"].known_good
    assert items["cap/test/chip/000.png"].truth == tmp_path / "cap" / "ground_truth" / "chip" / "000_mask.png"
    with pytest.raises(KeeperError, match="demo"):
        plan_demo(tmp_path / "cap")


def test_a_mask_beside_its_image_is_no_image(tmp_path: Path) -> None:
    for name in (
        "a.png",
        "a_mask.png",
        "b_mask.png",
        "_mask.png",
        "sub/c.jpg",
        "sub/c_mask.bmp",
        "d_mask/d.png",
    ):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    names = [item.name for item in plan_folder(tmp_path, None, recursive=True)]
    # A file that ends so without an image beside it is one itself.
    assert sorted(names) == ["_mask.png", "a.png", "b_mask.png", "d_mask/d.png", "sub/c.jpg"]
