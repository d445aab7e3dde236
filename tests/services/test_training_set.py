"""From records to the pictures that are trained on and those that are held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.frame import Frame
from inspector_app.core.geometry import Region
from inspector_app.core.inspection import DispositionEntry, Identity, ImageRef, InspectionRequest, Settings
from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.recipe import Alignment, Limits
from inspector_app.core.verdict import Disposition, Verdict
from inspector_app.services.inspect import InspectionService
from inspector_app.services.training_examples import ExampleReader, MaskSource
from inspector_app.services.training_labels import Annotations, LeftOut, label_all
from inspector_app.services.training_plan import TrainingPlan, examination, read_plan
from inspector_app.services.training_set import Beginning, Choice, Past, TooFewRecordsError, make_plan
from inspector_app.storage.archive import FileImageArchive
from inspector_app.storage.store import SqlRecordStore
from inspector_app.vision.decode import decode_mask, read_frame
from tests.makers import START
from tests.pictures import SIDE, plain, spoiled, write
from tests.services.conftest import MakeService

BOX = (40, 40, 8, 6)
SETTINGS = Settings(Limits(threshold=0.5, min_area_px=4), recipe="plate", revision=1)


@dataclass
class Station:
    """A store with records of one recipe, and the pictures they were made from."""

    store: SqlRecordStore
    archive: FileImageArchive
    service: InspectionService
    folder: Path
    golden: Frame
    alignment: Alignment
    regions: tuple[Region, ...] = ()

    def good(self, count: int, **changes: str) -> None:
        for number in range(count):
            self.inspect(f"good{number}.png", plain(), number, **changes)

    def inspect(self, name: str, pixels: np.ndarray, seed: int, serial: str = "") -> int:
        """A little brighter by ``seed``, so that no picture is another."""
        changed = pixels.copy()
        changed[0, seed % SIDE] += 1 + seed // SIDE
        test = read_frame(write(self.folder / "images" / name, changed))
        request = InspectionRequest(
            test, ImageRef.of(test), self.golden, ImageRef.of(self.golden), SETTINGS, Identity(serial)
        )
        return self.service.inspect(request).id

    def decide(self, record: int, disposition: Disposition) -> None:
        self.store.dispose(record, DispositionEntry(disposition, "Ada", "seen", START))

    def plan(self, past: Past | None = None, most: int = 100, masks: Path | None = None) -> TrainingPlan:
        goldens, notes = {self.golden.sha256: self.golden}, Annotations(masks)
        records = self.store.iterate(HistoryFilter(recipe="plate"))
        labelled = label_all(records, "plate", goldens, notes)
        reader = ExampleReader(self.store, self.archive, goldens, self.alignment, notes)
        beginning = Beginning("plate", 1, "", {"steps": 2})
        choice = Choice(beginning, labelled, reader, (self.golden,), self.regions, past or Past(), most)
        return make_plan(choice, self.folder / "training", lambda done, total: None)

    def left_out(self, plan: TrainingPlan) -> dict[str, int]:
        return {one.reason: one.count for one in plan.left_out}


@pytest.fixture
def station(store: SqlRecordStore, make_service: MakeService, tmp_path: Path) -> Station:
    golden = read_frame(write(tmp_path / "golden.png", plain(grey=91)))
    archive = FileImageArchive(tmp_path / "data" / "images")
    return Station(store, archive, make_service(), tmp_path, golden, Alignment())


def test_a_confirmed_defect_is_trained_on_by_the_machines_own_mask(station: Station) -> None:
    station.good(10)
    record = station.inspect("bad.png", spoiled([BOX]), 11)
    record_of = station.store.get(record)
    assert record_of is not None
    assert record_of.verdict is Verdict.FAIL
    assert station.left_out(station.plan()) == {LeftOut.UNDECIDED.value: 1}
    station.decide(record, Disposition.CONFIRMED)
    plan = station.plan()
    (bad,) = [one for one in (*plan.trained, *plan.held_out) if one.kind == "bad"]
    assert bad in plan.trained
    assert bad.mask is MaskSource.OWN_MAP
    pairs = station.folder / "training" / "pairs"
    label = decode_mask((pairs / "label" / bad.file).read_bytes())
    x, y, w, h = BOX
    assert label[y + 1 : y + h - 1, x + 1 : x + w - 1].all()
    assert label.sum() < 3 * w * h
    np.testing.assert_array_equal(read_frame(pairs / "B" / bad.file).pixels, station.golden.pixels)
    names = (pairs / "list" / "train.txt").read_text().split()
    assert sorted(names) == sorted([*(one.file for one in plan.trained), "golden_0.png"])
    assert read_plan(station.folder / "training") == plan


def test_nothing_that_is_held_out_lies_among_the_pairs(station: Station) -> None:
    station.good(20)
    for number in range(5):
        station.decide(
            station.inspect(f"bad{number}.png", spoiled([(8 * number, 50, 6, 6)]), number),
            Disposition.CONFIRMED,
        )
    plan = station.plan()
    assert (len(plan.trained), len(plan.held_out)) == (14 + 3, 6 + 2)
    trained, held = ({one.sha256 for one in side} for side in (plan.trained, plan.held_out))
    assert not trained & held
    pixels = [read_frame(item.path).sha256 for item in examination(plan, station.folder / "training")]
    seen = {read_frame(path).sha256 for path in (station.folder / "training" / "pairs" / "A").iterdir()}
    assert not seen & set(pixels)
    assert plan == station.plan()


def test_pictures_of_one_unit_stay_together(station: Station) -> None:
    for number in range(12):
        for side in range(2):
            name = f"{number}-{side}.png"
            station.inspect(name, plain(), 2 * number + side, serial=f"S{number}")
    plan = station.plan()
    held = {one.image.split("-")[0] for one in plan.held_out}
    assert len(plan.held_out) == 2 * len(held) == 8
    assert not held & {one.image.split("-")[0] for one in plan.trained}


def test_one_picture_in_two_files_is_one_unit(station: Station) -> None:
    for number in range(12):
        station.inspect(f"{number}.png", plain(), number)
        station.inspect(f"{number}.bmp", plain(), number)
    plan = station.plan()
    assert len(plan.trained) + len(plan.held_out) == 24
    sides = [{Path(one.image).stem for one in side} for side in (plan.trained, plan.held_out)]
    assert not sides[0] & sides[1]


def test_vanished_and_changed_pictures_are_counted_and_named(station: Station) -> None:
    station.good(11)
    (station.folder / "images" / "good3.png").unlink()
    write(station.folder / "images" / "good5.png", spoiled([BOX]))
    plan = station.plan()
    (gone,) = plan.left_out
    assert gone.reason == LeftOut.PICTURE_GONE.value
    assert (gone.count, sorted(gone.images)) == (2, ["good3.png", "good5.png"])
    for number in range(6, 9):
        (station.folder / "images" / f"good{number}.png").unlink()
    with pytest.raises(TooFewRecordsError, match="hold 6 good pictures that can be used; of 5 others"):
        station.plan()
    assert read_plan(station.folder / "training") is None


def test_an_escape_that_nobody_marked_is_only_judged(station: Station) -> None:
    station.good(9)
    station.decide(station.inspect("escape.png", plain(), 40), Disposition.CONFIRMED)
    plan = station.plan()
    (escape,) = [one for one in plan.held_out if one.kind == "bad"]
    assert escape.mask is MaskSource.NONE
    (item,) = [item for item in examination(plan, station.folder) if item.name.startswith("bad/")]
    assert item.truth is None
    assert not item.known_good
    again = station.plan(Past(trained=frozenset({escape.sha256})))
    assert station.left_out(again) == {LeftOut.NO_MASK.value: 1}


def test_a_corrected_mask_takes_the_place_of_the_machines(station: Station) -> None:
    station.good(9)
    station.decide(station.inspect("bad.png", spoiled([BOX]), 11), Disposition.CONFIRMED)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[2:5, 2:6] = 255
    write(station.folder / "masks" / "bad.png", mask)
    plan = station.plan(masks=station.folder / "masks")
    (bad,) = [one for one in plan.trained if one.kind == "bad"]
    assert bad.mask is MaskSource.ANNOTATION
    stored = decode_mask((station.folder / "training" / "pairs" / "label" / bad.file).read_bytes())
    np.testing.assert_array_equal(stored, mask > 0)


def test_a_unit_that_was_trained_on_is_never_held_out_later(station: Station) -> None:
    station.good(10)
    first = station.plan()
    past = Past(
        frozenset(one.sha256 for one in first.trained), frozenset(one.sha256 for one in first.held_out)
    )
    for number in range(10, 30):
        station.inspect(f"good{number}.png", plain(), number)
    second = station.plan(past)
    assert past.trained <= {one.sha256 for one in second.trained}
    assert past.held_out <= {one.sha256 for one in second.held_out}
    assert len(second.held_out) == 9


def test_the_newest_pictures_are_taken_where_there_are_too_many(station: Station) -> None:
    station.good(14)
    plan = station.plan(most=9)
    assert station.left_out(plan) == {LeftOut.OLDER.value: 5}
    assert min(one.record for one in (*plan.trained, *plan.held_out)) == 6


def test_a_copy_of_the_golden_is_no_good_part(station: Station) -> None:
    station.good(9)
    path = write(station.folder / "images" / "copy.bmp", station.golden.pixels)
    test = read_frame(path)
    request = InspectionRequest(
        test, ImageRef.of(test), station.golden, ImageRef.of(station.golden), SETTINGS, Identity()
    )
    station.service.inspect(request)
    assert station.left_out(station.plan()) == {LeftOut.IS_GOLDEN.value: 1}


def test_pairs_lie_in_the_goldens_frame(station: Station) -> None:
    rng = np.random.default_rng(4)
    texture = (
        rng.integers(60, 200, (SIDE // 4 + 8, SIDE // 4 + 8, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    )
    station.golden = read_frame(write(station.folder / "texture.png", texture[8 : 8 + SIDE, 8 : 8 + SIDE]))
    station.alignment = Alignment(method="translation")
    moved = texture[12 : 12 + SIDE, 11 : 11 + SIDE].copy()
    moved[30:38, 20:30] = 255
    for number in range(10):
        # Inspected without alignment: what counts is how the recipe shows it now.
        station.decide(
            station.inspect(f"good{number}.png", texture[10 : 10 + SIDE, 8 : 8 + SIDE], number),
            Disposition.FALSE_CALL,
        )
    station.inspect("bad.png", moved, 40)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[30:38, 20:30] = 255
    write(station.folder / "masks" / "bad_mask.png", mask)
    plan = station.plan(masks=station.folder / "masks")
    (bad,) = [one for one in plan.trained if one.kind == "bad"]
    pairs = station.folder / "training" / "pairs"
    label = decode_mask((pairs / "label" / bad.file).read_bytes())
    expected = np.zeros_like(label)
    expected[34:42, 23:33] = True
    assert (label ^ expected).sum() <= 20
    shown = read_frame(pairs / "A" / bad.file).pixels.astype(int)
    inner = np.abs(shown - station.golden.pixels)[8:30, 8:56]
    assert inner.mean() < 3


def test_a_damaged_plan_is_told(station: Station) -> None:
    (station.folder / "training").mkdir()
    (station.folder / "training" / "plan.json").write_text("{")
    with pytest.raises(KeeperError, match="without --resume"):
        read_plan(station.folder / "training")


def test_where_the_recipe_does_not_look_nothing_varies(station: Station) -> None:
    station.good(9)
    station.decide(station.inspect("bad.png", spoiled([BOX, (2, 56, 5, 5)]), 11), Disposition.CONFIRMED)
    corners = ((0.0, 50.0), (20.0, 50.0), (20.0, 64.0), (0.0, 64.0))
    station.regions = (Region(name="label", mode="ignore", points=corners),)
    (bad,) = [one for one in station.plan().trained if one.kind == "bad"]
    pairs = station.folder / "training" / "pairs"
    shown = read_frame(pairs / "A" / bad.file).pixels
    label = decode_mask((pairs / "label" / bad.file).read_bytes())
    np.testing.assert_array_equal(shown[50:, :20], station.golden.pixels[50:, :20])
    assert (shown[40:46, 40:48] == 255).all()
    assert label.any()
    assert not label[50:, :20].any()
