from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector_app.engines import cores
from inspector_app.engines.cores import Cores, usable_cores


def test_one_call_alone_leaves_the_number_to_the_runtime() -> None:
    assert (Cores().each, Cores().total, Cores().pool) == (0, 0, 0)
    assert usable_cores() >= 1


@given(usable=st.integers(1, 256), parallel=st.integers(2, 64))
def test_all_cores_are_shared_out(usable: int, parallel: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cores, "usable_cores", lambda: usable)
        shared = Cores(0, parallel)
        assert shared.each == max(1, usable // parallel)
        assert shared.total <= max(usable, parallel)


@given(threads=st.integers(1, 64), parallel=st.integers(1, 64))
def test_callers_and_pool_together_are_the_threads_asked_for(threads: int, parallel: int) -> None:
    shared = Cores(threads, parallel)
    # One of the pool's threads is the caller itself.
    assert shared.pool - 1 + parallel == shared.total == threads * parallel


@pytest.mark.parametrize(("threads", "parallel"), [(-1, 1), (0, 0)])
def test_numbers_out_of_range_are_refused(threads: int, parallel: int) -> None:
    with pytest.raises(ValueError, match="is wrong"):
        Cores(threads, parallel)
