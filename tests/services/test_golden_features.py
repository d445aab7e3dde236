from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import Features
from inspector_app.services.golden_features import GoldenFeatures


def size_of(features: Features) -> int:
    return int(features.nbytes)  # type: ignore[attr-defined]


class Encoder:
    """Counts what it encodes; each golden takes 100 bytes."""

    def __init__(self) -> None:
        self.encoded: list[object] = []

    def scan(self, kept: GoldenFeatures, keys: range) -> None:
        with kept.scan():
            for key in keys:
                kept.keep(key, kept.of(key, lambda key=key: self.encode(key)))

    def encode(self, key: object) -> Features:
        self.encoded.append(key)
        return np.zeros(100, dtype=np.uint8)


def test_what_fits_is_encoded_once() -> None:
    kept, encoder = GoldenFeatures(size_of, 1000), Encoder()
    for _ in range(3):
        encoder.scan(kept, range(10))
    assert encoder.encoded == list(range(10))
    assert kept.nbytes == 1000


def test_a_scan_over_more_than_fits_keeps_what_it_has() -> None:
    kept, encoder = GoldenFeatures(size_of, 1000), Encoder()
    for _ in range(3):
        encoder.scan(kept, range(15))
        assert kept.nbytes <= 1000
    assert len(encoder.encoded) == 15 + 5 + 5


def test_what_is_not_used_any_more_makes_room() -> None:
    kept, encoder = GoldenFeatures(size_of, 1000), Encoder()
    encoder.scan(kept, range(10))
    for _ in range(3):
        encoder.scan(kept, range(100, 110))
    before = len(encoder.encoded)
    encoder.scan(kept, range(100, 110))
    assert len(encoder.encoded) == before
    assert kept.nbytes <= 1000


def test_features_that_grow_are_counted_and_alone_they_are_kept() -> None:
    class Growing:
        nbytes = 10

    kept, growing = GoldenFeatures(size_of, 100), Growing()
    kept.keep("one", kept.of("one", lambda: growing))
    growing.nbytes = 500
    kept.keep("one", kept.of("one", Growing))
    assert kept.nbytes == 500
    assert kept.of("one", Growing) is growing
    kept.keep("two", kept.of("two", Growing))
    assert kept.nbytes == 500


def test_what_several_threads_want_at_once_is_encoded_once() -> None:
    kept, encoder, meet = GoldenFeatures(size_of, 1000), Encoder(), Barrier(4)

    def want() -> Features:
        meet.wait()
        return kept.of("one", lambda: encoder.encode("one"))

    with ThreadPoolExecutor(4) as pool:
        found = [each.result() for each in [pool.submit(want) for _ in range(4)]]
    assert encoder.encoded == ["one"]
    assert all(features is found[0] for features in found)


def test_a_fault_while_encoding_is_told_and_not_kept() -> None:
    def broken() -> Features:
        raise KeeperError("engine_failed", "no")

    kept = GoldenFeatures(size_of, 1000)
    for _ in range(2):
        with pytest.raises(KeeperError):
            kept.of("one", broken)
    assert kept.nbytes == 0


def test_scans_side_by_side_do_not_throw_out_what_each_other_needs() -> None:
    kept, encoder = GoldenFeatures(size_of, 1000), Encoder()
    for _ in range(6):
        with kept.scan():
            for key in range(15):
                if key in (3, 9):  # Other workers' batches, with goldens that are kept already.
                    encoder.scan(kept, range(2))
                kept.keep(key, kept.of(key, lambda key=key: encoder.encode(key)))
    assert len(encoder.encoded) == 15 + 5 * 5
