"""Report files: round trip, absence, and every way of being damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from inspector_app.core import report_file
from inspector_app.core.errors import KeeperError
from inspector_app.core.report_file import read_report, write_report


class Numbers(BaseModel):
    """A report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    counts: tuple[int, ...] = ()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    assert read_report(path, Numbers) is None
    write_report(path, Numbers(base="net", counts=(1, 2)))
    assert read_report(path, Numbers) == Numbers(base="net", counts=(1, 2))
    assert [each.name for each in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize("content", ["", "{", '{"base": 3}', '{"base": "net", "other": 1}'])
def test_a_broken_one_is_a_sentence_with_the_hint(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(content)
    with pytest.raises(KeeperError) as caught:
        read_report(path, Numbers, "Measure again.")
    assert caught.value.code == "report_invalid"
    assert caught.value.hint == "Measure again."
    assert str(path) in caught.value.message


def test_a_huge_one_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"base": "net"}')
    monkeypatch.setattr(report_file, "LARGEST_REPORT", 10)
    with pytest.raises(KeeperError, match="larger than"):
        read_report(path, Numbers)
