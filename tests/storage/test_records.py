from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, timedelta

import numpy as np
import pytest
from sqlalchemy.exc import IntegrityError

from inspector_app.core.change_map import Affine, Registration
from inspector_app.core.errors import KeeperError, OperatorError
from inspector_app.core.inspection import DispositionEntry, Identity, ImageRef, Settings, Truth
from inspector_app.core.metrics import Outcome, PixelCounts
from inspector_app.core.protocols import HistoryFilter, RunState
from inspector_app.core.recipe import GoldenRef, Limits, Recipe
from inspector_app.core.verdict import Disposition, Verdict
from inspector_app.storage import store as store_module
from inspector_app.storage.store import SqlRecordStore
from tests.makers import START, make_defect, make_map, make_request, make_result, make_run

ALL = HistoryFilter()
TURN = Registration(Affine(0.99, -0.1, 3.25, 0.1, 0.99, -7.5), 0.031, 0.97)


def entry(disposition: Disposition = Disposition.FALSE_CALL, reason: str = "dust") -> DispositionEntry:
    return DispositionEntry(disposition, "Grace", reason, START)


def test_a_record_holds_all_of_its_result(store: SqlRecordStore) -> None:
    truth = Truth(True, Outcome.TP, PixelCounts(5, 6, 7, 8))
    settings = Settings(Limits(threshold=0.7), um_per_px=33.3, recipe="board", revision=3, product="P")
    result = make_result(
        Verdict.FAIL,
        serial="S1",
        settings=settings,
        truth=truth,
        change_map=make_map(registration=TURN),
        registration=TURN,
    )
    [record] = store.add([result], ["ab/key.png"])
    assert record == store.get(record.id)
    assert record.time.tzinfo is UTC
    assert record.image == result.request.image
    assert record.golden == result.request.golden_ref
    assert record.settings == settings
    assert record.identity == result.request.identity
    assert record.engine == result.engine
    assert record.truth == truth
    assert record.timing == result.timing
    assert record.registration is not None
    assert record.registration.matrix == tuple(TURN.transform.matrix.ravel())
    assert (record.registration.residual, record.registration.quality) == (0.031, 0.97)
    assert (record.n_defects, record.largest_area_px, record.archive_key) == (1, 20, "ab/key.png")
    assert record.app_version == "0.1"


def test_a_map_comes_back_as_it_was_judged(store: SqlRecordStore) -> None:
    maps = [make_map(size, seed) for seed, size in enumerate((1, 7, 64, 256))]
    maps.append(make_map(registration=TURN))
    records = store.add([make_result(change_map=each) for each in maps], [None] * len(maps))
    for record, before in zip(records, maps, strict=True):
        after = store.get_map(record.id)
        assert after is not None
        assert record.has_map
        np.testing.assert_array_equal(after.levels, before.levels)
        assert (after.frame_size, after.golden_size) == (before.frame_size, before.golden_size)
        assert after.registration == before.registration
    assert store.get_map(999) is None


def test_an_error_is_recorded_with_what_is_known(store: SqlRecordStore) -> None:
    error = OperatorError("image_truncated", "The image is cut off.", "Copy it again.")
    request = make_request(error, image=ImageRef("broken.png", path="/images/broken.png"))
    result = make_result(
        Verdict.ERROR, request=request, change_map=None, score=None, error=error, registration=TURN
    )
    [record] = store.add([result], [None])
    assert (record.verdict, record.error_code) == (Verdict.ERROR, "image_truncated")
    assert record.error_text == "The image is cut off. Copy it again."
    assert record.registration is not None
    assert not record.has_map
    assert store.get_map(record.id) is None
    assert store.defects(record.id) == []


def test_an_annotation_that_could_not_be_used_is_recorded(store: SqlRecordStore) -> None:
    request = replace(make_result().request, truth_error=OperatorError("truth_damaged", "No mask."))
    [record] = store.add([make_result(request=request)], [None])
    assert (record.verdict, record.error_code) == (Verdict.PASS, "truth_damaged")


def test_defects_are_numbered_from_the_largest(store: SqlRecordStore) -> None:
    found = [make_defect(5, region="rim"), make_defect(90, truth_iou=0.5), make_defect(90, x=9)]
    settings = Settings(Limits(threshold=0.25, min_area_px=3), um_per_px=10.0)
    [record] = store.add([make_result(serial="S", defects=found, settings=settings)], [None])
    defects = store.defects(record.id)
    assert [each.defect for each in defects] == [found[1], found[2], found[0]]
    assert [each.defect_id for each in defects] == [1, 2, 3]
    assert {(each.serial, each.um_per_px, each.rule) for each in defects} == {
        ("S", 10.0, "score>=0.25 area>=3px")
    }
    assert list(store.iterate_defects(ALL)) == defects


