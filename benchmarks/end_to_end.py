"""Files to committed records: ``inspector-app score`` against the reference loop, in turns.

    python -m benchmarks.end_to_end

Makes 1,000 PNG images of 512 x 512 in a folder of its own, then in each run times the reference loop with the
published network (FAN small, random weights; needs PyTorch or --published FILE), the reference loop with the compact
one, and ``score`` over all images with records and CSV into a fresh data folder. Every other run goes backwards.
"""

from __future__ import annotations

import argparse
import json
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe, write_json
from benchmarks.networks import COMPACT, export_published, installed
from benchmarks.pictures import Parts, average_bytes, link_parts, write_parts
from benchmarks.program import run_program, score_command
from benchmarks.reference_loop import ReferenceLoop, image_files

STAGES_OPTION = "--stages-json"
ONE_LOOK = "--no-mirror"
LEAST_RUNS = 5


@dataclass(frozen=True)
class Plan:
    """What is scored, and how.

    Attributes:
        parts: the images and their golden.
        work: a folder for what the runs write.
        model: path of the scored model.
        options: more options of ``score``.
        stages: whether ``score`` can tell its stages.
    """

    parts: Parts
    work: Path
    model: Path
    options: tuple[str, ...] = ()
    stages: bool = False


@dataclass
class Measured:
    """Milliseconds an image of each run, by what ran; and the stages that ``score`` told in each."""

    times: dict[str, list[float]] = field(default_factory=dict)
    stages: list[dict[str, object]] = field(default_factory=list)

    def add(self, name: str, milliseconds: float) -> None:
        """Note one run's."""
        self.times.setdefault(name, []).append(milliseconds)

    def ratio(self, slow: str, fast: str) -> float:
        """How many times as fast: the median of the runs' ratios."""
        return float(np.median(np.array(self.times[slow]) / np.array(self.times[fast])))


SCORE, SCORE_STARTED = "score, start-up included", "score, start-up excluded"
PUBLISHED_LOOP, COMPACT_LOOP = "reference loop, published network", "reference loop, compact network"


def score_once(plan: Plan, number: int, measured: Measured) -> None:
    """One run over all images, and one over the first alone: that is start-up, to which its own image is given back.

    Where the program tells its stages, its own wall time, which begins with the first image, is taken instead.
    """
    images = len(image_files(plan.parts.folder))
    seconds = _score(plan, plan.parts, f"run-{number}")
    measured.add(SCORE, seconds / images * 1000)
    stages = plan.work / f"run-{number}" / "stages.json"
    if stages.is_file():
        told = json.loads(stages.read_text(encoding="utf-8"))
        measured.stages.append(told)
        measured.add(SCORE_STARTED, float(told["wall_s"]) / images * 1000)
        return
    first = link_parts(plan.parts, plan.work / f"first-{number}" / "parts", 1)
    start_up = _score(plan, first, f"first-{number}")
    measured.add(SCORE_STARTED, (seconds - start_up) / (images - 1) * 1000)


def _score(plan: Plan, parts: Parts, name: str) -> float:
    """Seconds of one run of the program in a data folder of its own."""
    folder = plan.work / name
    folder.mkdir(exist_ok=True)
    told = (STAGES_OPTION, folder / "stages.json") if plan.stages else ()
    command = score_command(
        parts.folder, "--golden", parts.golden, "--model", plan.model, "--csv", folder / "images.csv",
        "--data-dir", folder / "data", *told, *plan.options,
    )  # fmt: skip
    finished = run_program(command)
    rows = len((folder / "images.csv").read_text(encoding="utf-8").splitlines()) - 1
    if rows != len(image_files(parts.folder)):
        raise RuntimeError(f"{rows} rows were written:\n{finished.output}")
    return finished.seconds


def loop_once(loop: ReferenceLoop, parts: Parts, count: int, masks: Path) -> float:
    """Milliseconds a pair of the reference loop over the first ``count`` images."""
    return float(np.mean(loop.run(parts.golden, image_files(parts.folder)[:count], masks))) * 1000


