"""The program as its user starts it, watched from outside."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Watch = Callable[[int], None]
"""Is given the program's process number again and again while it runs."""


@dataclass(frozen=True)
class Finished:
    """How a run of the program ended: its seconds, its exit code, what it printed, its own peak of resident memory.

    ``peak_bytes`` is what the system tells of the process itself (getrusage, ``ru_maxrss``), not of its children.
    """

    seconds: float
    code: int
    output: str
    peak_bytes: int


def score_command(*arguments: object) -> list[str]:
    """``inspector-app score`` of this checkout."""
    return [sys.executable, "-m", "inspector_app", "score", *map(str, arguments)]


def run_program(command: Sequence[str], watch: Watch | None = None, every_s: float = 0.2) -> Finished:
    """Run to the end; its messages go to ``output`` with what it prints.

    Raises:
        RuntimeError: it ended with another code than 0 (scored) or 3 (some images could not be inspected).
    """
    started = time.perf_counter()
    with subprocess.Popen(
        list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    ) as process:
        lines: list[str] = []
        reader = threading.Thread(target=_collect, args=(process, lines))
        reader.start()
        code, peak = _wait(process, watch, every_s)
        seconds = time.perf_counter() - started
        reader.join()
    finished = Finished(seconds, code, "".join(lines), peak)
    if code not in (0, 3):
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{finished.output}")
    return finished


def read_rows(table: Path) -> list[dict[str, str]]:
    """The rows of a CSV file that the program wrote, by the names of its columns."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _collect(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stdout is not None
    lines.extend(process.stdout)


def _wait(process: subprocess.Popen[str], watch: Watch | None, every_s: float) -> tuple[int, int]:
    """Exit code and peak; a child that is waited for by ``wait4`` tells its own usage alone."""
    while True:
        number, status, usage = os.wait4(process.pid, os.WNOHANG)
        if number:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_maxrss * 1024
        if watch is not None:
            watch(process.pid)
        time.sleep(every_s if watch is not None else 0.02)


def environment() -> dict[str, str]:
    """This checkout's program, without a display, its tables as wide as they need."""
    root = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": root, "QT_QPA_PLATFORM": "offscreen", "COLUMNS": "160"}


@dataclass(frozen=True)
class Usage:
    """Resident bytes and processor seconds of a process and all that it has started, while they live."""

    resident: int
    cpu_s: float
    processes: int


def usage_of(pid: int) -> Usage:
    """Read from /proc (proc(5)). Memory that processes share is counted for each; ended ones count nothing."""
    resident, cpu, count = 0, 0.0, 0
    for each in _family(pid):
        try:
            status = Path(f"/proc/{each}/statm").read_text(encoding="ascii").split()
            fields = Path(f"/proc/{each}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        resident += int(status[1]) * os.sysconf("SC_PAGE_SIZE")
        # After the name: state is field 3 of the manual, utime 14, stime 15, those of ended children 16 and 17.
        cpu += sum(int(fields[place - 3]) for place in (14, 15, 16, 17)) / os.sysconf("SC_CLK_TCK")
        count += 1
    return Usage(resident, cpu, count)


def _family(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        found.append(each)
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                waiting += [int(text) for text in children.read_text(encoding="ascii").split()]
            except OSError:
                continue
    return found
