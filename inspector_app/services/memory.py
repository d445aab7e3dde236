"""How much memory the program holds."""

from __future__ import annotations

import os
from pathlib import Path

_STATM = Path("/proc/self/statm")
"""Of Linux (proc(5)): sizes in pages, the second one resident."""


def resident_bytes() -> int | None:
    """This process's resident memory; None where the system does not tell it in a file."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
