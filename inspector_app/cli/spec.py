"""``-e experiment.yaml``: TAO's spec file for ``train``, ``evaluate``, ``infer`` and ``export-model``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from inspector_app.cli.console import err, known_errors, out
from inspector_app.cli.options import EngineOption, ThreadsOption, given_options
from inspector_app.cli.progress import progress_bar
from inspector_app.cli.tables import percent
from inspector_app.cli.training_errors import training_errors
from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import InputSpec
from inspector_app.core.metrics import PixelCounts
from inspector_app.engines.models import load_model
from inspector_app.engines.registry import EngineChoice, open_engine
from inspector_app.services.tao_scoring import (
    ClassScores,
    Predict,
    engine_predict,
    evaluate_pairs,
    write_masks,
)
from inspector_app.vision.segment_pairs import SegmentPairs

# The spec's keys and OmegaConf are imported where a spec is read: no other command should wait for them.
if TYPE_CHECKING:
    from inspector_app.changenet.callbacks import TrainProgress
    from inspector_app.changenet.tao.spec_training import EpochReport
    from inspector_app.core.tao_spec.experiment import Experiment, Task
    from inspector_app.core.tao_spec.task_keys import Judging

SpecOption = Annotated[
    Path | None,
    typer.Option(
        "--experiment-spec", "-e", help="A spec file of TAO (task: segment); KEY=VALUE overrides it."
    ),
]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Overrides, such as train.num_epochs=5.")
]


def one_word(words: Sequence[str] | None, name: str, count: int = 1) -> list[str]:
    """What stands on the command line where no spec is given: exactly ``count`` words.

    Raises:
        KeeperError: ``usage``.
    """
    if words is None or len(words) != count:
        raise KeeperError("usage", f"Without -e this needs {name}.", "--help tells more.")
    return list(words)


def check_spec_alone(context: typer.Context, *also: str) -> None:
    """See that no option was given which a spec file makes void. ``also``: parameters that go with ``-e``, beside the
    overrides.

    Raises:
        KeeperError: ``option_invalid``, naming every such option.
    """
    fitting = {"spec", "words", "data_dir", *also}
    every = [parameter.name for parameter in context.command.params if parameter.name is not None]
    given = given_options(context, [name for name in every if name not in fitting])
    if given:
        raise KeeperError(
            "option_invalid",
            f"With -e the spec file says it all: leave out {', '.join(given)}.",
            "A key of the spec is overridden by KEY=VALUE.",
        )


def load_spec(path: Path, overrides: Sequence[str] | None, task: Task) -> Experiment:
    """Read a spec, and say on stderr which of its keys have no effect here."""
    from inspector_app.services.tao_spec import read_spec

    experiment = read_spec(path, overrides or (), task)
    by_reason: dict[str, list[str]] = {}
    for note in experiment.notes(task):
        by_reason.setdefault(note.reason, []).append(note.path)
    for reason, paths in by_reason.items():
        say(f"No effect here: {', '.join(paths)} ({reason})")
    return experiment


def say(text: str) -> None:
    """A line on stderr."""
    err().print(text, markup=False, soft_wrap=True)


def pairs_word(count: int) -> str:
    """``pair`` or ``pairs``."""
    return "pair" if count == 1 else "pairs"


def train_by_spec(path: Path, overrides: Sequence[str] | None, resume: bool) -> None:
    """``inspector-app train -e``."""
    from inspector_app.core.tao_spec.experiment import Task

    with known_errors(), training_errors():
        # The spec's faults are told first, with PyTorch or without.
        experiment = load_spec(path, overrides, Task.TRAIN)
        from inspector_app.changenet.tao.spec_training import LATEST, Listener, train_spec

        if resume:
            experiment = _resumed(experiment, experiment.folder(Task.TRAIN) / LATEST)
        with progress_bar() as bar:
            task = bar.add_task("training", total=None)

            def on_progress(progress: TrainProgress) -> None:
                bar.update(
                    task,
                    completed=progress.step,
                    total=progress.steps,
                    description=f"loss {progress.loss:.4f}",
                )

            result = train_spec(experiment, Listener(say, on_progress, _print_epoch))
        out().print(
            f"{result.epochs} epochs, {result.steps} steps; checkpoint {result.checkpoint}", markup=False
        )


def _resumed(experiment: Experiment, checkpoint: Path) -> Experiment:
    if experiment.train.resume_training_checkpoint_path:
        return experiment
    train = experiment.train.model_copy(update={"resume_training_checkpoint_path": str(checkpoint)})
    return experiment.model_copy(update={"train": train})


def _print_epoch(report: EpochReport) -> None:
    line = f"epoch {report.epoch}: train_loss {report.train_loss:.5f}"
    if report.val_loss is not None:
        line += f", val_loss {report.val_loss:.5f}"
    if report.pixels is not None:
        line += "".join(f", {name} {percent(value) or 'none'}" for name, value in five(report.pixels))
    out().print(line, markup=False)


def export_by_spec(path: Path, overrides: Sequence[str] | None, half: bool) -> None:
    """``inspector-app export-model -e``."""
    from inspector_app.core.tao_spec.experiment import Task

    with known_errors(), training_errors():
        experiment = load_spec(path, overrides, Task.EXPORT)
        from inspector_app.changenet.tao.spec_export import export_spec

        done = export_spec(experiment, half)
        out().print(f"{done.onnx}: off by at most {done.largest_difference:.1e}", markup=False)
        if done.half is not None and done.agreement is not None:
            found = done.agreement
            out().print(
                f"{done.half}: on {found.pairs} {pairs_word(found.pairs)} {percent(found.same_class)} of the pixels have the same class, "
                f"probability off by at most {found.largest_probability_difference:.1e}, "
                f"logits by {found.largest_logit_difference:.1e}",
                markup=False,
            )


def evaluate_by_spec(
    path: Path,
    overrides: Sequence[str] | None,
    engine: EngineChoice,
    threads: int,
    json_out: bool,
) -> None:
    """``inspector-app evaluate -e``."""
    from inspector_app.core.tao_spec.experiment import Task

    with known_errors(), training_errors():
        experiment = load_spec(path, overrides, Task.EVALUATE)
        segment = experiment.dataset.segment
        pairs = SegmentPairs(segment)
        total = len(pairs.names(segment.test_split))
        with (
            _predictor(experiment, experiment.evaluate, engine, threads) as predict,
            progress_bar() as bar,
        ):
            task = bar.add_task("evaluating", total=total)
            batch = batch_of(experiment, experiment.evaluate)
            scores = evaluate_pairs(
                predict, pairs, segment.test_split, batch, lambda done: bar.update(task, completed=done)
            )
    if json_out:
        typer.echo(json.dumps(_as_dict(scores)))
    else:
        _print_scores(scores)


def infer(
    spec: Annotated[
        Path, typer.Option("--experiment-spec", "-e", help="A spec file of TAO (task: segment).")
    ],
    overrides: Overrides = None,
    engine: EngineOption = EngineChoice.AUTO,
    threads: ThreadsOption = 0,
) -> None:
    """Write the change masks of a list of pairs, by a spec file of TAO; nothing is recorded."""
    from inspector_app.core.tao_spec.experiment import Task

    with known_errors(), training_errors():
        experiment = load_spec(spec, overrides, Task.INFERENCE)
        segment = experiment.dataset.segment
        pairs, folder = SegmentPairs(segment), experiment.folder(Task.INFERENCE)
        total = len(pairs.names(segment.predict_split))
        with (
            _predictor(experiment, experiment.inference, engine, threads) as predict,
            progress_bar() as bar,
        ):
            task = bar.add_task("judging", total=total)
            batch = batch_of(experiment, experiment.inference)
            done = write_masks(
                predict,
                pairs,
                segment.predict_split,
                batch,
                folder,
                lambda done: bar.update(task, completed=done),
            )
        out().print(f"{done} {pairs_word(done)}: masks and overlays in {folder}", markup=False)


def batch_of(experiment: Experiment, section: Judging) -> int:
    """Pairs at a time."""
    return experiment.dataset.segment.batch_size if section.batch_size == -1 else section.batch_size


@contextmanager
def _predictor(
    experiment: Experiment, section: Judging, engine: EngineChoice, threads: int
) -> Iterator[Predict]:
    """What computes class maps: an ONNX file on an engine, without PyTorch, or a checkpoint with it."""
    path = Path(section.checkpoint)
    if path.suffix.lower() == ".onnx":
        opened = open_engine(load_model(path), engine, threads)
        with closing(opened):
            _check_graph(experiment, opened.manifest.input)
            yield engine_predict(opened)
        return
    if engine is not EngineChoice.AUTO or threads:
        raise KeeperError(
            "usage", "--engine and --threads are for ONNX files; PyTorch computes a checkpoint."
        )
    from inspector_app.changenet.tao.predict import checkpoint_predict, spec_checkpoint

    yield checkpoint_predict(spec_checkpoint(path, experiment), experiment)


def _check_graph(experiment: Experiment, fed: InputSpec) -> None:
    segment, height, width = experiment.dataset.segment, fed.height, fed.width
    if segment.num_classes != 2:
        raise KeeperError("spec_invalid", "An ONNX file serves two classes; give a checkpoint for more.")
    if segment.multi_scale_infer:
        say("No effect here: dataset.segment.multi_scale_infer (an ONNX file is judged by output_final)")
    if "img_size" in segment.model_fields_set and (height, width) != (segment.img_size, segment.img_size):
        say(f"No effect here: dataset.segment.img_size (the ONNX file takes {width} x {height})")
    for key in ("mean", "std"):
        given, taken = getattr(segment.augmentation, key), getattr(fed, key)
        if given != taken:
            values = ", ".join(f"{value:g}" for value in taken)
            say(f"No effect here: dataset.segment.augmentation.{key} (the ONNX file is fed with {values})")


def five(counts: PixelCounts) -> tuple[tuple[str, float | None], ...]:
    """The model card's five measures, of the change class."""
    return (
        ("precision", counts.precision),
        ("recall", counts.recall),
        ("IoU", counts.iou),
        ("F1", counts.dice),
        ("accuracy", counts.accuracy),
    )


