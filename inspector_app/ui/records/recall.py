"""Bring a record back to the screen: its images, its stored map, its defects. For a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inspector_app.bootstrap import Inspector
from inspector_app.core.defects import Defect
from inspector_app.core.errors import InspectorError, OperatorError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import ImageRef, InspectionRecord
from inspector_app.ui.inspect.overlay import Overlay
from inspector_app.ui.work import Shown, map_overlay, truth_beside
from inspector_app.vision.decode import decode_frame, read_frame


@dataclass(frozen=True, eq=False)
class Recalled:
    """A record with all of it that could still be found; ``notes`` say what could not."""

    record: InspectionRecord
    golden: Shown | None
    test: Shown | None
    overlay: Overlay | None
    defects: tuple[Defect, ...]
    notes: tuple[str, ...] = ()


def recall(inspector: Inspector, record: InspectionRecord, colour: str) -> Recalled:
    """Never raises a known fault: what is missing is told in the notes."""
    notes: list[str] = []
    test = _shown(lambda: _test_frame(inspector, record), notes)
    golden = _shown(lambda: _golden_frame(inspector, record.golden), notes)
    if test is not None and record.archive_key is None and test.frame.sha256 != record.image.sha256:
        notes.append("The test image's file has changed since it was inspected.")
    change_map = inspector.store.get_map(record.id)
    defects = tuple(one.defect for one in inspector.store.defects(record.id))
    overlay = None
    if change_map is not None:
        truth = truth_beside(Path(record.image.path), change_map.frame_size) if record.image.path else None
        overlay = map_overlay(change_map, record.settings, defects, truth, colour)
    return Recalled(record, golden, test, overlay, defects, tuple(notes))


def _shown(load: Callable[[], Frame], notes: list[str]) -> Shown | None:
    try:
        return Shown.of(load())
    except InspectorError as error:
        notes.append(error.message)
        return None


def _test_frame(inspector: Inspector, record: InspectionRecord) -> Frame:
    if record.archive_key is not None:
        return inspector.archive.get(record.archive_key)
    return read_image(record.image)


def _golden_frame(inspector: Inspector, golden: ImageRef) -> Frame:
    if golden.path and Path(golden.path).is_file():
        frame = read_frame(Path(golden.path), golden.name)
        if frame.sha256 == golden.sha256:
            return frame
    return decode_frame(inspector.archive.get_bytes(golden.sha256), golden.name)


def read_image(image: ImageRef) -> Frame:
    """The file that a record names.

    Raises:
        OperatorError: there is none, or it cannot be read.
    """
    if not image.path:
        raise OperatorError("image_not_kept", f"The picture of {image.name} was not kept.")
    return read_frame(Path(image.path), image.name)
