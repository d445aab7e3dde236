from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector_app.services.batch_size import MEASURED_FROM, PART, BatchSize


def measure(sizes: tuple[int, ...], seconds_an_image: dict[int, float]) -> BatchSize:
    """One thread scores the measured images; each takes as long as its batch's size says."""
    size, now = BatchSize(sizes, MEASURED_FROM), 0.0
    for _ in range(10_000):
        count, part = size.begin(now)
        if part is None:
            return size
        now += count * seconds_an_image[count if count in seconds_an_image else max(sizes)]
        size.end(part, count, now)
    raise AssertionError("the measurement has no end")


@pytest.mark.parametrize("fastest", [1, 2, 4])
def test_the_fastest_size_is_kept(fastest: int) -> None:
    speeds = {size: 0.010 if size == fastest else 0.012 for size in (1, 2, 4)}
    assert measure((1, 2, 4), speeds).chosen == fastest


def test_noise_does_not_move_it_from_the_default() -> None:
    assert measure((1, 2, 4), {1: 0.0100, 2: 0.0099, 4: 0.0101}).chosen == 1


@pytest.mark.parametrize("sizes", [(3,), (1, 2, 4)])
def test_a_short_run_or_a_given_size_is_not_measured(sizes: tuple[int, ...]) -> None:
    size = BatchSize(sizes, MEASURED_FROM - 1)
    assert {size.begin(float(i)) for i in range(5)} == {(sizes[0], None)}


@given(st.lists(st.integers(1, 16), min_size=2, max_size=4, unique=True))
def test_every_part_has_its_images_and_the_rest_one_size(sizes: list[int]) -> None:
    size = BatchSize(tuple(sizes), MEASURED_FROM)
    begun: dict[int, int] = {}
    while True:
        count, part = size.begin(0.0)
        if part is None:
            break
        assert count <= max(sizes)
        begun[part] = begun.get(part, 0) + count
    assert begun == dict.fromkeys(range(2 * len(sizes)), PART)
    assert size.begin(0.0) == (sizes[0], None)


def test_a_batch_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="sizes"):
        BatchSize((0, 1), 10)
