"""Cross-validation: every fold's held-out pairs scored by the model that never saw them, then pooled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from inspector_app.core.errors import KeeperError
from inspector_app.services.evaluate import EvaluationReport, Observation, card_measures, check_kinds, report

PLACE = "{fold}"
"""What stands for a fold's number in the patterns of models and lists."""


@dataclass(frozen=True)
class Spread:
    """A measure over folds; ``std`` is the sample's (n - 1), None for one fold."""

    mean: float
    std: float | None
    low: float
    high: float
    folds: int


@dataclass(frozen=True)
class FoldsReport:
    """A cross-validation.

    Attributes:
        pooled: of all pairs together, each scored by its own fold's model; pixel counts are added up. Its
            AUROC ranks the scores of different models against each other.
        folds: of each fold.
        spread: over the folds, by the measure's name.
    """

    pooled: EvaluationReport
    folds: tuple[EvaluationReport, ...]
    spread: dict[str, Spread]


def of_fold(pattern: str, fold: int) -> str:
    """``pattern`` with the fold's number in the place of ``{fold}``."""
    return pattern.replace(PLACE, str(fold))


def cross_validate(
    folds: int,
    observe_fold: Callable[[int], Sequence[Observation]],
    left_out: Sequence[str] = (),
    pixel_threshold: float | None = None,
) -> FoldsReport:
    """Score every fold and pool.

    Args:
        folds: how many there are.
        observe_fold: scores the held-out pairs of one fold with its model and limits.
        left_out, pixel_threshold: see ``evaluate.report``.

    Raises:
        KeeperError: ``folds_overlap`` when a pair is held out by two folds; ``kind_unknown``.
    """
    observed = [tuple(observe_fold(fold)) for fold in range(folds)]
    every = [one for fold in observed for one in fold]
    check_kinds(every, left_out)
    check_held_out_once(one.name for one in every)
    pooled = report(every, left_out, pixel_threshold)
    reports = tuple(report(fold, left_out, pixel_threshold) for fold in observed)
    return FoldsReport(pooled, reports, _spreads(reports))


def check_held_out_once(names: Iterable[str]) -> None:
    """See that no pair counts twice, held out by two folds or named twice by a list.

    Raises:
        KeeperError: ``folds_overlap``.
    """
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise KeeperError(
            "folds_overlap",
            f"{twice[0]} is scored more than once ({len(twice)} pairs are): two folds hold it out, or a list names "
            "it twice.",
        )


def _spreads(reports: Sequence[EvaluationReport]) -> dict[str, Spread]:
    values: dict[str, list[float | None]] = {}
    for one in reports:
        for name, value in fold_measures(one):
            values.setdefault(name, []).append(value)
    spreads = {name: spread([v for v in found if v is not None]) for name, found in values.items()}
    return {name: found for name, found in spreads.items() if found is not None}


def fold_measures(one: EvaluationReport) -> tuple[tuple[str, float | None], ...]:
    """The measures whose spread is told: the card's five, IoU without the kinds left out, AUROC."""
    rest = one.without or one.total
    named = (("IoU without", rest.iou),) if one.without is not None else ()
    return (*card_measures(one.total), *named, ("image AUROC", one.total.image_auroc))


def spread(values: Sequence[float]) -> Spread | None:
    """Of some numbers; None of none."""
    if not values:
        return None
    std = stdev(values) if len(values) > 1 else None
    return Spread(fmean(values), std, min(values), max(values), len(values))
