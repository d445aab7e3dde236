"""The picture that a record was made from, found again."""

from __future__ import annotations

from pathlib import Path

from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.protocols import ImageArchive
from inspector_app.vision.decode import read_frame


def inspected_frame(archive: ImageArchive, record: InspectionRecord) -> Frame:
    """The very picture that was inspected.

    Raises:
        InspectorError: it was not kept, its file is gone, cannot be read, or holds another picture by now.
    """
    if record.archive_key is not None:
        return archive.get(record.archive_key)
    image = record.image
    if not image.path:
        raise OperatorError("image_not_kept", f"The picture of {image.name} was not kept.")
    frame = read_frame(Path(image.path), image.name)
    if frame.sha256 != image.sha256:
        raise OperatorError(
            "image_changed",
            f"The file of {image.name} has changed since it was inspected; what it holds now is not used.",
        )
    return frame
