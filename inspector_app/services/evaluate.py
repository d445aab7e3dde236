"""Measure a model on annotated pairs: the model card's five measures, by the line that serves inspection."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspector_app.core.errors import KeeperError
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.inspect import InspectionService
from inspector_app.services.loading import RequestLoader
from inspector_app.services.plan import BatchItem
from inspector_app.services.summary import BatchSummary, Tally
from inspector_app.sources.folder import IMAGE_SUFFIXES


@dataclass(frozen=True)
class EvaluationReport:
    """Totals of all pairs and of each kind (by the names of the files)."""

    total: BatchSummary
    by_kind: dict[str, BatchSummary]


def plan_dataset(folder: Path, split: str) -> tuple[BatchItem, ...]:
    """The pairs of one split of a data set in TAO's layout (``A``, ``B``, ``label``, ``list/<split>.txt``).

    Raises:
        KeeperError: ``dataset_invalid`` when a part is missing, naming it.
    """
    listing = folder / "list" / f"{split}.txt"
    try:
        names = [line.rstrip("\r") for line in listing.read_text(encoding="utf-8").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise KeeperError("dataset_invalid", f"{listing} cannot be read: {error}.") from error
    names = [name for name in names if name.strip()]
    if not names:
        raise KeeperError("dataset_invalid", f"{listing} names no file.")
    items = []
    for name in names:
        items.append(
            BatchItem(folder / "A" / name, name, folder / "B" / name, _label(folder / "label", name))
        )
    return tuple(items)


def _label(folder: Path, name: str) -> Path:
    stem = name.rsplit(".", 1)[0]
    candidates = [folder / name, *(folder / f"{stem}{suffix}" for suffix in sorted(IMAGE_SUFFIXES))]
    return next((path for path in candidates if path.is_file()), candidates[0])


def evaluate(
    service: InspectionService,
    job: BatchJob,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> EvaluationReport:
    """Score all of ``job`` without recording it; every image counts, the last batch too."""
    loader = RequestLoader(job, None)
    total = Tally()
    kinds: dict[str, Tally] = defaultdict(Tally)
    for number, item in enumerate(job.items, start=1):
        result = service.evaluate(loader.request(item))
        for tally in (total, kinds[kind_of(item.name)]):
            tally.add(result.verdict, result.score, result.truth, result.error.code if result.error else "")
        on_done(number, len(job.items))
    return EvaluationReport(total.summary(), {kind: kinds[kind].summary() for kind in sorted(kinds)})


def kind_of(name: str) -> str:
    """The kind in a file's name: its folder, else what stands before the trailing number."""
    if "/" in name:
        return name.rsplit("/", 1)[0]
    return re.sub(r"[_-]?\d+$", "", name.rsplit(".", 1)[0]) or "all"


def card_measures(summary: BatchSummary) -> Sequence[tuple[str, float | None]]:
    """The model card's five, of the change class, pooled over all pixels."""
    pooled = summary.pooled
    return (
        ("precision", pooled.precision),
        ("recall", pooled.recall),
        ("IoU", pooled.iou),
        ("F1", pooled.dice),
        ("accuracy", pooled.accuracy),
    )
