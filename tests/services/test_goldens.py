from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from inspector_app.core.errors import InspectorError
from inspector_app.core.frame import Frame
from inspector_app.services import goldens
from inspector_app.services.goldens import GoldenCache
from inspector_app.vision.decode import read_frame
from tests.pictures import plain, write


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{n}.png" for n in range(4)]
    for path in found:
        write(path, plain())
    return found


def test_a_slow_golden_holds_up_only_who_wants_it(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, reads = Event(), list[Path]()

    def slow(path: Path) -> Frame:
        reads.append(path)
        if path == paths[0]:
            assert go_on.wait(10)
        return read_frame(path)

    monkeypatch.setattr(goldens, "read_frame", slow)
    cache = GoldenCache()
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(cache.frame, paths[0]) for _ in range(2)]
        assert isinstance(cache.frame(paths[1]), Frame)
        assert not any(one.done() for one in waiting)
        go_on.set()
        assert waiting[0].result() is waiting[1].result()
    assert sorted(reads) == paths[:2]


def test_many_and_large_goldens_are_not_all_kept(paths: list[Path]) -> None:
    size = plain().nbytes
    for cache, kept in (
        (GoldenCache(kept=2), 2),
        (GoldenCache(most_bytes=3 * size), 3),
        (GoldenCache(most_bytes=1), 1),
    ):
        frames = [cache.frame(path) for path in paths]
        for path, frame in list(zip(paths, frames, strict=True))[-kept:]:
            assert cache.frame(path) is frame
        assert cache.frame(paths[0]) is not frames[0]


def test_an_unreadable_golden_is_its_error_each_time(tmp_path: Path) -> None:
    cache = GoldenCache()
    first = cache.frame(tmp_path / "gone.png")
    assert isinstance(first, InspectorError)
    assert first.code == "golden_unreadable"
    again = cache.frame(tmp_path / "gone.png")
    assert isinstance(again, InspectorError)
    # It was only not there yet.
    write(tmp_path / "gone.png", plain())
    assert isinstance(cache.frame(tmp_path / "gone.png"), Frame)


def test_a_fault_of_the_program_is_not_kept(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> Frame:
        raise MemoryError

    cache = GoldenCache()
    with monkeypatch.context() as patched:
        patched.setattr(goldens, "read_frame", broken)
        with pytest.raises(MemoryError):
            cache.frame(paths[0])
    assert isinstance(cache.frame(paths[0]), Frame)


def test_a_fault_reaches_nobody_who_reads_another_golden(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = GoldenCache(kept=3)
    cache.frame(paths[2])
    told: list[object] = []

    def failing(path: Path) -> Frame:
        if path == paths[0]:
            raise MemoryError
        return read_frame(path)

    fail = Future.set_exception

    def then_another(self: Future[object], error: BaseException | None) -> None:
        fail(self, error)
        told.append(cache.frame(paths[1]))

    monkeypatch.setattr(goldens, "read_frame", failing)
    monkeypatch.setattr(Future, "set_exception", then_another)
    with pytest.raises(MemoryError):
        cache.frame(paths[0])
    assert isinstance(told[0], Frame)