def test_attempts_count_the_same_serial_of_the_same_recipe(store: SqlRecordStore) -> None:
    board = Settings(recipe="board", revision=1)
    first = store.add([make_result(serial="A", settings=board) for _ in range(2)], [None, None])
    later = store.add(
        [
            make_result(serial="A", settings=replace(board, revision=2)),
            make_result(serial="A"),
            make_result(serial=""),
            make_result(serial="B", settings=board),
            make_result(serial=""),
        ],
        [None] * 5,
    )
    assert [record.attempt for record in first] == [1, 2]
    assert [record.attempt for record in later] == [3, 1, 1, 1, 1]


def test_all_or_none_is_committed(store: SqlRecordStore) -> None:
    with pytest.raises(IntegrityError):
        store.add([make_result(), make_result(run_id=77)], [None, None])
    assert store.counters(ALL).total == 0
    with pytest.raises(ValueError, match="shorter"):
        store.add([make_result()], [])
    assert store.add([], []) == []


def test_a_disposition_changes_what_stands_but_not_the_machines_verdict(store: SqlRecordStore) -> None:
    [failed, passed] = store.add([make_result(Verdict.FAIL), make_result()], [None, None])
    first = store.dispose(failed.id, entry(Disposition.CONFIRMED))
    second = store.dispose(failed.id, entry())
    assert first.verdict is second.verdict is Verdict.FAIL
    assert [each.disposition for each in second.dispositions] == [
        Disposition.CONFIRMED,
        Disposition.FALSE_CALL,
    ]
    assert store.get(failed.id) == second
    assert store.defects(failed.id)[0].disposition is Disposition.FALSE_CALL
    found = store.search(HistoryFilter(final_verdicts=(Verdict.PASS,)))
    assert [record.id for record in found] == [passed.id, failed.id]
    assert [record.id for record in store.search(HistoryFilter(verdicts=(Verdict.FAIL,)))] == [failed.id]
    with pytest.raises(KeeperError) as caught:
        store.dispose(999, entry())
    assert caught.value.code == "record_missing"


def test_search_pages_from_the_newest(store: SqlRecordStore) -> None:
    ids = [record.id for record in store.add([make_result() for _ in range(7)], [None] * 7)]
    first = [record.id for record in store.search(ALL, limit=4)]
    second = [record.id for record in store.search(ALL, limit=4, before_id=first[-1])]
    assert first + second == ids[::-1]
    assert store.search(ALL, before_id=ids[0]) == []


def test_filters(store: SqlRecordStore) -> None:
    run = store.start_run(make_run())
    board, other = Settings(recipe="Board", revision=1), Settings(recipe="Board B", revision=1)
    ids = [
        record.id
        for record in store.add(
            [
                make_result(name="Straße_1.png", serial="SN-1", settings=board),
                make_result(Verdict.FAIL, name="b%.png", serial="sn_2", settings=other, run_id=run),
                make_result(Verdict.REVIEW, name="c\udcff.png", serial="x", run_id=run),
            ],
            [None] * 3,
        )
    ]
    times = [record.time for record in store.iterate(ALL)]

    def found(**fields: object) -> list[int]:
        wanted = HistoryFilter(**fields)  # type: ignore[arg-type]
        by_search = [ids.index(record.id) for record in store.search(wanted)][::-1]
        assert by_search == [ids.index(record.id) for record in store.iterate(wanted)]
        assert store.counters(wanted).total == len(by_search)
        return by_search

    assert found(text="STRASSE") == [0]
    assert found(text="%") == [1]
    assert found(text="_") == [0, 1]
    assert found(text="board") == [0, 1]
    assert found(text="\udcff") == [2]
    assert found(text="ada") == []
    assert found(operator="ADA") == [0, 1, 2]
    assert found(serial="sn") == []
    assert found(serial="sn-1") == [0]
    assert found(lot="LOT 7", serial="x") == [2]
    assert found(recipe="board") == [0]
    assert found(recipe="board b") == [1]
    assert found(recipe="Board", recipe_revision=1) == [0]
    assert found(recipe_revision=2) == []
    assert found(run_id=run) == [1, 2]
    assert found(live_only=True) == [0]
    assert found(verdicts=(Verdict.FAIL, Verdict.REVIEW), text="sn") == [1]
    assert found(since=times[1]) == [0, 1, 2]
    assert found(until=times[1]) == []
    assert found(since=times[1] + timedelta(microseconds=1)) == []


