"""Scoring 100,000 images: resident memory and cost an image from the beginning to the end.

    python -m benchmarks.endurance

The images are hard links to a few small ones. ``inspector-app score`` runs in a process of its own, with records, and
is watched through /proc, so this needs Linux. It ends by itself; with --images N it is shorter.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.machine import write_json
from benchmarks.networks import COMPACT, installed
from benchmarks.pictures import Parts, link_parts, write_parts
from benchmarks.program import environment, score_command, usage_of

SETTLED_AFTER = 1000
"""Images after which memory is expected to grow no more."""
SOURCES = 16
"""Different images: a file system allows some ten thousand hard links to one."""
MEGABYTE = 1e6


@dataclass
class Samples:
    """What was seen of the program while it ran, one entry a sample, from its first committed image on."""

    seconds: list[float] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Endurance:
    """The report.

    Attributes:
        images: how many were recorded.
        seconds: from the first commit to the end of the program.
        settled_mb: resident memory once ``SETTLED_AFTER`` images (or a tenth, if that is fewer) were recorded.
        most_mb: the most at any time after that.
        growth_mb: how much more.
        first_ms: wall time an image over the first tenth.
        last_ms: the same over the last tenth.
        first_cpu_ms: processor time an image over the first tenth.
        last_cpu_ms: the same over the last tenth.
    """

    images: int
    seconds: float
    settled_mb: float
    most_mb: float
    growth_mb: float
    first_ms: float
    last_ms: float
    first_cpu_ms: float
    last_cpu_ms: float


def watch(command: Sequence[str], every_s: float) -> Samples:
    """Run ``score --json`` to its end and sample it; its lines are counted and dropped.

    Raises:
        RuntimeError: it did not end well, or recorded nothing.
    """
    samples, counted, said = Samples(), [0], list[str]()
    with subprocess.Popen(
        list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    ) as process:

        def count() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("{"):
                    counted[0] += 1
                else:
                    said.append(line)

        reader = threading.Thread(target=count)
        reader.start()
        while process.poll() is None:
            if counted[0]:
                _sample(process.pid, counted[0], samples)
            time.sleep(every_s)
        reader.join()
    if process.returncode != 0 or len(samples.done) < 2:
        raise RuntimeError(f"score ended with {process.returncode}, {counted[0]} images:\n{''.join(said)}")
    return samples


def _sample(pid: int, done: int, samples: Samples) -> None:
    usage = usage_of(pid)
    if usage.processes:
        samples.seconds.append(time.perf_counter())
        samples.done.append(done)
        samples.cpu_s.append(usage.cpu_s)
        samples.resident.append(usage.resident)


def judge(samples: Samples, images: int) -> Endurance:
    """Read the samples; what lies between two of them is taken to be even."""
    done = np.array(samples.done, dtype=float)
    # A count that stands still has several times: the first is when it was reached.
    steps = np.concatenate([[True], np.diff(done) > 0])
    seconds, cpu = np.array(samples.seconds), np.array(samples.cpu_s)
    low, high = done[0], done[-1]
    marks = np.array([low, low + (high - low) * 0.1, low + (high - low) * 0.9, high])
    wall_at = np.interp(marks, done[steps], seconds[steps])
    cpu_at = np.interp(marks, done[steps], cpu[steps])
    share = (high - low) * 0.1
    resident = np.array(samples.resident) / MEGABYTE
    settled = int(np.argmax(done >= min(SETTLED_AFTER, images / 10)))
    return Endurance(
        images=images,
        seconds=float(seconds[-1] - seconds[0]),
        settled_mb=float(resident[settled]),
        most_mb=float(resident[settled:].max()),
        growth_mb=float(resident[settled:].max() - resident[settled]),
        first_ms=float((wall_at[1] - wall_at[0]) / share * 1000),
        last_ms=float((wall_at[3] - wall_at[2]) / share * 1000),
        first_cpu_ms=float((cpu_at[1] - cpu_at[0]) / share * 1000),
        last_cpu_ms=float((cpu_at[3] - cpu_at[2]) / share * 1000),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the links, score, print."""
    if not sys.platform.startswith("linux"):
        sys.exit("This is watched through /proc, which only Linux has.")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=256, help="width and height of the images")
    parser.add_argument("--model", default=COMPACT, help="a name or a path")
    parser.add_argument("--score-options", default="", help="more options of score, in one string")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between samples")
    parser.add_argument("--json", type=Path, help="write report and samples here")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="inspector-bench-") as scratch:
        few = write_parts(Path(scratch) / "few", SOURCES, given.side)
        parts = link_parts(few, Path(scratch) / "many", given.images)
        model = installed(given.model).path
        samples = watch(_command(parts, model, Path(scratch), shlex.split(given.score_options)), given.every)
    report = judge(samples, given.images)
    _print(report)
    # Counts, not times of day: what a reader wants to draw.
    rows = {"done": samples.done, "resident": samples.resident, "cpu_s": samples.cpu_s}
    began = samples.seconds[0]
    write_json(
        given.json,
        {"endurance": asdict(report), "samples": {**rows, "seconds": [s - began for s in samples.seconds]}},
    )


def _command(parts: Parts, model: Path, scratch: Path, options: list[str]) -> list[str]:
    return score_command(
        parts.folder, "--golden", parts.golden, "--model", model, "--data-dir", scratch / "data",
        "--csv", scratch / "images.csv", "--json", *options,
    )  # fmt: skip


def _print(report: Endurance) -> None:
    print(f"{report.images} images in {report.seconds:.0f} s after the first commit")
    print(
        f"resident: {report.settled_mb:.0f} MB after the first {min(SETTLED_AFTER, report.images // 10)} images, "
        f"at most {report.most_mb:.0f} MB later: {report.growth_mb:.0f} MB more"
    )
    for what, first, last in (
        ("wall", report.first_ms, report.last_ms),
        ("processor", report.first_cpu_ms, report.last_cpu_ms),
    ):
        change = f"{100 * (last / first - 1):+.1f} %" if first else "too short to tell"
        print(
            f"{what} time an image: {first:.2f} ms in the first tenth, {last:.2f} ms in the last ({change})"
        )


if __name__ == "__main__":
    main()
