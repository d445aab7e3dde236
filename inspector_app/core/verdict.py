"""The decision: PASS, FAIL, REVIEW or ERROR, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inspector_app.core.defects import Findings
from inspector_app.core.recipe import Limits


class Verdict(StrEnum):
    """What the machine decided. ERROR never counts as PASS."""

    PASS = "PASS"
    FAIL = "FAIL"
    REVIEW = "REVIEW"
    ERROR = "ERROR"


class Disposition(StrEnum):
    """What a person decided on a unit; the machine's verdict is kept beside it."""

    CONFIRMED = "defect confirmed"
    FALSE_CALL = "false call"
    ACCEPTED = "accepted with reason"
    REPAIRED = "repaired"


def open_decisions(verdict: Verdict) -> frozenset[Disposition]:
    """What a person can decide on a unit. A PASS stands as it is; of an ERROR nothing was called that could be false."""
    if verdict is Verdict.PASS:
        return frozenset()
    every = frozenset(Disposition)
    return every - {Disposition.FALSE_CALL} if verdict is Verdict.ERROR else every


def final_verdict(verdict: Verdict, disposition: Disposition | None) -> Verdict:
    """The verdict that stands after a person's disposition: confirmed is FAIL, the other three are PASS."""
    if disposition is None:
        return verdict
    return Verdict.FAIL if disposition is Disposition.CONFIRMED else Verdict.PASS


@dataclass(frozen=True)
class Decision:
    """A verdict with its one-line reason."""

    verdict: Verdict
    reason: str


def area_text(area_px: int, um_per_px: float | None) -> str:
    """An area for people: in mm2 where the scale is known, else in pixels."""
    if um_per_px is None:
        return f"{area_px:,} px"
    return f"{area_px * (um_per_px / 1000.0) ** 2:.3g} mm²"


def decide(findings: Findings, limits: Limits, um_per_px: float | None = None) -> Decision:
    """FAIL when more than ``max_defects`` regions reach the limits; else REVIEW when the score lies in
    [``review_threshold``, ``threshold``); else PASS."""
    count = len(findings.defects)
    if count:
        largest = max(defect.area_px for defect in findings.defects)
        what = f"{count} region{'s' if count > 1 else ''}, largest {area_text(largest, um_per_px)}"
        if count > limits.max_defects:
            limit = f", {limits.max_defects} allowed" if limits.max_defects else ""
            return Decision(Verdict.FAIL, f"{what}{limit}, limit {area_text(limits.min_area_px, um_per_px)}")
    if limits.review_threshold is not None and limits.review_threshold <= findings.score < limits.threshold:
        return Decision(
            Verdict.REVIEW,
            f"score {findings.score:.2f}, between {limits.review_threshold:.2f} and {limits.threshold:.2f}",
        )
    if count:
        return Decision(Verdict.PASS, f"{what}, {limits.max_defects} allowed")
    return Decision(Verdict.PASS, "no region reaches the limits")
