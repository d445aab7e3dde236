"""``inspector-app train --recipe``: fine-tune a recipe's model on the station's own records."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from inspector_app.bootstrap import Inspector
from inspector_app.cli.console import Exit, err, known_errors, opened, out
from inspector_app.cli.engines import serving
from inspector_app.cli.progress import progress_bar
from inspector_app.cli.recipe import login_name
from inspector_app.cli.train_recipe_output import measures_table, omission_lines
from inspector_app.cli.training_bar import train_with_bar
from inspector_app.cli.training_errors import training_errors
from inspector_app.core.errors import KeeperError
from inspector_app.core.files import ensure_folder
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import MeasureAt
from inspector_app.core.protocols import HistoryFilter, RecipeRevision
from inspector_app.core.report_file import read_report, write_report
from inspector_app.engines.models import TRAINING_REPORT, Model
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.fine_tuning import (
    examine,
    most_pictures,
    original_of,
    training_settings,
)
from inspector_app.services.model_install import add_model, write_manifest
from inspector_app.services.training_examples import ExampleReader
from inspector_app.services.training_folder import LOCK, check_free, claim, training_name
from inspector_app.services.training_labels import Annotations, label_all, shared_names
from inspector_app.services.training_plan import PAIRS, TrainingPlan, read_plan
from inspector_app.services.training_report import (
    Measures,
    NamedModel,
    TrainingReport,
    used_words,
)
from inspector_app.services.training_set import Beginning, Choice, Past, clear, make_plan

if TYPE_CHECKING:
    from inspector_app.changenet.config import TrainConfig
    from inspector_app.changenet.train import TrainResult

MODEL = "model"
CHECKPOINT = "last.ckpt"


@dataclass(frozen=True)
class TuneWish:
    """What was asked for.

    Attributes:
        truth: a folder of corrected masks.
        given: ``steps``, ``batch``, ``size`` and ``seed``, those that were given.
        machine: ``threads`` and ``workers``, those that were given.
        adopt: whether the new model becomes a revision of the recipe at once.
    """

    recipe: str
    truth: Path | None
    start_from: Path | None
    out_dir: Path | None
    given: Mapping[str, int]
    machine: Mapping[str, int]
    resume: bool
    adopt: bool
    author: str
    note: str


@dataclass(frozen=True, eq=False)
class _Job:
    """All that a training of a recipe needs to know, once the plan stands."""

    name: str
    folder: Path
    plan: TrainingPlan
    revision: RecipeRevision
    goldens: tuple[Frame, ...]
    serving: Model
    start: Model
    past: Past


def train_recipe(wish: TuneWish, data_dir: Path | None, mixed: bool = False) -> None:
    """Choose from the records, train, examine, install; adopt when told to. ``mixed``: options were given that
    belong to other ways of training."""
    with known_errors(), training_errors(), opened(data_dir) as inspector:
        _check(wish, mixed)
        import inspector_app.changenet.train  # noqa: F401  before minutes are spent on reading pictures

        inspector.recipes.get(wish.recipe)
        trainings = inspector.data_dir / "training"
        name = training_name(trainings, wish.recipe, {*inspector.models(), *_folders(inspector.own_models)})
        folder = wish.out_dir or trainings / name
        check_free(folder, wish.recipe)
        if wish.resume:
            _begun(wish.recipe, folder)
        with _alone(folder):
            _train_and_install(inspector, wish, name, folder)


def _train_and_install(inspector: Inspector, wish: TuneWish, name: str, folder: Path) -> None:
    """All of it, in a folder that no other training uses."""
    job = _job(inspector, wish, name, folder)
    for line in (*used_words(job.plan), *omission_lines(job.plan)):
        out().print(line, markup=False)
    if wish.adopt:
        _check_examined(job.plan)
    try:
        result = _train(job, wish)
        report = _report(inspector, job, result)
    except KeyboardInterrupt:
        folder_option = f' --out-dir "{wish.out_dir}"' if wish.out_dir else ""
        again = f'inspector-app train --recipe "{wish.recipe}"{folder_option} --resume'
        err().print(f"Stopped. To go on from the last checkpoint: {again}", markup=False, soft_wrap=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    add_model(job.folder / MODEL, job.name, inspector.models(), inspector.own_models, replace=False)
    clear(job.folder)
    shutil.rmtree(job.folder / MODEL, ignore_errors=True)
    out().print(measures_table(report))
    where = inspector.own_models / job.name
    out().print(f"The new model is {job.name}, with its report in {where}.", markup=False)
    _adopt(inspector, wish, job.name, report)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other trainings out of ``folder``; the lock falls with the process that holds it.

    Raises:
        KeeperError: ``training_under_way``.
    """
    from filelock import FileLock, Timeout

    ensure_folder(folder)
    try:
        with FileLock(folder / LOCK, blocking=False):
            yield
    except Timeout:
        raise KeeperError(
            "training_under_way",
            f"Another training is under way in {folder}.",
            "Wait until it ends, or name another folder with --out-dir.",
        ) from None


