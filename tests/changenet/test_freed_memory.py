"""What a training frees stays with its process."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from inspector_app.changenet.freed_memory import keep_freed_memory

# Blocks of 64 MB: glibc would map each by itself and give it back.
_FAULTS = """
import resource
import numpy as np
from inspector_app.changenet.freed_memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**23)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
assert keep_freed_memory()
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_that_was_freed_is_not_fetched_again() -> None:
    done = subprocess.run([sys.executable, "-c", _FAULTS], capture_output=True, text=True, check=True)
    usual, kept = (int(line) for line in done.stdout.split())
    # The kernel may hand out huge pages, so few at a time: 32 of 2 MB, where they are small 16,384.
    assert usual >= 30
    assert kept <= usual // 4


@pytest.mark.parametrize("error", [OSError, TypeError, AttributeError])
def test_another_c_library_is_left_alone(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: None) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert keep_freed_memory() is False
