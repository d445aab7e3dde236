from __future__ import annotations

import pytest
from pydantic import ValidationError

from inspector_app.core.defects import Defect, Findings
from inspector_app.core.geometry import Box
from inspector_app.core.recipe import Limits
from inspector_app.core.retention import Retention
from inspector_app.core.verdict import Disposition, Verdict, decide, final_verdict, open_decisions


def findings(count: int, score: float = 0.9) -> Findings:
    defects = tuple(
        Defect(Box(x=0, y=0, w=4, h=5), 2.0, 2.0, 20 - i, 5.0, score, score) for i in range(count)
    )
    return Findings(defects, score, 20 * count, 1000)


@pytest.mark.parametrize(
    ("count", "allowed", "wanted"), [(0, 0, "PASS"), (1, 0, "FAIL"), (1, 1, "PASS"), (2, 1, "FAIL")]
)
def test_more_than_the_allowed_defects_fail(count: int, allowed: int, wanted: str) -> None:
    score = 0.9 if count else 0.1
    assert decide(findings(count, score), Limits(max_defects=allowed)).verdict == wanted


@pytest.mark.parametrize(("score", "wanted"), [(0.29, "PASS"), (0.3, "REVIEW"), (0.49, "REVIEW")])
def test_between_the_limits_a_person_decides(score: float, wanted: str) -> None:
    limits = Limits(threshold=0.5, review_threshold=0.3)
    assert decide(findings(0, score), limits).verdict == wanted


def test_the_reason_is_one_line_in_the_units_at_hand() -> None:
    assert decide(findings(2), Limits(min_area_px=8)).reason == "2 regions, largest 20 px, limit 8 px"
    assert decide(findings(1), Limits(min_area_px=10), um_per_px=100.0).reason == (
        "1 region, largest 0.2 mm², limit 0.1 mm²"
    )


def test_the_review_limit_lies_below_the_fail_limit() -> None:
    with pytest.raises(ValidationError, match="review_threshold"):
        Limits(threshold=0.4, review_threshold=0.4)


@pytest.mark.parametrize(
    ("disposition", "wanted"),
    [
        (None, Verdict.REVIEW),
        (Disposition.CONFIRMED, Verdict.FAIL),
        (Disposition.FALSE_CALL, Verdict.PASS),
        (Disposition.ACCEPTED, Verdict.PASS),
        (Disposition.REPAIRED, Verdict.PASS),
    ],
)
def test_a_persons_word_stands(disposition: Disposition | None, wanted: Verdict) -> None:
    assert final_verdict(Verdict.REVIEW, disposition) is wanted


def test_all_that_did_not_pass_is_kept_and_every_nth_pass() -> None:
    rule = Retention(every_nth_pass=3)
    assert all(rule.keeps(verdict, 1) for verdict in (Verdict.FAIL, Verdict.REVIEW, Verdict.ERROR))
    assert [n for n in range(1, 8) if rule.keeps(Verdict.PASS, n)] == [3, 6]
    assert not Retention(every_nth_pass=0).keeps(Verdict.PASS, 1)


def test_what_a_person_can_decide() -> None:
    assert open_decisions(Verdict.PASS) == frozenset()
    assert open_decisions(Verdict.REVIEW) == open_decisions(Verdict.FAIL) == frozenset(Disposition)
    assert Disposition.FALSE_CALL not in open_decisions(Verdict.ERROR)
    assert Disposition.ACCEPTED in open_decisions(Verdict.ERROR)