def _measures(scores: ClassScores) -> dict[str, float | None]:
    return {**dict(five(scores.change)), "accuracy": scores.accuracy}


def _print_scores(scores: ClassScores) -> None:
    width, height = scores.grid
    total = Table(
        show_header=False,
        title=f"{scores.pairs} {pairs_word(scores.pairs)}, pooled at {width} x {height}",
        title_justify="left",
    )
    for name, value in _measures(scores).items():
        total.add_row(name, percent(value))
    out().print(total)
    classes = Table(title="by class", title_justify="left", header_style="bold")
    for column in ("class", *(name for name, _ in five(scores.change)), "tp", "fp", "fn"):
        classes.add_column(column, justify="left" if column == "class" else "right")
    for number, counts in enumerate(scores.classes):
        name = {0: "0, no change", 1: "1, change"}.get(number, str(number))
        pixels = (f"{count:,}" for count in (counts.tp, counts.fp, counts.fn))
        classes.add_row(name, *(percent(value) for _, value in five(counts)), *pixels)
    out().print(classes)


def _as_dict(scores: ClassScores) -> dict[str, object]:
    by_class = {
        str(number): {**dict(five(counts)), **asdict(counts)} for number, counts in enumerate(scores.classes)
    }
    return {"pairs": scores.pairs, "grid": list(scores.grid), **_measures(scores), "by_class": by_class}
