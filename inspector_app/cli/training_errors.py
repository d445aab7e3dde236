"""Known faults of data sets and trainings as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel, ValidationError

from inspector_app.core.errors import KeeperError
from inspector_app.core.problems import problem_lines


@contextmanager
def training_errors() -> Iterator[None]:
    """Known faults of data sets and trainings as sentences.

    Raises:
        KeeperError: in their place.
    """
    try:
        yield
    except ImportError as error:
        raise KeeperError(
            "training_missing",
            f"Training needs packages that are not installed ({error.name or error}).",
            "Run: pip install 'inspector-app[train]'",
        ) from error
    except ValidationError as error:
        # Options are never unknown keys, so no model is needed to guess at what was meant.
        problems = "; ".join(problem_lines(error, BaseModel))
        raise KeeperError("option_invalid", f"These options do not fit: {problems}.") from error
    except FileNotFoundError as error:
        told = f"There is no {error.filename}." if error.filename else f"{error}"
        raise KeeperError("path_missing", told) from error
