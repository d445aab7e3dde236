"""Each kind of defect changes the picture where it may, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from inspector_app.synthesis.canvas import blank, disc
from inspector_app.synthesis.copper import COPPER_DEFECTS, draw_layout
from inspector_app.synthesis.families import TRAINING_FAMILIES
from inspector_app.synthesis.pairs import changed_mask
from inspector_app.synthesis.part_defects import PART_DEFECTS
from inspector_app.synthesis.scene import Part, Scene, Shadow, Sprite, coverage, render, resettled
from inspector_app.synthesis.surface_defects import SURFACE_DEFECTS

SHAPE = (120, 140)


def _round_part(x: float, y: float, colour: tuple[int, int, int]) -> Part:
    alpha = np.zeros((25, 25), np.uint8)
    disc(alpha, (12, 12), 11, 255)
    rgb = blank((25, 25), colour)
    rgb[:, 12:] = 255 - rgb[:, 12:]
    return Part(Sprite(rgb, alpha), (x, y), shadow=Shadow(1, 1, 1, 0.4))


@pytest.fixture
def scene() -> Scene:
    base = blank(SHAPE, (90, 120, 70))
    base[::8] = (40, 60, 200)
    parts = (_round_part(40, 60, (220, 30, 30)), _round_part(95, 60, (30, 30, 220)))
    return Scene(base, np.ones(SHAPE, np.bool_), parts)


@pytest.mark.parametrize("kind", sorted(SURFACE_DEFECTS))
def test_surface_defect_changes_a_copy(kind: str, scene: Scene) -> None:
    image = render(scene)
    before = image.copy()
    changed = 0
    for seed in range(5):
        out = SURFACE_DEFECTS[kind](np.random.default_rng(seed), image, scene.zone)
        assert out.shape == image.shape
        assert out.dtype == np.uint8
        changed += not np.array_equal(out, before)
    assert np.array_equal(image, before)
    assert changed >= 3


def test_surface_defect_starts_in_the_zone(scene: Scene) -> None:
    zone = np.zeros(SHAPE, np.bool_)
    zone[30:34, 50:54] = True
    image = render(scene)
    for seed in range(10):
        out = SURFACE_DEFECTS["chip"](np.random.default_rng(seed), image, zone)
        rows, columns = np.nonzero(changed_mask(image, out, (), SHAPE))
        assert len(rows) > 0
        assert abs(rows.mean() - 32) < 12
        assert abs(columns.mean() - 52) < 12


@pytest.mark.parametrize("kind", sorted(PART_DEFECTS))
def test_part_defect_leaves_the_other_part_alone(kind: str, scene: Scene) -> None:
    other = coverage(scene.parts[1], SHAPE)
    reference = render(scene)
    for seed in range(4):
        changed, marked = PART_DEFECTS[kind](np.random.default_rng(seed), scene, 0)
        mask = changed_mask(reference, render(changed), marked, SHAPE)
        if kind not in ("moved", "extra"):
            assert not (mask & other).any()
        if kind not in ("swapped", "broken"):
            assert mask.any()


def test_missing_part_marks_its_whole_place(scene: Scene) -> None:
    changed, marked = PART_DEFECTS["missing"](np.random.default_rng(0), scene, 0)
    mask = changed_mask(render(scene), render(changed), marked, SHAPE)
    place = coverage(scene.parts[0], SHAPE)
    assert mask[place].all()
    assert mask.sum() < 1.6 * place.sum()


def test_moved_part_marks_old_and_new_place(scene: Scene) -> None:
    far = next(
        (changed, marked)
        for changed, marked in (PART_DEFECTS["moved"](np.random.default_rng(s), scene, 0) for s in range(50))
        if abs(marked[1].centre[1] - marked[0].centre[1]) > 18
    )
    mask = changed_mask(render(scene), render(far[0]), far[1], SHAPE)
    for part in far[1]:
        assert mask[coverage(part, SHAPE)].all()


@pytest.mark.parametrize("kind", sorted(COPPER_DEFECTS))
def test_copper_defect_adds_or_removes_a_little(kind: str) -> None:
    layout = draw_layout(np.random.default_rng(1), (200, 200), 10.0)
    added = removed = 0
    for seed in range(5):
        out = COPPER_DEFECTS[kind](np.random.default_rng(seed), layout.copper, layout.width)
        step = out.astype(int) - layout.copper
        added, removed = added + int((step > 127).sum()), removed + int((step < -127).sum())
        assert np.abs(step).astype(bool).mean() < 0.1
    if kind in ("open", "mousebite", "pinhole"):
        assert removed > 0
        assert added == 0
    else:
        assert added > 0
        assert removed == 0


@pytest.mark.parametrize("family", sorted(TRAINING_FAMILIES))
def test_special_defects_and_variation_keep_the_shape(family: str) -> None:
    rng = np.random.default_rng(2)
    scene = TRAINING_FAMILIES[family](rng, SHAPE)
    for make in (scene.vary, *scene.special.values()):
        if make is not None:
            assert render(make(rng)).shape == (*SHAPE, 3)


def test_special_defects_of_a_resettled_unit_keep_its_other_parts(scene: Scene) -> None:
    special = {"paint": lambda rng: scene.with_base(blank(SHAPE, (9, 9, 9)))}
    unit = resettled(replace(scene, special=special), 3.0, 5.0, np.random.default_rng(0))
    assert unit.parts[0].centre != scene.parts[0].centre
    assert unit.special["paint"](np.random.default_rng(1)).parts == unit.parts
