"""Memory that a training frees stays with the process: fetched anew at every step, it costs a good tenth of the time."""

from __future__ import annotations

import ctypes

# mallopt(3): what is freed at the end of the heap goes back to the system beyond this; blocks that are mapped by themselves.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed, for the rest of the process; False where it cannot be told.

    A step allocates and frees gigabytes of activations. glibc maps large blocks one by one and gives them back at once, and
    each page of each is then cleared by the kernel again: 125,000 pages at every step at 320 x 320.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        # Only glibc has it.
        return False
    return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, _NEVER))
