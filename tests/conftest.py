"""What all tests share."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is the machine's affair.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def transistor() -> Path:
    """The folder of real transistor images; the test is skipped where it is absent."""
    folder = SHARED_DATA / "mvtec_transistor"
    if not folder.is_dir():
        pytest.skip("the real images (../shared/data/mvtec_transistor) are not here")
    return folder


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """A thread that outlives its test fails it."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        leaked = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
        if not leaked:
            return
        time.sleep(0.02)
    pytest.fail(f"threads outlived the test: {[thread.name for thread in leaked]}")
