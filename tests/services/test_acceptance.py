from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import Settings
from inspector_app.core.metrics import PixelCounts
from inspector_app.core.verdict import Verdict
from inspector_app.services.acceptance import Judged, compare, judge_all, verdict_counts
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.calibration_set import divide, plan_calibration
from inspector_app.services.plan import BatchItem
from tests.pictures import mask_of, plain, spoiled, write
from tests.services.conftest import MakeService

SHAPE = (4, 5)


def judged(verdict: Verdict, counts: PixelCounts, marked: int) -> Judged:
    mask = np.zeros(20, dtype=bool)
    mask[:marked] = True
    return Judged({"a": verdict}, counts, {"a": (SHAPE, np.packbits(mask).tobytes())})


def test_the_same_verdicts_and_pixels_are_accepted() -> None:
    one = judged(Verdict.FAIL, PixelCounts(1000, 10, 10, 0), 7)
    found = compare(one, one)
    assert (found.refusal, found.changed, found.mask_agreement) == ("", (), 1.0)
    assert found.annotated


def test_a_changed_verdict_is_refused_whatever_the_pixels_say() -> None:
    counts = PixelCounts(1000, 10, 10, 0)
    found = compare(judged(Verdict.REVIEW, counts, 7), judged(Verdict.FAIL, counts, 7))
    assert found.changed == ("a: REVIEW to FAIL",)
    assert "1 image changed the verdict" in found.refusal


@pytest.mark.parametrize(("fp", "accepted"), [(0, True), (1, True), (2, False), (20, False)])
def test_iou_must_fall_by_less_than_a_fifth_of_a_point(fp: int, accepted: bool) -> None:
    before = judged(Verdict.FAIL, PixelCounts(998, 0, 0, 0), 7)
    found = compare(before, judged(Verdict.FAIL, PixelCounts(998, fp, 0, 0), 7))
    assert found.iou_fall == pytest.approx(100 * fp / (998 + fp))
    assert (found.refusal == "") is accepted


def test_a_better_iou_is_no_reason_to_refuse() -> None:
    before, after = PixelCounts(900, 50, 50, 0), PixelCounts(950, 20, 0, 0)
    assert compare(judged(Verdict.FAIL, before, 7), judged(Verdict.FAIL, after, 7)).refusal == ""


def test_without_annotations_the_float32_masks_stand_for_the_truth() -> None:
    none = PixelCounts()
    found = compare(judged(Verdict.FAIL, none, 10), judged(Verdict.FAIL, none, 9))
    assert (found.annotated, found.iou_before, found.iou_after) == (False, 1.0, 0.9)
    assert "IoU falls by 10.00 points" in found.refusal
    nothing = judged(Verdict.PASS, none, 0)
    assert compare(nothing, nothing).refusal == ""


def test_marking_what_was_not_marked_is_a_fall() -> None:
    none = PixelCounts()
    assert compare(judged(Verdict.PASS, none, 0), judged(Verdict.PASS, none, 3)).refusal


def test_images_are_judged_by_the_line_and_unrecorded(tmp_path: Path, make_service: MakeService) -> None:
    golden = write(tmp_path / "golden.png", plain())
    write(tmp_path / "parts" / "good" / "0.png", plain())
    write(tmp_path / "parts" / "chip" / "1.png", spoiled([(8, 8, 10, 10)]))
    write(tmp_path / "truth" / "chip" / "1_mask.png", mask_of([(8, 8, 10, 10)]))
    items = plan_calibration([tmp_path / "parts"], golden)
    assert {item.name: item.known_good for item in items} == {"good/0.png": True, "chip/1.png": False}
    job = BatchJob("job", tmp_path / "parts", items, Settings(), truth_dir=tmp_path / "truth")
    service = make_service()
    found = judge_all(service, job)
    assert found.verdicts == {"good/0.png": Verdict.PASS, "chip/1.png": Verdict.FAIL}
    assert found.counts.iou == 1.0
    assert verdict_counts(found.verdicts) == {"PASS": 1, "FAIL": 1}
    assert compare(found, found).mask_agreement == 1.0


def test_layouts_are_told_apart(tmp_path: Path) -> None:
    for folder in ("A", "B", "label"):
        write(tmp_path / "tao" / folder / "x.png", plain())
        write(tmp_path / "tao" / folder / "y.png", plain())
    (tmp_path / "tao" / "list").mkdir()
    (tmp_path / "tao" / "list" / "train.txt").write_text("x.png\n")
    (tmp_path / "tao" / "list" / "val.txt").write_text("y.png\nx.png\n")
    write(tmp_path / "demo" / "ring" / "golden.png", plain())
    write(tmp_path / "demo" / "ring" / "test" / "good" / "0.png", plain())
    assert {item.name for item in plan_calibration([tmp_path / "tao"])} == {"x.png", "y.png"}
    both = plan_calibration([tmp_path / "tao", tmp_path / "demo"])
    assert [item.name for item in both] == ["tao/x.png", "tao/y.png", "demo/ring/test/good/0.png"]
    for folders in ([tmp_path], [tmp_path / "tao", tmp_path / "tao"]):
        with pytest.raises(KeeperError) as caught:
            plan_calibration(folders)
        assert caught.value.code == "calibration_invalid"


def test_images_of_folders_that_are_called_alike_stay_apart(tmp_path: Path) -> None:
    golden = write(tmp_path / "golden.png", plain())
    for day in ("mon", "tue"):
        write(tmp_path / day / "parts" / "good" / "1.png", plain())
    items = plan_calibration([tmp_path / "mon" / "parts", tmp_path / "tue" / "parts"], golden)
    assert len({item.name for item in items}) == len(items) == 2


@given(st.integers(1, 400), st.integers(1, 5))
def test_calibration_and_acceptance_share_no_image_where_there_are_enough(count: int, kinds: int) -> None:
    items = [BatchItem(Path(f"{i}.png"), f"k{i % kinds}/{i}.png") for i in range(count)]
    sets = divide(items)
    names = {item.name for item in sets.calibration}, {item.name for item in sets.acceptance}
    assert sets.calibration
    assert len(sets.calibration) <= 48
    assert names[0] | names[1] == {item.name for item in items}
    assert sets.disjoint is (count >= 12)
    assert (not names[0] & names[1]) is sets.disjoint
