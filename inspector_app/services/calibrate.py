"""Calibration: limits recommended from labelled images for a stated target, with what the sample can promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import InspectionResult, Settings
from inspector_app.core.limit_choice import (
    Areas,
    Choice,
    Target,
    bound_of_none,
    choose_limits,
    choose_review,
    curve,
    leave_one_out,
    trials_for,
)
from inspector_app.core.recipe import Limits, native_min_area
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.evaluate import EvaluationReport, Observation, observation, report
from inspector_app.services.folds import check_held_out_once
from inspector_app.services.inspect import InspectionService
from inspector_app.services.loading import RequestLoader
from inspector_app.services.summary import Rate
from inspector_app.vision.regions import inspected_levels, region_areas

_STEPS = tuple(step / 20 for step in range(2, 20))
THRESHOLDS = tuple(sorted(_STEPS, key=lambda threshold: (abs(threshold - 0.5), threshold)))
"""0.1 to 0.95, the nearest to one half preferred."""
LEAST_AREA = 8
"""On the network's grid: what is smaller is seldom a defect."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """All labelled images as a calibration needs them.

    Attributes:
        observations: under the limits that the images were scored with.
        areas: ``images x len(THRESHOLDS)`` of those that could be inspected.
        largest: the same of the largest region, by which REVIEW is decided, where some defects still pass; else None.
        defective: of each of those.
        least_area: ``LEAST_AREA`` in pixels of the images.
        failed: images that could not be inspected; no limits change that.
        unlabelled: images without a truth.
    """

    observations: tuple[Observation, ...]
    areas: Areas
    defective: tuple[bool, ...]
    least_area: int
    failed: int
    unlabelled: int
    largest: Areas | None = None


@dataclass(frozen=True)
class Review:
    """A review threshold, and the units that pass without it and that it sends to REVIEW."""

    threshold: float
    good: int
    bad: int


@dataclass(frozen=True)
class Calibration:
    """A recommendation.

    Attributes:
        choice: the recommended limits and what they do to the images that they were chosen from.
        left_out: false calls and escapes when each image is judged by limits chosen without it; None when a kind
            has one image only.
        curve: every threshold, every least area at which something changes.
        scored: the measures under the limits that stand now; its reliability is that of the probabilities.
        good, bad: images of each kind that took part.
    """

    target: Target
    choice: Choice
    review: Review | None
    left_out: tuple[int, int] | None
    curve: tuple[Choice, ...]
    scored: EvaluationReport
    good: int
    bad: int
    failed: int
    unlabelled: int

    def false_calls(self, count: int) -> Rate:
        """Of the good images."""
        return Rate(count, self.good)

    def escapes(self, count: int) -> Rate:
        """Of the bad images."""
        return Rate(count, self.bad)

    def curve_at(self, threshold: float) -> tuple[Choice, ...]:
        """The points of one threshold, by rising least area."""
        return tuple(point for point in self.curve if point.threshold == threshold)

    def limits(self, before: Limits) -> Limits:
        """``before`` with what is recommended in its place. Without a recommendation the review threshold stays,
        unless the new threshold lies below it."""
        review = self.review.threshold if self.review else before.review_threshold
        if review is not None and review >= self.choice.threshold:
            review = None
        changed = {
            "threshold": self.choice.threshold,
            "min_area_px": self.choice.min_area_px,
            "review_threshold": review,
        }
        return Limits.model_validate({**before.model_dump(), **changed})


def collect(
    service: InspectionService,
    job: BatchJob,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> Labelled:
    """Score all of ``job`` and keep what limits depend on; nothing is recorded."""
    loader = RequestLoader(job, None)
    observations, areas, largest, defective = [], [], [], []
    least_area = failed = unlabelled = 0
    spec = service.engine.manifest.input
    rank = job.settings.limits.max_defects + 1
    for number, item in enumerate(job.items, start=1):
        result = service.evaluate(loader.request(item))
        one = observation(item.name, result)
        observations.append(one)
        if one.truth is None:
            unlabelled += 1
        elif result.change_map is None:
            failed += 1
        else:
            areas.append(_areas(result, job.settings, rank))
            if rank > 1:
                largest.append(_areas(result, job.settings, 1))
            defective.append(one.truth.defective)
            size = result.change_map.frame_size
            grid = job.settings.view.grid((spec.width, spec.height), size)
            least_area = max(least_area, native_min_area(LEAST_AREA, grid, size))
        on_done(number, len(job.items))
    return Labelled(
        tuple(observations),
        _table(areas),
        tuple(defective),
        max(1, least_area),
        failed,
        unlabelled,
        _table(largest) if rank > 1 else None,
    )


def _table(rows: Sequence[tuple[int, ...]]) -> Areas:
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(THRESHOLDS))


def pool(parts: Sequence[Labelled]) -> Labelled:
    """Those of the folds of a cross-validation, each scored by its own fold's model, as one.

    Raises:
        KeeperError: ``folds_overlap`` when an image stands in two parts.
    """
    observations = tuple(one for part in parts for one in part.observations)
    check_held_out_once(one.name for one in observations)
    return Labelled(
        observations,
        np.concatenate([part.areas for part in parts]),
        tuple(one for part in parts for one in part.defective),
        max(part.least_area for part in parts),
        sum(part.failed for part in parts),
        sum(part.unlabelled for part in parts),
        np.concatenate([part.areas if part.largest is None else part.largest for part in parts])
        if any(part.largest is not None for part in parts)
        else None,
    )


def _areas(result: InspectionResult, settings: Settings, rank: int) -> tuple[int, ...]:
    assert result.change_map is not None
    return region_areas(inspected_levels(result.change_map, settings.regions), THRESHOLDS, rank)


def calibrate(labelled: Labelled, target: Target, with_review: bool = False) -> Calibration:
    """Recommend limits.

    Raises:
        KeeperError: ``pairs_one_sided`` when good or bad images are missing.
    """
    areas, defective = labelled.areas, labelled.defective
    if not len(areas):
        raise KeeperError("pairs_one_sided", "No labelled image could be inspected.")
    choice = choose_limits(areas, defective, THRESHOLDS, target, labelled.least_area)
    choice = _as_it_does(areas, defective, choice)
    found = choose_review(areas, defective, THRESHOLDS, choice, labelled.largest) if with_review else None
    return Calibration(
        target=target,
        choice=choice,
        review=None if found is None else Review(*found),
        left_out=leave_one_out(areas, defective, THRESHOLDS, target, labelled.least_area),
        curve=curve(areas, defective, THRESHOLDS),
        scored=report(labelled.observations),
        good=len(defective) - sum(defective),
        bad=sum(defective),
        failed=labelled.failed,
        unlabelled=labelled.unlabelled,
    )


def _as_it_does(areas: Areas, defective: Sequence[bool], choice: Choice) -> Choice:
    """With the counts of the limits themselves."""
    rejected = areas[:, THRESHOLDS.index(choice.threshold)] >= choice.min_area_px
    bad = np.asarray(defective, dtype=bool)
    calls, missed = int((rejected & ~bad).sum()), int((bad & ~rejected).sum())
    return Choice(choice.threshold, choice.min_area_px, calls, missed)


def promises(found: Calibration) -> tuple[str, ...]:
    """What the number of images can and cannot promise, in sentences."""
    said = []
    calls, missed = found.choice.false_calls, found.choice.escapes
    for name, count, trials in (("false-call", calls, found.good), ("escape", missed, found.bad)):
        kind = "good" if name == "false-call" else "bad"
        bound = bound_of_none(trials)
        if count == 0 and bound is not None:
            said.append(
                f"0 of {trials} {kind} units: had these limits been set beforehand, the {name} rate would be below "
                f"{bound * 100:.1f} % with 95 % sureness, and no more could be said."
            )
    share = found.target.most_false_calls
    needed = trials_for(share) if share is not None else None
    if share is not None and needed is not None and found.good < needed:
        said.append(
            f"To show a false-call rate below {share * 100:g} % takes {needed} good units without one; "
            f"these are {found.good}."
        )
    said.append("The limits were chosen on these images, so on new ones expect a little worse.")
    return tuple(said)
