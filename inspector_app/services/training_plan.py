"""What a recipe's training learns from and what it is examined on: the plan that lies beside its pictures.

In the training's folder, ``pairs/`` has TAO's layout, every pair in the golden's frame; ``held_out/good`` and
``held_out/bad`` hold the pictures as they were inspected, ``held_out/label`` the masks of those that have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from inspector_app.core.report_file import read_report
from inspector_app.services.plan import GOOD, BatchItem
from inspector_app.services.training_examples import MaskSource
from inspector_app.services.training_labels import LeftOut, Refused

BAD = "bad"
PLAN = "plan.json"
PAIRS = "pairs"
HELD_OUT = "held_out"
NAMES_KEPT = 50
"""Images named for each reason of leaving records out."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Picture(_Part):
    """One record that takes part; ``file`` is its name in the training's folder, ``mask`` where its mask is from."""

    record: int
    image: str
    sha256: str
    kind: Literal["good", "bad"]
    file: str
    mask: MaskSource = MaskSource.NONE


class Omission(_Part):
    """How many records were left out for one reason, and the images of the first of them."""

    reason: str
    count: int
    images: tuple[str, ...]


class TrainingPlan(_Part):
    """What was chosen; ``start_from`` (the recipe's model where it is "") and ``settings`` are those that the
    training was begun with, so that it goes on with them."""

    schema_version: Literal[1] = 1
    recipe: str
    revision: int
    start_from: str = ""
    settings: dict[str, int | float] = Field(default_factory=dict)
    trained: tuple[Picture, ...]
    held_out: tuple[Picture, ...]
    left_out: tuple[Omission, ...] = ()

    @property
    def not_held_out(self) -> tuple[str, ...]:
        """Of ``good`` and ``defective``, those that no unit is held out of: nothing can be examined on them."""
        there = {picture.kind for picture in self.held_out}
        return tuple(word for word, kind in (("good", GOOD), ("defective", BAD)) if kind not in there)


def read_plan(folder: Path) -> TrainingPlan | None:
    """The plan of a training that was begun; None when there is none that is whole.

    Raises:
        KeeperError: ``report_invalid``.
    """
    return read_report(folder / PLAN, TrainingPlan, "Train again without --resume.")


def examination(plan: TrainingPlan, folder: Path) -> tuple[BatchItem, ...]:
    """The held-out pictures, named ``good/...`` and ``bad/...``, to be judged by the recipe's goldens."""
    items = []
    for picture in plan.held_out:
        label = folder / HELD_OUT / "label" / picture.file
        items.append(
            BatchItem(
                path=folder / HELD_OUT / picture.kind / picture.file,
                name=f"{picture.kind}/{picture.file}",
                truth=label if picture.kind == BAD and picture.mask else None,
                known_good=picture.kind == GOOD,
            )
        )
    return tuple(items)


def omissions(refused: Sequence[Refused]) -> tuple[Omission, ...]:
    """By reason, in the order of the reasons."""
    found = []
    for reason in LeftOut:
        names = [one.name for one in refused if one.reason is reason]
        if names:
            found.append(Omission(reason=reason.value, count=len(names), images=tuple(names[:NAMES_KEPT])))
    return tuple(found)
