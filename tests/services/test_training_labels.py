from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector_app.core.errors import OperatorError
from inspector_app.core.inspection import InspectionRecord, Settings, Truth
from inspector_app.core.metrics import Outcome
from inspector_app.core.protocols import HistoryFilter
from inspector_app.core.verdict import Disposition, Verdict
from inspector_app.services.training_labels import (
    Annotations,
    LeftOut,
    label_all,
    label_of,
    shared_names,
)
from inspector_app.storage.store import SqlRecordStore
from tests.makers import make_result
from tests.pictures import mask_of, write

GOLDEN = make_result().request.golden_ref.sha256
PLATE = Settings(recipe="plate", revision=1)


def recorded(
    store: SqlRecordStore, verdict: Verdict = Verdict.PASS, *, seed: int = 0, serial: str = "", truth: bool | None = None
) -> InspectionRecord:  # fmt: skip
    said = None if truth is None else Truth(truth, Outcome.TP if truth else Outcome.TN)
    result = make_result(verdict, seed=seed, settings=PLATE, name=f"{seed}.png", serial=serial, truth=said)
    return store.add([result], [None])[0]


@pytest.mark.parametrize(
    ("verdict", "person", "annotated", "expected"),
    [
        (Verdict.PASS, None, None, False),
        (Verdict.FAIL, None, None, LeftOut.UNDECIDED),
        (Verdict.REVIEW, None, None, LeftOut.UNDECIDED),
        (Verdict.ERROR, None, None, LeftOut.FAILED),
        (Verdict.FAIL, Disposition.CONFIRMED, None, True),
        (Verdict.PASS, Disposition.CONFIRMED, None, True),
        (Verdict.FAIL, Disposition.FALSE_CALL, None, False),
        (Verdict.FAIL, Disposition.ACCEPTED, None, LeftOut.SET_ASIDE),
        (Verdict.FAIL, Disposition.REPAIRED, True, LeftOut.SET_ASIDE),
        (Verdict.PASS, None, True, True),
        (Verdict.FAIL, None, False, False),
        (Verdict.FAIL, Disposition.FALSE_CALL, True, LeftOut.CONTRADICTED),
        (Verdict.FAIL, Disposition.CONFIRMED, False, LeftOut.CONTRADICTED),
    ],
)
def test_who_decides(
    verdict: Verdict, person: Disposition | None, annotated: bool | None, expected: bool | LeftOut
) -> None:
    assert label_of(verdict, person, annotated) == expected


@given(st.sampled_from(Verdict), st.sampled_from([None, *Disposition]), st.sampled_from([None, True, False]))
def test_a_machine_alone_never_makes_a_defect(
    verdict: Verdict, person: Disposition | None, annotated: bool | None
) -> None:
    if label_of(verdict, person, annotated) is True:
        assert person is Disposition.CONFIRMED or annotated


def test_one_record_speaks_for_each_picture(store: SqlRecordStore) -> None:
    recorded(store, Verdict.FAIL, seed=1, serial="A")
    spoken = recorded(store, Verdict.FAIL, seed=1, serial="B", truth=True)
    recorded(store, Verdict.PASS, seed=1)
    recorded(store, Verdict.FAIL, seed=2)
    newest = recorded(store, Verdict.PASS, seed=2)
    found = label_all([*map(store.get, range(1, 6))], "plate", {GOLDEN}, Annotations())  # type: ignore[list-item]
    assert [(one.record, one.defective) for one in found.candidates] == [
        (newest.id, False),
        (spoken.id, True),
    ]
    assert [one.reason for one in found.refused] == [LeftOut.REPEATED] * 3
    assert found.serials[spoken.image.sha256] == {"A", "B"}


def test_other_recipes_other_goldens_and_goldens_themselves_are_left_out(store: SqlRecordStore) -> None:
    record = recorded(store)
    assert label_all([record], "plat", {GOLDEN}, Annotations()).refused == ()
    for goldens, reason in (
        ({"f" * 64}, LeftOut.OTHER_GOLDEN),
        ({GOLDEN, record.image.sha256}, LeftOut.IS_GOLDEN),
    ):
        (refused,) = label_all([record], "plate", goldens, Annotations()).refused
        assert refused.reason is reason


def test_a_corrected_mask_decides_where_nobody_else_has(store: SqlRecordStore, tmp_path: Path) -> None:
    record = recorded(store, Verdict.FAIL, seed=3)
    masks = Annotations(tmp_path)
    assert label_all([record], "plate", {GOLDEN}, masks).candidates == ()
    mask = mask_of([(1, 1, 4, 4)])[: record.image.height, : record.image.width]
    write(tmp_path / "3_mask.png", mask)
    (found,) = label_all([record], "plate", {GOLDEN}, masks).candidates
    assert found.defective
    assert not found.confirmed
    marked = masks.mask(record)
    assert marked is not None
    assert int(marked.sum()) == 16
    (tmp_path / "3_mask.png").write_bytes(b"broken")
    (refused,) = label_all([record], "plate", {GOLDEN}, masks).refused
    assert refused.reason is LeftOut.BAD_ANNOTATION
    with pytest.raises(OperatorError, match="not there"):
        Annotations(tmp_path / "nowhere")


def test_a_record_without_a_hash_takes_the_place_of_no_other(store: SqlRecordStore) -> None:
    records = [
        replace(record, image=replace(record.image, sha256=""))
        for record in (recorded(store), recorded(store))
    ]
    assert len(label_all(records, "plate", {GOLDEN}, Annotations()).candidates) == 2


def test_a_corrected_mask_is_not_laid_on_one_of_several_pictures_of_its_name(
    store: SqlRecordStore, tmp_path: Path
) -> None:
    for seed in (1, 2):
        store.add([make_result(Verdict.PASS, seed=seed, settings=PLATE, name="0001.png")], [None])
    image = recorded(store, seed=3).image
    write(tmp_path / "0001.png", mask_of([(1, 1, 4, 4)])[: image.height, : image.width])
    records = list(store.iterate(HistoryFilter(recipe="plate")))
    shared = shared_names(records, "plate")
    assert shared == {"0001.png"}
    found = label_all(records, "plate", {GOLDEN}, Annotations(tmp_path, shared))
    assert [one.reason for one in found.refused] == [LeftOut.SHARED_NAME] * 2
    assert [one.name for one in found.candidates] == ["3.png"]
