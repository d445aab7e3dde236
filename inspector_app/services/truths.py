"""The annotation that a record was measured against: named when it is recorded, found again when it is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from inspector_app.core.change_map import Mask
from inspector_app.core.errors import OperatorError
from inspector_app.core.inspection import ImageRef, InspectionRecord, printable
from inspector_app.services.batch_job import hash_file
from inspector_app.vision.annotations import GOOD, GOOD_FOLDER, load_truth


def truth_ref(source: str, hash_of: Callable[[Path], str] = hash_file) -> ImageRef | None:
    """How a record names an annotation's source; None where there is none. ``hash_of`` gives a file's sha256."""
    if source in (GOOD, GOOD_FOLDER):
        return ImageRef(GOOD)
    if not source:
        return None
    path = Path(source)
    return ImageRef(path.name, hash_of(path), path=printable(path))


def recorded_truth(record: InspectionRecord, size: tuple[int, int]) -> Mask | None:
    """``H x W`` bool in the test image's frame of ``size`` = ``(width, height)``; None: it was not annotated.

    Raises:
        OperatorError: the annotation is gone, cannot be read, or is not the one that was measured against.
    """
    ref = record.truth_ref
    if ref is None:
        return None
    if not ref.path:
        return np.zeros((size[1], size[0]), dtype=np.bool_)
    path = Path(ref.path)
    if not ref.sha256 or hash_file(path) != ref.sha256:
        raise OperatorError(
            "truth_changed",
            f"The annotation {ref.name} is gone or has changed since it was recorded, so it is not drawn.",
        )
    return load_truth(path, size, record.image.name)
