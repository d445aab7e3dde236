"""What ``evaluate`` is to score: the images, the model, the settings, as they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from inspector_app.bootstrap import Inspector
from inspector_app.cli.engines import serving
from inspector_app.cli.options import Basis, LimitOptions, ViewOptions, bare_basis, existing, recipe_basis
from inspector_app.cli.progress import progress_bar
from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import MeasureAt
from inspector_app.engines.registry import EngineChoice
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.evaluate import plan_dataset, plan_labelled
from inspector_app.services.folds import of_fold
from inspector_app.services.inspect import InspectionService
from inspector_app.services.plan import BatchItem

FOLD_LIST = "fold{fold}_val"
OnDone = Callable[[int, int], None]


@dataclass(frozen=True)
class Wish:
    """What was asked for, but for the model and the list.

    Attributes:
        dataset: in TAO's layout; None: ``good`` and ``bad`` are folders of images.
        recipe: decides by its goldens, limits, alignment and regions; "" for a bare golden.
    """

    dataset: Path | None
    good: Path | None
    bad: Path | None
    golden: Path | None
    recipe: str
    limits: LimitOptions
    align: str
    views: ViewOptions
    measure_at: MeasureAt
    engine: EngineChoice
    threads: int
    without: tuple[str, ...]
    pixel_threshold: float | None


@dataclass(frozen=True)
class Scored:
    """One list and the model that scores it; None: the recipe's, or the default."""

    model: str | None
    split: str


def scored_lists(model: str | None, split: str | None, folds: int | None) -> tuple[Scored, ...]:
    """What is to be scored: one list, or with ``folds`` the held-out list of each fold by that fold's model."""
    if folds is None:
        return (Scored(model, split or "val"),)
    held_out = split or FOLD_LIST
    return tuple(Scored(model and of_fold(model, fold), of_fold(held_out, fold)) for fold in range(folds))


def folds_line(scored: Sequence[Scored]) -> str:
    """Whose model scored each pair of a cross-validation, as a sentence."""
    one = len({part.model for part in scored}) == 1
    whose = "one and the same model" if one else "its own fold's model"
    return f"All folds together, each pair scored by {whose}:"


def judged_line(scored: Sequence[Scored], judges: Sequence[str]) -> str:
    """What judged, as a sentence; ``judges`` are the lists' own (``judge_text``)."""
    return f"Judged by {judges[0]}." if len(scored) == 1 else folds_line(scored)


def check_source(wish: Wish) -> None:
    """See that it is clear which images are meant, and against what.

    Raises:
        KeeperError: ``option_invalid`` or ``path_missing``.
    """
    folders = wish.good is not None and wish.bad is not None
    if (wish.dataset is None) == (wish.good is None and wish.bad is None):
        raise KeeperError("option_invalid", "Give a data set, or --good and --bad, one of the two.")
    if wish.dataset is None and not folders:
        raise KeeperError("option_invalid", "Give both --good and --bad.")
    if wish.good is not None and wish.bad is not None and wish.good.resolve() == wish.bad.resolve():
        raise KeeperError("option_invalid", "--good and --bad name the same folder.")
    if folders and (wish.golden is None) == (not wish.recipe):
        raise KeeperError("option_invalid", "Folders of images need --golden or --recipe, one of the two.")
    if wish.dataset is not None and wish.golden is not None:
        raise KeeperError("option_invalid", "A data set names its goldens itself; leave --golden out.")
    if wish.golden is not None:
        existing(wish.golden, "golden")


@contextmanager
def opened_job(
    inspector: Inspector, wish: Wish, model: str | None, split: str
) -> Iterator[tuple[InspectionService, BatchJob, OnDone]]:
    """The service, the images of one list, and a progress bar that lasts as long as the block.

    Raises:
        KeeperError: the images, the recipe or the model is not there.
    """
    basis = _basis(inspector, wish, model)
    root, items = _items(wish, split)
    job = BatchJob(split, root, items, basis.settings, basis.goldens, grid=basis.grid)
    with serving(inspector, basis.model, wish.engine, wish.threads) as service, progress_bar() as bar:
        task = bar.add_task(f"evaluating {split}", total=len(items))
        yield service, job, lambda done, _: bar.update(task, completed=done)


def _basis(inspector: Inspector, wish: Wish, model: str | None) -> Basis:
    if wish.recipe:
        found = recipe_basis(inspector, wish.recipe, wish.measure_at)
        return replace(found, model=model or found.model)
    name = model or inspector.settings.default_model
    manifest = inspector.find_model(name).manifest
    return bare_basis(manifest, name, wish.limits, wish.align, wish.measure_at, wish.views)


def _items(wish: Wish, split: str) -> tuple[Path, tuple[BatchItem, ...]]:
    if wish.dataset is None:
        assert wish.good is not None
        assert wish.bad is not None
        return wish.good, plan_labelled(wish.good, wish.bad, wish.golden)
    items = plan_dataset(wish.dataset, split)
    if wish.recipe:
        items = tuple(replace(item, golden=None) for item in items)
    return wish.dataset / "A", items