def test_counters(store: SqlRecordStore) -> None:
    assert store.counters(ALL).first_pass_yield is None
    verdicts = (Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.PASS)
    store.add([make_result(each, serial=f"S{i}") for i, each in enumerate(verdicts)], [None] * 4)
    store.add([make_result(Verdict.PASS, serial="S1")], [None])
    counters = store.counters(ALL)
    assert (counters.total, counters.of(Verdict.PASS), counters.of(Verdict.ERROR)) == (5, 3, 1)
    assert (counters.first_attempts, counters.first_pass) == (4, 2)
    assert (counters.min_ms, counters.mean_ms, counters.max_ms) == (13.75, 13.75, 13.75)


def test_iterate_reads_page_by_page_and_ends(store: SqlRecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "PAGE", 3)
    ids = [record.id for record in store.add([make_result() for _ in range(8)], [None] * 8)]
    seen = []
    for record in store.iterate(ALL):
        seen.append(record.id)
        store.add([make_result()], [None])
    assert seen == ids


def test_runs(store: SqlRecordStore) -> None:
    first, second = store.start_run(make_run("a")), store.start_run(make_run("b"))
    store.add([make_result(name="x", run_id=first), make_result(Verdict.FAIL, run_id=first)], [None] * 2)
    store.finish_run(second, RunState.STOPPED)
    newest, oldest = store.runs()
    assert (newest.id, newest.state, newest.n_images) == (second, RunState.STOPPED, 0)
    assert newest.finished is not None
    assert oldest.verdicts == {Verdict.PASS: 1, Verdict.FAIL: 1}
    assert oldest.info == make_run("a")
    assert set(store.done_in_run(first)) == {"x", "unit.png"}
    store.leave_out_of_run(first, ["x", "never there"])
    assert set(store.done_in_run(first)) == {"unit.png"}
    assert [record.image.name for record in store.iterate(HistoryFilter(run_id=first))] == ["unit.png"]
    assert [record.image.name for record in store.iterate(ALL)] == ["x", "unit.png"]
    found = store.find_run("f1")
    assert found is not None
    assert found.id == second
    assert store.find_run("no") is None
    store.finish_run(second, RunState.RUNNING)
    assert store.runs(1)[0].finished is None
    with pytest.raises(KeeperError):
        store.finish_run(99, RunState.DONE)


def test_recipe_revisions(store: SqlRecordStore) -> None:
    golden = GoldenRef(name="g", sha256="a" * 64, width=3, height=2)
    one = Recipe(name="board", goldens=(golden,))
    two = one.model_copy(update={"limits": Limits(threshold=0.25)})
    assert store.add_recipe_revision(one, "Ada", "first").revision == 1
    kept = store.add_recipe_revision(two, "Ada", "sharper")
    store.add_recipe_revision(one.model_copy(update={"name": "arm"}), "Ada", "")
    assert store.recipe_revision("board") == kept
    assert [each.recipe for each in store.recipe_history("board")] == [two, one]
    assert [(each.recipe.name, each.revision) for each in store.recipes()] == [("arm", 1), ("board", 2)]
    assert store.recipe_revision("board", 9) is None
    assert store.recipe_revision("none") is None


def test_names_that_are_not_unicode(store: SqlRecordStore) -> None:
    run = store.start_run(make_run())
    name = "n\udcff\ud800\U0010f000é.png"
    [record] = store.add([make_result(name="\udcffé.png", run_id=run)], [None])
    assert record.image.name == "\udcffé.png"
    assert list(store.done_in_run(run)) == ["\udcffé.png"]
    store.add([make_result(request=make_request(identity=Identity(serial=name)))], [None])


def test_two_threads_add(store: SqlRecordStore) -> None:
    def work(_number: int) -> None:
        for _ in range(15):
            store.add([make_result(serial="S"), make_result(Verdict.FAIL)], [None, None])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    attempts = [record.attempt for record in store.iterate(HistoryFilter(serial="S"))]
    assert sorted(attempts) == list(range(1, 31))
    assert store.check() == []


def test_events_and_closing(store: SqlRecordStore) -> None:
    store.add_event("engine", "onnxruntime CPU")
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        store.counters(ALL)
