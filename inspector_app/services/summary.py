"""Totals of a batch: verdicts, pooled pixel measures, false calls and escapes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from inspector_app.core.inspection import InspectionRecord, Truth
from inspector_app.core.metrics import Outcome, PixelCounts, auroc, ratio, wilson
from inspector_app.core.verdict import Verdict


@dataclass(frozen=True)
class Rate:
    """A share with the counts it comes from and its Wilson interval at 95%."""

    count: int
    total: int

    @property
    def value(self) -> float | None:
        """``count / total``."""
        return ratio(self.count, self.total)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's, at 95%."""
        return wilson(self.count, self.total)


@dataclass(frozen=True)
class BatchSummary:
    """What a batch came to.

    Attributes:
        pooled: pixel counts of all annotated images added up.
        mean_iou: of the images that have an IoU; None where no image's annotation marks a change.
        unusable_truths: images whose annotation could not be used.
        engines: how many images each engine computed, in the order in which they came to serve; empty where that
            was not counted.
        image_auroc: of the scores against the truth, where both kinds are present.
    """

    verdicts: dict[Verdict, int] = field(default_factory=dict)
    annotated: int = 0
    pooled: PixelCounts = PixelCounts()
    mean_iou: float | None = None
    false_calls: Rate = Rate(0, 0)
    escapes: Rate = Rate(0, 0)
    image_auroc: float | None = None
    unusable_truths: int = 0
    engines: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Images scored."""
        return sum(self.verdicts.values())

    @property
    def iou(self) -> float | None:
        """Pooled IoU of the change class; None where no image's annotation marks a change."""
        return self.pooled.iou if self.pooled.marked else None


class Tally:
    """Adds up results as they come. Not thread-safe: one thread feeds it."""

    def __init__(self) -> None:
        self._verdicts: Counter[Verdict] = Counter()
        self._outcomes: Counter[Outcome] = Counter()
        self._pooled = PixelCounts()
        self._ious: list[float] = []
        self._scores: list[float] = []
        self._defective: list[bool] = []
        self._annotated = 0
        self._unusable_truths = 0
        self._engines: Counter[str] = Counter()

    def add_record(self, record: InspectionRecord) -> None:
        """Count one image that is recorded; one without a score was computed by no engine."""
        self.add(record.verdict, record.score, record.truth, record.error_code)
        if record.score is not None:
            self._engines[f"{record.engine.engine}, {record.engine.precision}"] += 1

    def add(self, verdict: Verdict, score: float | None, truth: Truth | None, error_code: str = "") -> None:
        """Count one image."""
        self._verdicts[verdict] += 1
        self._unusable_truths += error_code.startswith("truth_")
        if truth is None:
            return
        self._annotated += 1
        self._outcomes[truth.outcome] += 1
        if score is not None:
            self._scores.append(score)
            self._defective.append(truth.defective)
        if truth.counts is not None:
            self._pooled += truth.counts
            if truth.counts.iou is not None:
                self._ious.append(truth.counts.iou)

    def summary(self) -> BatchSummary:
        """The totals so far."""
        count = self._outcomes
        good = count[Outcome.FP] + count[Outcome.TN]
        bad = count[Outcome.FN] + count[Outcome.TP]
        return BatchSummary(
            verdicts=dict(self._verdicts),
            annotated=self._annotated,
            pooled=self._pooled,
            mean_iou=sum(self._ious) / len(self._ious) if self._pooled.marked else None,
            false_calls=Rate(count[Outcome.FP], good),
            escapes=Rate(count[Outcome.FN], bad),
            image_auroc=auroc(self._scores, self._defective),
            unusable_truths=self._unusable_truths,
            engines=dict(self._engines),
        )
