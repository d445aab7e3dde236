from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inspector_app.core.change_map import Affine, ChangeMap, Registration
from inspector_app.core.defects import Defect
from inspector_app.core.geometry import Box, Region
from inspector_app.core.inspection import (
    EngineStamp,
    Identity,
    ImageRef,
    InspectionResult,
    MeasureAt,
    Settings,
    Timing,
    Truth,
)
from inspector_app.core.metrics import Outcome, PixelCounts
from inspector_app.core.recipe import Alignment, Limits
from inspector_app.core.verdict import Verdict
from inspector_app.storage.store import SqlRecordStore
from tests.makers import FakeClock, make_frame, make_request

ANY = st.text(st.characters() | st.characters(min_codepoint=0x10EFF0, max_codepoint=0x10F810), max_size=12)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SIZE = st.integers(0, 2**31)
REAL = st.floats(allow_nan=False, allow_infinity=False)
POINTS = st.lists(st.tuples(REAL, REAL), min_size=3, max_size=5).map(tuple)
REFERENCES = st.builds(ImageRef, ANY, st.text("0123456789abcdef", max_size=64), SIZE, SIZE, ANY)
SETTINGS = st.builds(
    Settings,
    limits=st.builds(Limits, threshold=st.floats(0.01, 1), min_area_px=st.integers(1, 10**9)),
    alignment=st.builds(Alignment, method=st.sampled_from(["none", "rigid"])),
    regions=st.lists(st.builds(Region, name=TEXT, mode=st.just("ignore"), points=POINTS), max_size=2).map(
        tuple
    ),
    um_per_px=st.none() | st.floats(1e-9, 1e9),
    recipe=TEXT,
    revision=st.none() | SIZE,
    product=TEXT,
    measure_at=st.sampled_from(MeasureAt),
)
DEFECTS = st.builds(
    Defect,
    box=st.builds(Box, x=SIZE, y=SIZE, w=st.integers(1, 9), h=st.integers(1, 9)),
    cx=REAL,
    cy=REAL,
    area_px=SIZE,
    length_px=REAL,
    score_max=REAL,
    score_mean=REAL,
    region=TEXT,
    truth_iou=st.none() | REAL,
)
TRUTHS = st.builds(
    Truth,
    st.booleans(),
    st.sampled_from(Outcome),
    st.none() | st.builds(PixelCounts, SIZE, SIZE, SIZE, SIZE),
)
REGISTRATIONS = st.builds(Registration, st.builds(Affine, REAL, REAL, REAL, REAL, REAL, REAL), REAL, REAL)
MAPS = st.builds(
    ChangeMap,
    levels=arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    frame_size=st.tuples(SIZE, SIZE),
    golden_size=st.tuples(SIZE, SIZE),
    registration=st.none() | REGISTRATIONS,
)
FRAME = make_frame()


@st.composite
def results(draw: st.DrawFn) -> InspectionResult:
    request = make_request(
        FRAME,
        image=draw(REFERENCES),
        golden_ref=draw(REFERENCES),
        settings=draw(SETTINGS),
        identity=Identity(draw(ANY), draw(ANY), draw(ANY), draw(ANY)),
    )
    change_map = draw(st.none() | MAPS)
    return InspectionResult(
        request=request,
        verdict=draw(st.sampled_from(Verdict)),
        reason=draw(ANY),
        engine=EngineStamp(draw(ANY), draw(ANY), draw(ANY), draw(ANY)),
        change_map=change_map,
        defects=tuple(draw(st.lists(DEFECTS, max_size=3))),
        score=draw(st.none() | REAL),
        defect_px=draw(SIZE),
        inspected_px=draw(SIZE),
        truth=draw(st.none() | TRUTHS),
        timing=Timing(draw(REAL), draw(REAL), draw(REAL), draw(REAL)),
        registration=change_map.registration if change_map else draw(st.none() | REGISTRATIONS),
    )


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlRecordStore]:
    path: Path = tmp_path_factory.mktemp("round") / "records.sqlite3"
    store = SqlRecordStore(path, FakeClock(), "0.1")
    yield store
    store.close()


# Shrinking an example of fifty fields takes longer than reading it.
@settings(
    max_examples=50,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(result=results())
def test_whatever_is_recorded_comes_back(shared_store: SqlRecordStore, result: InspectionResult) -> None:
    [record] = shared_store.add([result], ["key"])
    request = result.request
    assert shared_store.get(record.id) == record
    assert (record.image, record.golden) == (request.image, request.golden_ref)
    assert (record.settings, record.identity) == (request.settings, request.identity)
    assert (record.engine, record.timing, record.truth) == (result.engine, result.timing, result.truth)
    assert (record.verdict, record.reason, record.score) == (result.verdict, result.reason, result.score)
    found = shared_store.defects(record.id)
    assert [each.defect for each in found] == sorted(result.defects, key=lambda defect: -defect.area_px)
    if result.registration is not None:
        assert record.registration is not None
        assert record.registration.matrix == tuple(result.registration.transform.matrix.ravel())
    change_map = shared_store.get_map(record.id)
    assert (change_map is None) == (result.change_map is None) == (not record.has_map)
    if change_map is not None and result.change_map is not None:
        np.testing.assert_array_equal(change_map.levels, result.change_map.levels)
        assert change_map.frame_size == result.change_map.frame_size
        assert change_map.golden_size == result.change_map.golden_size
        assert change_map.registration == result.change_map.registration
