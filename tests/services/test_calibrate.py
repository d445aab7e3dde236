"""Calibration: recommended limits do what they are said to do when images are judged by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import Settings
from inspector_app.core.limit_choice import NO_ESCAPES, Target
from inspector_app.core.recipe import Limits, View
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.calibrate import LEAST_AREA, THRESHOLDS, calibrate, collect, pool, promises
from inspector_app.services.evaluate import observe, plan_labelled, report
from tests.pictures import plain, spoiled, write
from tests.services.conftest import MakeService

SPECKS = ((4, 4, 2, 2), (9, 50, 3, 2), (30, 55, 3, 3))
CHIPS = ((40, 8, 9, 7), (44, 40, 5, 5))


@pytest.fixture
def job(tmp_path: Path) -> BatchJob:
    """Three good parts with a speck, two bad ones with a chip."""
    golden = write(tmp_path / "golden.png", plain())
    for number, speck in enumerate(SPECKS):
        write(tmp_path / "ok" / f"{number}.png", spoiled([speck]))
    for number, chip in enumerate(CHIPS):
        write(tmp_path / "nok" / f"{number}.png", spoiled([chip]))
    items = plan_labelled(tmp_path / "ok", tmp_path / "nok", golden)
    return BatchJob("calibrate", tmp_path, items, Settings(limits=Limits(min_area_px=1)))


def test_judging_by_what_is_recommended_gives_what_was_said(job: BatchJob, make_service: MakeService) -> None:
    service = make_service()
    found = calibrate(collect(service, job), NO_ESCAPES)
    assert (found.good, found.bad, found.choice.false_calls, found.choice.escapes) == (3, 2, 0, 0)
    assert found.scored.total.false_calls.count == 3
    assert 9 < found.choice.min_area_px <= 25
    changed = replace(job, settings=replace(job.settings, limits=found.limits(job.settings.limits)))
    again = report(observe(service, changed))
    assert (again.total.false_calls.count, again.total.escapes.count) == (0, 0)
    assert again.total.escapes.total == 2


@pytest.mark.parametrize("max_defects", [0, 1])
def test_every_point_of_the_curve_is_what_judging_gives(
    job: BatchJob, make_service: MakeService, max_defects: int, tmp_path: Path
) -> None:
    write(tmp_path / "nok" / "9.png", spoiled([SPECKS[0], CHIPS[0], (20, 3, 6, 3)]))
    items = plan_labelled(tmp_path / "ok", tmp_path / "nok", tmp_path / "golden.png")
    settings = Settings(limits=Limits(max_defects=max_defects))
    service = make_service()
    found = calibrate(collect(service, replace(job, items=items, settings=settings)), NO_ESCAPES)
    points = found.curve_at(0.5)
    assert len(points) >= 3
    for point in points:
        limits = Limits(threshold=0.5, min_area_px=point.min_area_px, max_defects=max_defects)
        total = report(observe(service, replace(job, items=items, settings=Settings(limits=limits)))).total
        assert (total.false_calls.count, total.escapes.count) == (point.false_calls, point.escapes)


def test_what_cannot_be_inspected_or_is_not_labelled_takes_no_part(
    job: BatchJob, make_service: MakeService, tmp_path: Path
) -> None:
    (tmp_path / "nok" / "7.png").write_bytes(b"no picture")
    items = plan_labelled(tmp_path / "ok", tmp_path / "nok", tmp_path / "golden.png")
    stray = replace(items[0], name="stray.png", known_good=False)
    found = calibrate(collect(make_service(), replace(job, items=(*items, stray))), NO_ESCAPES)
    assert (found.good, found.bad, found.failed, found.unlabelled) == (3, 2, 1, 1)


def test_one_kind_alone_is_refused(job: BatchJob, make_service: MakeService) -> None:
    good = tuple(item for item in job.items if item.known_good)
    with pytest.raises(KeeperError) as caught:
        calibrate(collect(make_service(), replace(job, items=good)), NO_ESCAPES)
    assert caught.value.code == "pairs_one_sided"


def test_what_a_few_images_promise_is_said(job: BatchJob, make_service: MakeService) -> None:
    found = calibrate(collect(make_service(), job), Target("false-calls", 0.005), with_review=True)
    said = " ".join(promises(found))
    assert "0 of 3 good units: had these limits been set beforehand" in said
    assert "the false-call rate would be below 63.2 %" in said
    assert "the escape rate would be below 77.6 %" in said
    assert "takes 598 good units" in said
    assert found.review is None or found.review.threshold < found.choice.threshold
    assert found.limits(Limits(max_defects=0, review_threshold=0.05)).min_area_px == found.choice.min_area_px
    assert THRESHOLDS[0] == 0.5


def test_folds_are_pooled_and_none_may_hold_what_another_holds(
    job: BatchJob, make_service: MakeService
) -> None:
    halves = [replace(job, items=job.items[::2]), replace(job, items=job.items[1::2])]
    parts = [collect(make_service(), half) for half in halves]
    pooled, whole = calibrate(pool(parts), NO_ESCAPES), calibrate(collect(make_service(), job), NO_ESCAPES)
    assert (pooled.choice, pooled.left_out, pooled.good, pooled.bad) == (
        whole.choice, whole.left_out, whole.good, whole.bad,
    )  # fmt: skip
    assert pooled.curve == whole.curve
    with pytest.raises(KeeperError) as caught:
        pool([parts[0], *parts])
    assert caught.value.code == "folds_overlap"


def test_a_review_threshold_stays_unless_the_new_threshold_lies_below_it(
    job: BatchJob, make_service: MakeService
) -> None:
    found = calibrate(collect(make_service(), job), NO_ESCAPES)
    low, high = found.choice.threshold / 2, min(0.99, found.choice.threshold + 0.01)
    assert found.limits(Limits(threshold=0.99, review_threshold=low)).review_threshold == low
    assert found.limits(Limits(threshold=1.0, review_threshold=high)).review_threshold is None


def test_where_some_defects_pass_review_goes_by_the_largest_one(
    job: BatchJob, make_service: MakeService
) -> None:
    allowed = replace(job, settings=Settings(limits=Limits(max_defects=1)))
    labelled = collect(make_service(), allowed)
    assert labelled.largest is not None
    assert (labelled.largest >= labelled.areas).all()
    assert labelled.largest.max() > labelled.areas.max()
    both = pool([labelled, replace(labelled, observations=(), areas=labelled.areas[:0], largest=None)])
    assert both.largest is not None
    assert both.largest.shape == both.areas.shape


def test_the_least_area_counts_pixels_of_the_view(job: BatchJob, make_service: MakeService) -> None:
    """Tiles at twice the scale give a map of four times the pixels."""
    assert collect(make_service(), job).least_area == LEAST_AREA
    tiles = Settings(limits=Limits(min_area_px=1), view=View(mode="tiles", scale=2.0))
    assert collect(make_service(), replace(job, settings=tiles)).least_area == LEAST_AREA // 4