def measure(plan: Plan, loops: dict[str, tuple[ReferenceLoop, int]], runs: int) -> Measured:
    """All in turns; each loop has judged one pair before the first run."""
    measured = Measured()
    masks = plan.work / "masks"
    masks.mkdir(exist_ok=True)
    for loop, _ in loops.values():
        loop.run(plan.parts.golden, image_files(plan.parts.folder)[: loop.batch], masks)

    def lane(name: str, loop: ReferenceLoop, pairs: int) -> Callable[[int], None]:
        return lambda number: measured.add(name, loop_once(loop, plan.parts, pairs, masks))

    lanes: list[Callable[[int], None]] = [lane(name, loop, pairs) for name, (loop, pairs) in loops.items()]
    lanes.append(lambda number: score_once(plan, number, measured))
    for number in range(runs):
        for run in lanes[:: -1 if number % 2 else 1]:
            run(number)
        print(f"run {number + 1} of {runs} done", flush=True)
    return measured


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the images, measure, print."""
    given = _parser().parse_args(arguments)
    if given.runs < LEAST_RUNS:
        print(f"A median of fewer than {LEAST_RUNS} runs is no figure to publish.")
    with tempfile.TemporaryDirectory(prefix="inspector-bench-") as scratch:
        work = Path(scratch)
        parts = write_parts(work / "images", given.count, given.side, given.images)
        size = average_bytes(image_files(parts.folder)[:50]) / 1000
        print(
            f"{given.count} PNG images of {given.side} x {given.side}, about {size:.0f} kB each", flush=True
        )
        model, base = installed(given.model), installed(given.base or given.model)
        base_input = base.manifest.input
        loops = {COMPACT_LOOP: (ReferenceLoop(base.path, base_input.height), given.compact_pairs)}
        published = _published(given, work)
        if published is not None:
            loops = {PUBLISHED_LOOP: (ReferenceLoop(published), given.published_pairs), **loops}
        told = STAGES_OPTION in run_program(score_command("--help")).output
        plan = Plan(parts, work, model.path, tuple(shlex.split(given.score_options)), told)
        measured = measure(plan, loops, given.runs)
    _print(measured)
    write_json(
        given.json,
        {
            "images": given.count,
            "side": given.side,
            "model": given.model,
            "score_options": given.score_options,
            "milliseconds_an_image": measured.times,
            "stages": measured.stages,
        },
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="images")
    parser.add_argument("--side", type=int, default=512, help="their width and height")
    parser.add_argument(
        "--images", type=Path, help="make them from these (default: rendered); the first is the golden"
    )
    parser.add_argument("--runs", type=int, default=LEAST_RUNS)
    parser.add_argument("--model", default=COMPACT, help="what score runs: a name or a path")
    parser.add_argument("--base", help="what the compact reference loop runs (default: the same), in float32")
    parser.add_argument(
        "--score-options",
        default=ONE_LOOK,
        help=f"more options of score, in one string (default: {ONE_LOOK}, for the loops look once)",
    )
    parser.add_argument(
        "--published", type=Path, help="the published network's ONNX (default: exported, kept if named)"
    )
    parser.add_argument("--no-published", action="store_true", help="leave the published network out")
    parser.add_argument(
        "--compact-pairs", type=int, default=60, help="pairs of the compact reference loop in a run"
    )
    parser.add_argument("--published-pairs", type=int, default=5, help="the same of the published network's")
    parser.add_argument("--json", type=Path, help="write the report here")
    return parser


def _published(given: argparse.Namespace, work: Path) -> Path | None:
    if given.no_published:
        return None
    file: Path = given.published or work / "fan_small.onnx"
    if not file.is_file() and find_spec("torch") is None:
        print("PyTorch is not installed: the published network is left out")
        return None
    return export_published(file)


def _print(measured: Measured) -> None:
    console = Console(width=140)
    table = Table(title=str(describe()["processor"]), header_style="bold")
    for column in ("what ran", "ms an image, median", "least", "most", "images/s"):
        table.add_column(column)
    for name, times in measured.times.items():
        middle = float(np.median(times))
        table.add_row(name, f"{middle:.2f}", f"{min(times):.2f}", f"{max(times):.2f}", f"{1000 / middle:.2f}")
    console.print(table)
    for slow in (PUBLISHED_LOOP, COMPACT_LOOP):
        for fast in (SCORE, SCORE_STARTED):
            if slow in measured.times:
                console.print(f"{fast}: {measured.ratio(slow, fast):.2f} times the {slow}")
    _print_stages(console, measured.stages)


def _print_stages(console: Console, told: Sequence[dict[str, object]]) -> None:
    """The run in the middle by its wall time."""
    if not told:
        console.print("This program does not tell its stages.")
        return
    middle = sorted(told, key=lambda each: float(str(each["wall_s"])))[len(told) // 2]
    stages = middle["stages"]
    assert isinstance(stages, dict)
    total, images = sum(stages.values()), int(str(middle["images"]))
    table = Table("stage", "CPU ms an image", "share", header_style="bold")
    for name, seconds in stages.items():
        table.add_row(name, f"{seconds / images * 1000:.2f}", f"{100 * seconds / max(total, 1e-9):.1f} %")
    console.print(table)
    shares = [float(str(each["share_of_possible"])) for each in told]
    console.print(
        f"{100 * float(np.median(shares)):.1f} % of the rate that {middle['cores']} cores divided by the summed CPU "
        "seconds of all stages allow (median of the runs)"
    )


if __name__ == "__main__":
    main()
