"""Choice of threshold and least area from labelled images: one algorithm for training and for calibration.

What decides an image is the area of its largest region (or the n-th largest, where some defects still pass) at a
threshold: it is rejected when that reaches the least area. So the areas at a few thresholds say what any limits would do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError

Areas = NDArray[np.int64]
"""``images x thresholds``: area of the region that decides."""
_LEAVE_MARGIN = 0.1
"""How much wider (natural logarithm) a later threshold must separate to be taken."""
_WIDE = math.log(8.0)
"""A margin that is wide enough: areas only grow as the threshold falls, and would draw it down to where the good end."""


class OneSidedPairsError(KeeperError):
    """Images are all good or all defective where both kinds are needed."""


@dataclass(frozen=True)
class Target:
    """What the limits are to reach.

    ``no-escapes``: as few escapes as can be, then as few false calls. ``false-calls``: a share of false calls of at
    most ``most_false_calls``, then as few escapes. ``fewest-errors``: as few of both together.
    """

    kind: str
    most_false_calls: float | None = None

    @staticmethod
    def parse(text: str) -> Target:
        """From ``no-escapes``, ``fewest-errors`` or ``false-calls=0.5%``; the per cent sign is needed.

        Raises:
            KeeperError: ``target_invalid``.
        """
        if text in ("no-escapes", "fewest-errors"):
            return Target(text)
        found = re.fullmatch(r"false-calls=(\d+(?:\.\d+)?)(%?)", text)
        number = float(found[1]) if found else math.inf
        if found and not found[2]:
            raise KeeperError("target_invalid", f'"{text}" has no per cent sign.', _with_sign(number))
        if number >= 100.0:
            raise KeeperError(
                "target_invalid",
                f'"{text}" is no target.',
                "Say no-escapes, false-calls=0.5% or fewest-errors.",
            )
        return Target("false-calls", number / 100.0)

    @property
    def text(self) -> str:
        """As it is parsed."""
        if self.most_false_calls is None:
            return self.kind
        return f"{self.kind}={self.most_false_calls * 100:g}%"

    def cost(self, false_calls: int, escapes: int, good: int) -> tuple[int, ...]:
        """What is to be made least, the more important first."""
        if self.kind == "no-escapes":
            return escapes, false_calls
        if self.most_false_calls is not None:
            allowed = math.floor(self.most_false_calls * good + 1e-9)
            return max(0, false_calls - allowed), escapes, false_calls
        return (false_calls + escapes,)


def _with_sign(number: float) -> str:
    """What may be meant by a number without a per cent sign: per cent, or a share of one."""
    said = f"Say false-calls={number:g}%"
    return f"{said}, or false-calls={number * 100:g}% if a share of 1 is meant." if number < 1 else f"{said}."


NO_ESCAPES, FEWEST_ERRORS = Target("no-escapes"), Target("fewest-errors")


@dataclass(frozen=True)
class Choice:
    """Limits, and what they do to the images that are looked at."""

    threshold: float
    min_area_px: int
    false_calls: int
    escapes: int


def choose_limits(
    areas: Areas,
    defective: Sequence[bool],
    thresholds: Sequence[float],
    target: Target = FEWEST_ERRORS,
    least_area: int = 1,
) -> Choice:
    """The threshold and least area that serve ``target`` best.

    Among equals the widest margin wins (on a log scale of areas, eight times being wide enough), and a later threshold only
    when it is wider by a tenth than an earlier one. The least area lies in the margin's geometric middle, and not below ``least_area``
    unless that would let a defect escape.

    Args:
        areas: ``images x thresholds``.
        defective: of each image.
        thresholds: in the order in which they are preferred.
        target: what to reach.
        least_area: see above.

    Raises:
        OneSidedPairsError: when good or defective images are missing.
    """
    bad = np.asarray(defective, dtype=bool)
    if not bad.any() or bad.all():
        raise OneSidedPairsError(
            "pairs_one_sided", "Both good and defective pairs are needed to choose decision limits."
        )
    chosen: tuple[tuple[int, ...], float, Choice] | None = None
    for place, threshold in enumerate(thresholds):
        cost, margin, choice = _best_cut(areas[:, place], bad, threshold, target, least_area)
        margin = min(margin, _WIDE)
        if chosen is None or (cost, -margin + _LEAVE_MARGIN) < (chosen[0], -chosen[1]):
            chosen = cost, margin, choice
    assert chosen is not None
    return chosen[2]


def _best_cut(
    areas: NDArray[np.int64], bad: NDArray[np.bool_], threshold: float, target: Target, least_area: int
) -> tuple[tuple[int, ...], float, Choice]:
    edges = np.unique(np.concatenate([[0], areas, [areas.max() + 1]]))
    false_calls, escapes = _counts(areas, bad, edges[1:])
    good = int((~bad).sum())
    best = None
    for low, high, calls, missed in zip(edges[:-1], edges[1:], false_calls, escapes, strict=True):
        cost, margin = target.cost(int(calls), int(missed), good), math.log(high / max(1, low))
        if best is None or (cost, -margin) < (best[0], -best[1]):
            middle = max(round(math.sqrt(max(1, low) * high)), int(low) + 1, least_area)
            best = cost, margin, Choice(threshold, min(int(high), middle), int(calls), int(missed))
    assert best is not None
    return best


def _counts(
    areas: NDArray[np.int64], bad: NDArray[np.bool_], cuts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """False calls and escapes at each least area of ``cuts``."""
    good_areas, bad_areas = np.sort(areas[~bad]), np.sort(areas[bad])
    false_calls = len(good_areas) - np.searchsorted(good_areas, cuts, side="left")
    escapes = np.searchsorted(bad_areas, cuts, side="left")
    return false_calls.astype(np.int64), escapes.astype(np.int64)


def curve(areas: Areas, defective: Sequence[bool], thresholds: Sequence[float]) -> tuple[Choice, ...]:
    """What every threshold and every least area at which something changes would do."""
    bad = np.asarray(defective, dtype=bool)
    points = []
    for place, threshold in enumerate(thresholds):
        column = areas[:, place]
        cuts = np.unique(np.concatenate([[1], column[column > 0], column[column > 0] + 1]))
        for cut, calls, missed in zip(cuts, *_counts(column, bad, cuts), strict=True):
            points.append(Choice(threshold, int(cut), int(calls), int(missed)))
    return tuple(points)


def leave_one_out(
    areas: Areas,
    defective: Sequence[bool],
    thresholds: Sequence[float],
    target: Target = FEWEST_ERRORS,
    least_area: int = 1,
) -> tuple[int, int] | None:
    """False calls and escapes when each image is judged by limits chosen from all others.

    None where a kind has one image only, for then it cannot be left out.
    """
    bad = np.asarray(defective, dtype=bool)
    if min(int(bad.sum()), int((~bad).sum())) < 2:
        return None
    false_calls = escapes = 0
    # Most good images are alike here, with no region at any threshold: each sort is left out once.
    rows = np.column_stack([bad.astype(np.int64), areas])
    _, sample, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
    for index, count in zip(sample, counts, strict=True):
        rest = np.arange(len(bad)) != index
        choice = choose_limits(areas[rest], [bool(b) for b in bad[rest]], thresholds, target, least_area)
        rejected = areas[index, list(thresholds).index(choice.threshold)] >= choice.min_area_px
        false_calls += int(count) * bool(rejected and not bad[index])
        escapes += int(count) * bool(bad[index] and not rejected)
    return false_calls, escapes


def choose_review(
    areas: Areas,
    defective: Sequence[bool],
    thresholds: Sequence[float],
    choice: Choice,
    largest: Areas | None = None,
) -> tuple[float, int, int] | None:
    """A review threshold below the chosen one: its value, and the good and bad units that it sends to REVIEW.

    The highest that catches every bad unit which can be caught at all; where none passes as it is, the lowest that
    sends no good unit to REVIEW. None where no threshold below the chosen one does either.

    ``largest`` are the areas of the largest region, where ``areas`` are those of a later one: its probability is the
    score that REVIEW goes by, so a unit whose largest region reaches the limits, and is allowed to, passes.
    """
    largest = areas if largest is None else largest
    bad = np.asarray(defective, dtype=bool)
    place = {threshold: index for index, threshold in enumerate(thresholds)}
    # What is rejected for a later region is rejected for its largest one too.
    passed = largest[:, place[choice.threshold]] < choice.min_area_px
    lower = sorted((t for t in thresholds if t < choice.threshold), reverse=True)
    found = []
    for threshold in lower:
        sent = passed & (largest[:, place[threshold]] >= choice.min_area_px)
        found.append((threshold, int((sent & ~bad).sum()), int((sent & bad).sum())))
    most = max((caught for _, _, caught in found), default=0)
    if most:
        return next(one for one in found if one[2] == most)
    harmless = [one for one in found if one[1] == 0]
    return harmless[-1] if harmless else None


def bound_of_none(trials: int, sureness: float = 0.95) -> float | None:
    """The highest rate that is still believable, one-sided, when it occurred in none of ``trials`` (near 3/n)."""
    return None if trials == 0 else float(1.0 - (1.0 - sureness) ** (1.0 / trials))


def trials_for(rate: float, sureness: float = 0.95) -> int | None:
    """How many trials without an occurrence it takes to say that a rate is below ``rate``; None for rate 0."""
    return None if rate <= 0.0 else math.ceil(math.log(1.0 - sureness) / math.log(1.0 - rate))