def _check_examined(plan: TrainingPlan) -> None:
    """
    Raises:
        KeeperError: ``examination_empty``: what is held out cannot tell whether the new model is worse.
    """
    for kind in plan.not_held_out:
        raise KeeperError(
            "examination_empty",
            f"No {kind} unit is held out, so nothing can tell whether the new model is worse: it will not be adopted "
            "unseen.",
            "Leave out --adopt, or record more units; pictures of one serial number are one unit.",
        )


def _check(wish: TuneWish, mixed: bool) -> None:
    if mixed:
        raise KeeperError(
            "usage",
            "With --recipe the records are the data: leave out NAME, -e, --data, --split, --mode, --families, "
            "--warm-share and --lr.",
        )
    if wish.resume and (wish.given or wish.truth or wish.start_from):
        raise KeeperError(
            "usage",
            "A training is resumed as it was begun: leave out --steps, --batch, --size, --seed, --truth and "
            "--start-from.",
        )


def _job(inspector: Inspector, wish: TuneWish, name: str, folder: Path) -> _Job:
    """The plan of a training that is resumed, or a new one."""
    begun = _begun(wish.recipe, folder) if wish.resume else None
    revision = inspector.recipes.get(wish.recipe, None if begun is None else begun.revision)
    serving_model = inspector.find_model(revision.recipe.model)
    named = begun.start_from if begun else str(wish.start_from or "")
    original = original_of(serving_model, inspector.models())
    start = inspector.find_model(named) if named else original
    goldens = tuple(inspector.recipes.golden_frame(ref) for ref in revision.recipe.goldens)
    past = _past(serving_model, original, start)
    plan = begun or _new_plan(inspector, wish, revision, goldens, start, past, name, folder)
    return _Job(name, folder, plan, revision, goldens, serving_model, start, past)


def _begun(recipe: str, folder: Path) -> TrainingPlan:
    """
    Raises:
        KeeperError: ``nothing_to_resume``.
    """
    begun = read_plan(folder)
    if begun is None or begun.recipe != recipe:
        raise KeeperError(
            "nothing_to_resume",
            f'There is no training of the recipe "{recipe}" to resume in {folder}.',
            "Start it without --resume.",
        )
    return begun


def _folders(own: Path) -> list[str]:
    return [path.name for path in own.iterdir()] if own.is_dir() else []


def _past(*models: Model) -> Past:
    trained: frozenset[str] = frozenset()
    held_out: frozenset[str] = frozenset()
    for model in models:
        report = read_report(model.path.with_name(TRAINING_REPORT), TrainingReport)
        if report is not None:
            trained, held_out = trained | report.past.trained, held_out | report.past.held_out
    return Past(trained, held_out)


def _new_plan(
    inspector: Inspector,
    wish: TuneWish,
    revision: RecipeRevision,
    goldens: tuple[Frame, ...],
    start: Model,
    past: Past,
    name: str,
    folder: Path,
) -> TrainingPlan:
    recipe = revision.recipe
    size = (goldens[0].width, goldens[0].height)
    settings = training_settings(start.manifest.input.width, recipe.view, size, wish.given)
    # What does not fit is told before minutes are spent on reading.
    _config(name, folder, start, settings, wish)
    by_hash = {golden.sha256: golden for golden in goldens}
    asked = HistoryFilter(recipe=recipe.name)
    shared = shared_names(inspector.store.iterate(asked), recipe.name) if wish.truth else frozenset()
    annotations = Annotations(wish.truth, shared)
    labelled = label_all(inspector.store.iterate(asked), recipe.name, by_hash, annotations)
    reader = ExampleReader(inspector.store, inspector.archive, by_hash, recipe.alignment, annotations)
    most = most_pictures(int(settings["cache_size"]))
    begun = Beginning(recipe.name, revision.revision, str(wish.start_from or ""), settings)
    choice = Choice(begun, labelled, reader, goldens, recipe.regions, past, most)
    claim(folder, recipe.name)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    with progress_bar() as bar:
        task = bar.add_task("reading pictures", total=len(labelled.candidates))
        return make_plan(choice, folder, lambda done, _: bar.update(task, completed=done))


