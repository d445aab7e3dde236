"""Regions and the score, against a flood fill that is too slow to use and too simple to be wrong."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inspector_app.core.change_map import Affine, ChangeMap, Levels, Mask, Registration, level_of
from inspector_app.core.defects import Findings
from inspector_app.core.geometry import Region
from inspector_app.core.recipe import Limits
from inspector_app.core.verdict import Verdict, decide
from inspector_app.vision.masks import change_mask
from inspector_app.vision.regions import counted_mask, find_defects, inspect_mask, peak_level, to_test

SMALL_MAPS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.sampled_from([0, 1, 60, 127, 128, 200, 255]),
)
AREAS = st.integers(1, 12)
THRESHOLDS = st.sampled_from([0.004, 0.2, 0.5, 0.51, 0.8, 1.0])


def change_map(levels: Levels, registration: Registration | None = None) -> ChangeMap:
    size = (levels.shape[1], levels.shape[0])
    return ChangeMap(levels.copy(), size, size, registration)


def flood(mask: Mask) -> list[set[tuple[int, int]]]:
    """All 8-connected regions, as sets of (x, y)."""
    left = {(int(x), int(y)) for y, x in zip(*np.nonzero(mask), strict=True)}
    found = []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            x, y = edge.pop()
            region.add((x, y))
            near = {(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(region)
    return found


@given(SMALL_MAPS, THRESHOLDS, AREAS)
def test_agrees_with_a_flood_fill(levels: Levels, threshold: float, area: int) -> None:
    findings = find_defects(change_map(levels), Limits(threshold=threshold, min_area_px=area))
    expected = [r for r in flood(levels >= level_of(threshold)) if len(r) >= area]
    assert sorted(d.area_px for d in findings.defects) == sorted(len(r) for r in expected)
    by_box = {}
    for region in expected:
        xs, ys = [x for x, _ in region], [y for _, y in region]
        box = (min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1)
        values = [levels[y, x] / 255 for x, y in region]
        key = (*box, len(region), round(sum(xs) / len(xs), 6), round(sum(ys) / len(ys), 6))
        by_box[key] = (max(values), sum(values) / len(values))
    for d in findings.defects:
        key = (d.box.x, d.box.y, d.box.w, d.box.h, d.area_px, round(d.cx, 6), round(d.cy, 6))
        assert (d.score_max, d.score_mean) == pytest.approx(by_box[key])
    assert [d.area_px for d in findings.defects] == sorted(
        (d.area_px for d in findings.defects), reverse=True
    )


@given(SMALL_MAPS, AREAS)
def test_the_score_is_the_highest_level_that_still_has_such_a_region(levels: Levels, area: int) -> None:
    expected = 0
    for level in range(1, 256):
        if any(len(region) >= area for region in flood(levels >= level)):
            expected = level
    assert peak_level(levels, area) == expected


@given(SMALL_MAPS, THRESHOLDS, AREAS)
def test_the_score_reaches_the_threshold_exactly_when_something_counts(
    levels: Levels, threshold: float, area: int
) -> None:
    limits = Limits(threshold=threshold, min_area_px=area)
    findings = find_defects(change_map(levels), limits)
    assert (findings.score >= threshold) == bool(findings.defects)
    assert (decide(findings, limits).verdict is Verdict.FAIL) == (findings.score >= threshold)


@given(SMALL_MAPS, AREAS)
def test_review_exactly_between_the_thresholds(levels: Levels, area: int) -> None:
    limits = Limits(threshold=0.8, review_threshold=0.5, min_area_px=area)
    findings = find_defects(change_map(levels), limits)
    expected = (
        Verdict.FAIL if findings.score >= 0.8 else Verdict.REVIEW if findings.score >= 0.5 else Verdict.PASS
    )
    assert decide(findings, limits).verdict is expected


@given(SMALL_MAPS, AREAS)
def test_a_higher_threshold_or_a_larger_least_area_never_finds_more(levels: Levels, area: int) -> None:
    pixels = [
        find_defects(change_map(levels), Limits(threshold=t, min_area_px=area)).defect_px
        for t in (0.004, 0.2, 0.5, 0.8, 1.0)
    ]
    assert pixels == sorted(pixels, reverse=True)
    by_area = [find_defects(change_map(levels), Limits(min_area_px=a)) for a in range(1, 9)]
    for measure in (lambda f: f.score, lambda f: f.defect_px, lambda f: len(f.defects)):
        values = [measure(findings) for findings in by_area]
        assert values == sorted(values, reverse=True)


@given(SMALL_MAPS, THRESHOLDS, AREAS)
def test_the_counted_mask_holds_the_pixels_of_the_defects(
    levels: Levels, threshold: float, area: int
) -> None:
    mask = counted_mask(change_map(levels), Limits(threshold=threshold, min_area_px=area))
    expected = [r for r in flood(levels >= level_of(threshold)) if len(r) >= area]
    assert {(int(x), int(y)) for y, x in zip(*np.nonzero(mask), strict=True)} == set().union(*expected)


@given(SMALL_MAPS, THRESHOLDS)
def test_areas_add_up_to_the_mask(levels: Levels, threshold: float) -> None:
    mapped = change_map(levels)
    findings = find_defects(mapped, Limits(threshold=threshold))
    mask = change_mask(mapped, threshold, mapped.frame_size)
    assert sum(d.area_px for d in findings.defects) == findings.defect_px == np.count_nonzero(mask)


@given(SMALL_MAPS, st.integers(0, 8), st.integers(0, 8), AREAS)
def test_an_ignored_part_counts_for_nothing(levels: Levels, x: int, y: int, area: int) -> None:
    ignored = Region(mode="ignore", points=((x, y), (x + 4, y), (x + 4, y + 3), (x, y + 3)))
    blank = levels.copy()
    blank[y : y + 3, x : x + 4] = 0
    limits = Limits(min_area_px=area)
    with_region = find_defects(change_map(levels), limits, (ignored,))
    blanked = find_defects(change_map(blank), limits)
    assert (with_region.defects, with_region.score) == (blanked.defects, blanked.score)
    assert with_region.inspected_px == levels.size - levels[y : y + 3, x : x + 4].size
    assert with_region.score <= find_defects(change_map(levels), limits).score


class TestRegions:
    LEVELS = np.full((40, 60), 200, np.uint8)
    LEFT = Region(name="left", mode="inspect", points=((0, 0), (20, 0), (20, 40), (0, 40)))
    HOLE = Region(name="hole", mode="ignore", points=((5, 5), (15, 5), (15, 15), (5, 15)))

    def test_only_the_inspected_part_counts_and_ignore_wins(self) -> None:
        findings = self.find((self.HOLE, self.LEFT))
        assert findings.inspected_px == findings.defect_px == 20 * 40 - 100
        assert findings.defects[0].box.w == 20

    def test_a_defect_is_named_after_the_region_that_holds_its_centroid(self) -> None:
        right = Region(name="right", mode="inspect", points=((30, 0), (60, 0), (60, 40), (30, 40)))
        assert [d.region for d in self.find((self.LEFT, right)).defects] == ["right", "left"]
        assert self.find(()).defects[0].region == ""

    def test_none_when_everything_is_looked_at(self) -> None:
        assert inspect_mask(change_map(self.LEVELS), ()) is None

    def test_regions_lie_in_the_goldens_frame(self) -> None:
        moved = Registration(Affine(tx=7.0, ty=-3.0), 0.0, 1.0)
        mask = inspect_mask(change_map(self.LEVELS, moved), (self.HOLE,))
        assert mask is not None
        expected = np.ones_like(mask)
        expected[5 + 3 : 15 + 3, 0 : 15 - 7] = False
        assert (mask == expected).all()

    def test_carrying_points_back_undoes_the_registration(self) -> None:
        turn = math.radians(8)
        transform = Affine(math.cos(turn), -math.sin(turn), 4.0, math.sin(turn), math.cos(turn), -6.0)
        points = np.array(to_test([(3.0, 4.0), (50.0, 9.0)], transform)) - 0.5
        again = points @ transform.matrix[:, :2].T + transform.matrix[:, 2] + 0.5
        assert again == pytest.approx(np.array([(3.0, 4.0), (50.0, 9.0)]))

    def find(self, regions: tuple[Region, ...]) -> Findings:
        return find_defects(change_map(self.LEVELS), Limits(), regions)


class TestMeasures:
    def test_length(self) -> None:
        levels = np.zeros((30, 40), np.uint8)
        levels[2, 2] = 255
        levels[5, 3:13] = 255
        np.fill_diagonal(levels[10:20, 5:15], 255)
        levels[22:26, 20:32] = 255
        lengths = sorted(d.length_px for d in find_defects(change_map(levels), Limits()).defects)
        assert lengths == pytest.approx([1.0, 10.0, 12.0, 9 * math.sqrt(2) + 1])

    def test_iou_with_the_truth_inside_the_box(self) -> None:
        levels = np.zeros((20, 20), np.uint8)
        levels[4:8, 4:8] = 255
        truth = np.zeros((20, 20), bool)
        truth[6:12, 4:8] = True
        assert find_defects(change_map(levels), Limits(), (), truth).defects[0].truth_iou == 0.5
        assert find_defects(change_map(levels), Limits()).defects[0].truth_iou is None

    def test_a_truth_of_another_size_is_refused(self) -> None:
        with pytest.raises(ValueError, match="truth"):
            find_defects(change_map(np.zeros((4, 4), np.uint8)), Limits(), (), np.zeros((5, 4), bool))

    def test_a_small_hot_core_does_not_carry_a_large_faint_region(self) -> None:
        levels = np.zeros((20, 20), np.uint8)
        levels[5:15, 5:15] = 120
        levels[9, 9] = 250
        findings = find_defects(change_map(levels), Limits(min_area_px=20))
        assert findings.score == 120 / 255
        assert findings.defects == ()

    def test_the_map_is_brought_to_the_images_own_pixels(self) -> None:
        levels = np.zeros((16, 16), np.uint8)
        levels[4:8, 4:8] = 255
        mapped = ChangeMap(levels, (64, 32), (64, 32))
        defect = find_defects(mapped, Limits()).defects[0]
        assert (defect.box.x, defect.box.y) == (16, 8)
        assert (defect.box.w, defect.box.h) == (16, 8)

    def test_a_quiet_map_is_judged_quickly(self) -> None:
        levels = np.random.default_rng(0).integers(0, 4, (512, 512)).astype(np.uint8)
        levels[100:120, 200:230] = 220
        mapped = change_map(levels)
        best = min(self.seconds(mapped) for _ in range(5))
        assert best < 0.05

    @staticmethod
    def seconds(mapped: ChangeMap) -> float:
        started = time.perf_counter()
        find_defects(mapped, Limits(min_area_px=50))
        return time.perf_counter() - started


@given(SMALL_MAPS, THRESHOLDS)
def test_the_mask_is_what_reaches_the_threshold(levels: Levels, threshold: float) -> None:
    mapped = change_map(levels)
    mask = change_mask(mapped, threshold, mapped.frame_size)
    assert (mask == (levels / 255.0 >= threshold)).all()
    assert not mask.flags.writeable
    larger = change_mask(mapped, threshold, (20, 30))
    assert larger.shape == (30, 20)
