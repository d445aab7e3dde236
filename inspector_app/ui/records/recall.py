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
from inspector_app.services.pictures import inspected_frame
from inspector_app.services.truths import recorded_truth
from inspector_app.ui.inspect.overlay import Overlay
from inspector_app.ui.work import Shown, map_overlay
from inspector_app.vision.decode import decode_frame, read_frame


@dataclass(frozen=True, eq=False)
class Recalled:
    """A record with all of it that could still be found; ``notes`` say what could not. ``no_golden`` and
    ``no_test`` say why there is no picture."""

    record: InspectionRecord
    golden: Shown | None
    test: Shown | None
    overlay: Overlay | None
    defects: tuple[Defect, ...]
    notes: tuple[str, ...] = ()
    no_golden: str = ""
    no_test: str = ""


def recall(inspector: Inspector, record: InspectionRecord, colour: str) -> Recalled:
    """Never raises a known fault: what is missing is told in the notes."""
    test, no_test = _shown(lambda: inspected_frame(inspector.archive, record))
    golden, no_golden = _shown(lambda: golden_frame(inspector, record.golden))
    notes = [no_test, no_golden]
    defects = tuple(one.defect for one in inspector.store.defects(record.id))
    overlay = None
    # Over another picture, or none, a mask would say nothing true.
    change_map = inspector.store.get_map(record.id) if test is not None else None
    if change_map is not None:
        truth = None
        try:
            truth = recorded_truth(record, change_map.frame_size)
        except InspectorError as error:
            notes.append(error.message)
        overlay = map_overlay(change_map, record.settings, defects, truth, colour)
    told = tuple(note for note in notes if note)
    return Recalled(record, golden, test, overlay, defects, told, no_golden, no_test)


def _shown(load: Callable[[], Frame]) -> tuple[Shown | None, str]:
    try:
        return Shown.of(load()), ""
    except InspectorError as error:
        return None, error.message


def golden_frame(inspector: Inspector, golden: ImageRef) -> Frame:
    """The very golden that was compared with: its file, or else the archive's copy.

    Raises:
        InspectorError: neither has it any more.
    """
    try:
        if golden.path and (frame := read_frame(Path(golden.path), golden.name)).sha256 == golden.sha256:
            return frame
    except OperatorError:
        pass  # Gone or damaged: the archive may have it.
    try:
        return decode_frame(inspector.archive.get_bytes(golden.sha256), golden.name)
    except InspectorError as error:
        raise OperatorError(
            "golden_gone",
            f"The golden {golden.name or 'of this record'} is gone or has changed, and no copy was kept.",
        ) from error
