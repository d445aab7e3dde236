"""Measure a model on annotated pairs: the model card's five measures, by the line that serves inspection."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inspector_app.core.calibration import (
    LevelCounts,
    Reliability,
    add_up,
    image_reliability,
    pixel_reliability,
)
from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import InspectionResult, Truth
from inspector_app.core.metrics import Outcome, outcome, rejects
from inspector_app.core.verdict import Verdict
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.inspect import InspectionService
from inspector_app.services.judge import measure_levels
from inspector_app.services.loading import RequestLoader
from inspector_app.services.plan import GOOD, BatchItem, plan_folder
from inspector_app.services.summary import BatchSummary, Tally
from inspector_app.sources.folder import IMAGE_SUFFIXES
from inspector_app.vision.pair_list import read_list

BAD = "bad"


@dataclass(frozen=True, eq=False)
class Observation:
    """What one image of an evaluation came to; its pixels only as counts.

    Attributes:
        kind: see ``kind_of``.
        score: None for an ERROR.
        truth: None when the image is not annotated.
        levels: its pixels by level and truth, on the measuring grid.
    """

    name: str
    kind: str
    verdict: Verdict
    score: float | None
    truth: Truth | None
    levels: LevelCounts | None
    error_code: str = ""
    error_text: str = ""


@dataclass(frozen=True)
class Mistake:
    """An image that was judged wrongly: a false call, or (``escape``) a defect that passed."""

    name: str
    escape: bool
    score: float | None


@dataclass(frozen=True)
class EvaluationReport:
    """Totals of all pairs and of each kind (by the names of the files).

    Attributes:
        without: the totals of all kinds but those named by ``left_out``; None when none is.
        pixels, images: what the probabilities say against what is true.
        unmarked: defective images whose pixels nobody has annotated: they count as images only.
        mistakes: false calls and escapes, in their order.
        errors: what could not be inspected; it counts as rejected.
    """

    total: BatchSummary
    by_kind: dict[str, BatchSummary]
    pixels: Reliability
    images: Reliability
    left_out: tuple[str, ...] = ()
    without: BatchSummary | None = None
    unmarked: int = 0
    mistakes: tuple[Mistake, ...] = ()
    errors: tuple[Observation, ...] = ()


def plan_dataset(folder: Path, split: str) -> tuple[BatchItem, ...]:
    """The pairs of one split of a data set in TAO's layout (``A``, ``B``, ``label``, ``list/<split>.txt``).

    Raises:
        KeeperError: see ``read_list``.
    """
    return tuple(
        BatchItem(folder / "A" / name, name, folder / "B" / name, _label(folder / "label", name))
        for name in read_list(folder, split)
    )


def plan_labelled(good: Path, bad: Path, golden: Path | None) -> tuple[BatchItem, ...]:
    """Known good and known bad images, subfolders too, named ``good/...`` and ``bad/...``.

    Args:
        good, bad: folders of images.
        golden: for all of them; None: a recipe's goldens serve.

    Raises:
        KeeperError: see ``plan_folder``.
    """
    items = []
    for label, folder in ((GOOD, good), (BAD, bad)):
        for item in plan_folder(folder, golden, recursive=True):
            items.append(replace(item, name=f"{label}/{item.name}", known_good=label == GOOD))
    return tuple(items)


def _label(folder: Path, name: str) -> Path:
    stem = name.rsplit(".", 1)[0]
    candidates = [folder / name, *(folder / f"{stem}{suffix}" for suffix in sorted(IMAGE_SUFFIXES))]
    return next((path for path in candidates if path.is_file()), candidates[0])


def observe(
    service: InspectionService,
    job: BatchJob,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Observation, ...]:
    """Score all of ``job`` without recording it; every image counts, the last batch too."""
    loader = RequestLoader(job, None)
    seen = []
    for number, item in enumerate(job.items, start=1):
        seen.append(observation(item.name, service.evaluate(loader.request(item))))
        on_done(number, len(job.items))
    return tuple(seen)


def observation(name: str, result: InspectionResult) -> Observation:
    """What is kept of one result. A unit in ``bad/`` is defective, whether its pixels are annotated or not."""
    code, text = (result.error.code, result.error.message) if result.error else ("", "")
    truth = result.truth
    if truth is None and name.startswith(f"{BAD}/"):
        truth = Truth(True, outcome(rejects(result.verdict), True))
    return Observation(
        name, kind_of(name), result.verdict, result.score, truth, measure_levels(result), code, text
    )


def report(
    observations: Sequence[Observation],
    left_out: Sequence[str] = (),
    pixel_threshold: float | None = None,
) -> EvaluationReport:
    """Totals of ``observations``.

    Args:
        observations: from ``observe``; of several models too, for the counts are added up.
        left_out: kinds to be left out of ``without``, whether they occur or not (see ``check_kinds``).
        pixel_threshold: from which probability a pixel is counted as change; None: from the threshold that
            decided, 0.5: the class with the higher output, as model cards count.
    """
    counted = [_recounted(one, pixel_threshold) for one in observations]
    kinds = {kind: [one for one in counted if one.kind == kind] for kind in sorted({o.kind for o in counted})}
    scored = [o for o in counted if o.score is not None and o.truth is not None]
    return EvaluationReport(
        total=_summary(counted),
        by_kind={kind: _summary(members) for kind, members in kinds.items()},
        pixels=pixel_reliability(add_up(o.levels for o in counted if o.levels is not None)),
        images=image_reliability(
            [o.score for o in scored if o.score is not None],
            [o.truth.defective for o in scored if o.truth is not None],
        ),
        left_out=tuple(left_out),
        without=_summary([o for o in counted if o.kind not in left_out]) if left_out else None,
        unmarked=sum(o.truth.defective and o.levels is None for o in scored if o.truth is not None),
        mistakes=tuple(_mistakes(counted)),
        errors=tuple(one for one in counted if one.verdict is Verdict.ERROR),
    )


def _mistakes(observations: Iterable[Observation]) -> Iterator[Mistake]:
    for one in observations:
        if one.truth is not None and one.truth.outcome in (Outcome.FP, Outcome.FN):
            yield Mistake(one.name, one.truth.outcome is Outcome.FN, one.score)


def check_kinds(observations: Iterable[Observation], left_out: Sequence[str]) -> None:
    """See that what is to be left out is there.

    Raises:
        KeeperError: ``kind_unknown``.
    """
    kinds = sorted({one.kind for one in observations})
    unknown = [kind for kind in left_out if kind not in kinds]
    if unknown:
        raise KeeperError(
            "kind_unknown",
            f"No image is of the kind {', '.join(unknown)}.",
            f"The kinds are {', '.join(kinds)}.",
        )


def _recounted(one: Observation, pixel_threshold: float | None) -> Observation:
    if pixel_threshold is None or one.truth is None or one.levels is None:
        return one
    return replace(one, truth=replace(one.truth, counts=one.levels.at(pixel_threshold)))


def _summary(observations: Iterable[Observation]) -> BatchSummary:
    tally = Tally()
    for one in observations:
        tally.add(one.verdict, one.score, one.truth, one.error_code)
    return tally.summary()


def kind_of(name: str) -> str:
    """The kind in a file's name: its folder, else what stands before the trailing number."""
    if "/" in name:
        return name.rsplit("/", 1)[0]
    return re.sub(r"[_-]?\d+$", "", name.rsplit(".", 1)[0]) or "all"


def card_measures(summary: BatchSummary) -> Sequence[tuple[str, float | None]]:
    """The model card's five, of the change class, pooled over all pixels; where no change is marked in any image those
    that compare with it are None."""
    pooled = summary.pooled
    return (
        ("precision", pooled.precision if pooled.marked else None),
        ("recall", pooled.recall),
        ("IoU", summary.iou),
        ("F1", pooled.dice if pooled.marked else None),
        ("accuracy", pooled.accuracy),
    )
