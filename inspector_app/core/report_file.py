"""Files that say what was done and decided: written whole, read with care."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write
from inspector_app.core.problems import problem_lines

Report = TypeVar("Report", bound=BaseModel)

LARGEST_REPORT = 64 << 20
"""Bytes: a training names every picture that it saw."""
_TOLD = 5


def write_report(path: Path, report: BaseModel) -> None:
    """Write ``report`` to ``path`` as JSON, whole or not at all.

    Raises:
        KeeperError: when the file cannot be written.
    """
    atomic_write(path, (report.model_dump_json(indent=2) + "\n").encode())


def read_report(path: Path, kind: type[Report], hint: str = "") -> Report | None:
    """The report at ``path``, None when there is none; ``hint`` is for whoever meets a damaged one.

    Raises:
        KeeperError: ``report_invalid``.
    """
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > LARGEST_REPORT:
            raise KeeperError("report_invalid", f"{path} is larger than 64 MB.", hint)
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        problems = "; ".join(problem_lines(error, kind)[:_TOLD])
        raise KeeperError("report_invalid", f"{path} is wrong: {problems}.", hint) from error
    except OSError as error:
        raise KeeperError("report_invalid", f"{path} cannot be read: {error}.", hint) from error
