"""What a training of a recipe came to: measures before and after on held-out units; kept with the model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from inspector_app.core.verdict import Verdict
from inspector_app.services.evaluate import card_measures
from inspector_app.services.summary import BatchSummary
from inspector_app.services.training_examples import MaskSource
from inspector_app.services.training_plan import Omission, Picture, TrainingPlan
from inspector_app.services.training_set import Past


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measures(_Part):
    """One model on the held-out pictures. Pixels are pooled over the good ones and those with a mask."""

    good: int
    false_calls: int
    false_call_interval: tuple[float, float] | None
    defective: int
    escapes: int
    escape_interval: tuple[float, float] | None
    errors: int
    image_auroc: float | None
    tp_px: int
    fp_px: int
    fn_px: int
    tn_px: int
    precision: float | None
    recall: float | None
    iou: float | None
    f1: float | None
    accuracy: float | None

    @staticmethod
    def of(summary: BatchSummary) -> Measures:
        """From an evaluation's totals."""
        pixels, card = summary.pooled, dict(card_measures(summary))
        return Measures(
            good=summary.false_calls.total,
            false_calls=summary.false_calls.count,
            false_call_interval=summary.false_calls.interval,
            defective=summary.escapes.total,
            escapes=summary.escapes.count,
            escape_interval=summary.escapes.interval,
            errors=summary.verdicts.get(Verdict.ERROR, 0),
            image_auroc=summary.image_auroc,
            tp_px=pixels.tp,
            fp_px=pixels.fp,
            fn_px=pixels.fn,
            tn_px=pixels.tn,
            precision=card["precision"],
            recall=card["recall"],
            iou=card["IoU"],
            f1=card["F1"],
            accuracy=card["accuracy"],
        )

    def scores(self) -> dict[str, float]:
        """As a manifest keeps them, by the names that ``export-model`` gives its own."""
        values: dict[str, float | None] = {
            name: getattr(self, name)
            for name in ("precision", "recall", "iou", "f1", "accuracy", "image_auroc", "false_calls")
        }
        counts = {"pairs": self.good + self.defective, "defective_pairs": self.defective}
        pixels = {"tp_px": self.tp_px, "fp_px": self.fp_px, "fn_px": self.fn_px, "tn_px": self.tn_px}
        known = {**values, "escapes": self.escapes, **counts, **pixels}
        return {f"val_{name}": round(float(v), 6) for name, v in known.items() if v is not None}

    def worse_than(self, other: Measures) -> str:
        """In what it is worse: pictures it cannot judge, then escapes, false calls, pooled IoU. "" when it is not."""
        if self.errors > other.errors:
            return "more pictures that could not be judged"
        if self.escapes != other.escapes:
            return "more escapes" if self.escapes > other.escapes else ""
        if self.false_calls != other.false_calls:
            return "more false calls" if self.false_calls > other.false_calls else ""
        return "a lower IoU" if (self.iou or 0.0) < (other.iou or 0.0) else ""


class NamedModel(_Part):
    """A model as it was."""

    name: str
    sha256: str


class TrainingReport(_Part):
    """All that decided, and what came of it.

    Attributes:
        serving: the recipe's model, measured as ``before``.
        start: the model that was trained further.
        model: what came of it, measured as ``after``.
        seconds: of the last stretch of training, since it was begun or resumed.
        engine: what computed both measures.
        trained_before, held_out_before: hashes of pictures of earlier trainings of ``start``.
    """

    schema_version: Literal[1] = 1
    recipe: str
    revision: int
    made: datetime
    serving: NamedModel
    start: NamedModel
    model: NamedModel
    settings: dict[str, int | float]
    steps: int
    seconds: float
    engine: str
    measured_at: str
    before: Measures
    after: Measures
    trained: tuple[Picture, ...]
    held_out: tuple[Picture, ...]
    left_out: tuple[Omission, ...]
    trained_before: tuple[str, ...] = ()
    held_out_before: tuple[str, ...] = ()

    @property
    def past(self) -> Past:
        """For the next training."""
        return Past(
            frozenset((*self.trained_before, *(one.sha256 for one in self.trained))),
            frozenset((*self.held_out_before, *(one.sha256 for one in self.held_out))),
        )


def used_words(plan: TrainingPlan) -> tuple[str, ...]:
    """What was used, in sentences for people."""
    lines = [_used("Trained on", plan.trained), _used("Held out", plan.held_out)]
    if any(one.kind == "bad" and not one.mask for one in plan.held_out):
        lines.append("Defects without a mask count as images only: in escapes and AUROC, not in IoU.")
    for kind in plan.not_held_out:
        lines.append(f"No {kind} unit is held out: before and after cannot be compared on one.")
    if not any(one.kind == "bad" for one in plan.trained):
        lines.append("No defect with a mask could be trained on: the defects it was shown are all synthetic.")
    return tuple(lines)


def _used(what: str, pictures: Sequence[Picture]) -> str:
    bad = [one.mask for one in pictures if one.kind == "bad"]
    counts = [(bad.count(source), source.value or "none") for source in MaskSource]
    masks = ", ".join(f"{count} {source}" for count, source in counts if count)
    told = f" (masks: {masks})" if masks else ""
    return f"{what}: {len(pictures) - len(bad)} good, {len(bad)} defective pictures{told}."