def _train(job: _Job, wish: TuneWish) -> TrainResult:
    return train_with_bar(_config(job.name, job.folder, job.start, job.plan.settings, wish))


def _config(
    name: str, folder: Path, start: Model, settings: Mapping[str, int | float], wish: TuneWish
) -> TrainConfig:
    """Stopped before its first checkpoint, a training that is resumed begins anew with its plan."""
    from inspector_app.changenet.config import TrainConfig

    values = {
        "name": name, "data": folder / PAIRS, "out_dir": folder, "start_from": start.path,
        "resume": wish.resume and (folder / CHECKPOINT).is_file(), **settings, **wish.machine,
    }  # fmt: skip
    return TrainConfig.model_validate(values)


def _report(inspector: Inspector, job: _Job, result: TrainResult) -> TrainingReport:
    """Export, examine both models, and leave the new one's folder with its report."""
    from inspector_app.changenet.export import ModelStatement
    from inspector_app.changenet.release import export_onnx

    old = job.start.manifest
    statement = ModelStatement(
        name=job.name,
        description=f'Fine-tuned from {old.name} for the recipe "{job.plan.recipe}".',
        training_data=f"{old.training_data} Then {len(job.plan.trained)} pictures of this station's records.",
        licence=old.licence,
        judgement=old.judgement,
        size=old.input.width,
    )
    folder = job.folder / MODEL
    manifest = export_onnx(result.checkpoint, folder, statement).export.manifest
    engines: list[str] = []
    before = _examined(inspector, job, job.revision.recipe.model, "judging with the old model", engines)
    after = _examined(inspector, job, str(folder), "judging with the new model", engines)
    write_manifest(folder, manifest.model_copy(update={"scores": after.scores()}))
    report = TrainingReport(
        recipe=job.plan.recipe,
        revision=job.plan.revision,
        made=inspector.clock.now(),
        serving=_named(job.serving),
        start=_named(job.start),
        model=NamedModel(name=job.name, sha256=manifest.sha256),
        settings=job.plan.settings,
        steps=result.steps,
        seconds=result.seconds,
        engine=" / ".join(dict.fromkeys(engines)),
        measured_at=MeasureAt.GRID_256.value,
        before=before,
        after=after,
        trained=job.plan.trained,
        held_out=job.plan.held_out,
        left_out=job.plan.left_out,
        trained_before=tuple(sorted(job.past.trained)),
        held_out_before=tuple(sorted(job.past.held_out)),
    )
    write_report(folder / TRAINING_REPORT, report)
    return report


def _examined(inspector: Inspector, job: _Job, model: str, what: str, engines: list[str]) -> Measures:
    with serving(inspector, model, EngineChoice.AUTO) as service, progress_bar() as bar:
        engines.append(service.stamp.engine)
        task = bar.add_task(what, total=len(job.plan.held_out))
        return examine(
            service,
            job.plan,
            job.folder,
            job.revision,
            job.goldens,
            lambda done, _: bar.update(task, completed=done),
        )


def _named(model: Model) -> NamedModel:
    return NamedModel(name=model.manifest.name, sha256=model.manifest.sha256)


def _adopt(inspector: Inspector, wish: TuneWish, name: str, report: TrainingReport) -> None:
    how = f'inspector-app recipe set-model "{wish.recipe}" {name}'
    worse = report.after.worse_than(report.before)
    if not wish.adopt:
        if worse:
            out().print(f"On the held-out units the new model has {worse} than the one in use.", markup=False)
        out().print(
            f"The recipe is as it was. To make the next revision with the new model: {how}", markup=False
        )
        return
    if worse:
        err().print(
            f"Not adopted: on the held-out units it has {worse}. To do it all the same: {how}", markup=False
        )
        raise typer.Exit(Exit.FAILED)
    note = wish.note or f"model {name}, trained on the station's own records"
    saved = inspector.recipes.with_model(wish.recipe, name, wish.author or login_name(), note)
    out().print(f"{saved.recipe.name} is now at revision {saved.revision}", markup=False)
