"""What runtimes say, for people."""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """What a runtime's error says, in one line without its final stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # OpenVINO begins with the places in its own source.
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (telling or lines or [type(error).__name__])[0][:300].rstrip(".")
