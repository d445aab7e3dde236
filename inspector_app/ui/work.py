"""What the window asks of worker threads: frozen in, frozen out, no widget and no live state."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inspector_app.core.change_map import ChangeMap, Mask
from inspector_app.core.defects import Defect
from inspector_app.core.errors import InspectorError
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import (
    ImageRef,
    InspectionRecord,
    InspectionRequest,
    InspectionResult,
    MeasureAt,
    Settings,
)
from inspector_app.core.protocols import ImageArchive
from inspector_app.services.golden_entries import golden_of_frame
from inspector_app.services.goldens import GoldenChoice
from inspector_app.services.inspect import UNWATCHED, InspectionService, Watch
from inspector_app.services.judge import judge, measured_mask
from inspector_app.services.truths import truth_ref
from inspector_app.ui.images import Picture, picture_of
from inspector_app.ui.inspect.overlay import Overlay, build_overlay
from inspector_app.vision.annotations import TruthFinder, load_truth
from inspector_app.vision.decode import decode_frame, read_bytes, read_frame
from inspector_app.vision.maps import native_levels


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame with the picture that it is drawn from."""

    frame: Frame
    picture: Picture

    @staticmethod
    def of(frame: Frame) -> Shown:
        """Make the picture; for a worker."""
        return Shown(frame, picture_of(frame.pixels))


@dataclass(frozen=True, eq=False)
class TruthImage:
    """An annotation: its mask in the test image's frame, and how a record names where it came from."""

    mask: Mask
    ref: ImageRef | None


@dataclass(frozen=True, eq=False)
class OpenedTest:
    """A test image with the annotation that lies beside it, if one does; or why that cannot be used."""

    shown: Shown
    truth: TruthImage | None
    truth_error: InspectorError | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """A result with its overlay; nothing says that it was recorded."""

    result: InspectionResult
    overlay: Overlay | None


@dataclass(frozen=True, eq=False)
class Inspected:
    """A recorded inspection, ready to be shown."""

    record: InspectionRecord
    judged: Judged
    shown: Shown
    golden: Shown


def open_golden(archive: ImageArchive, path: Path) -> Shown:
    """Read a golden and keep its bytes, so that its records can be shown when the file is gone."""
    data = read_bytes(path)
    archive.put_bytes(data)
    return Shown.of(decode_frame(data, path.name, path))


def frame_as_golden(archive: ImageArchive, frame: Frame) -> Shown:
    """A frame on screen becomes a golden: its file, or a lossless copy where there is none or it has changed."""
    if frame.path is not None and frame.path.is_file():
        data = read_bytes(frame.path)
        if hashlib.sha256(data).hexdigest() == frame.sha256:
            archive.put_bytes(data)
            return Shown.of(decode_frame(data, frame.path.name, frame.path))
    data = base64.b64decode(golden_of_frame(frame).data or "")
    archive.put_bytes(data)
    return Shown.of(decode_frame(data, frame.name))


def open_test(path: Path) -> OpenedTest:
    """Read a test image and look for its annotation in the layout that it lies in."""
    shown = Shown.of(read_frame(path))
    folder = truth_folder_for(path)
    if folder is None:
        return OpenedTest(shown, None)
    size = (shown.frame.width, shown.frame.height)
    annotation = TruthFinder(folder, path.parent.parent).find(path, size)
    if annotation.mask is None:
        return OpenedTest(shown, None, annotation.error)
    return OpenedTest(shown, TruthImage(annotation.mask, truth_ref(annotation.source)))


def truth_folder_for(path: Path) -> Path | None:
    """``X/ground_truth`` for an image ``X/test/<kind>/name``, when it exists."""
    folder = path.parent.parent.parent / "ground_truth"
    return folder if path.parent.parent.name == "test" and folder.is_dir() else None


def open_truth(path: Path, test: Frame) -> TruthImage:
    """Read an annotation for a test image."""
    return TruthImage(load_truth(path, (test.width, test.height), test.name), truth_ref(str(path)))


def inspect_and_record(
    service: InspectionService,
    request: InspectionRequest,
    shown: Shown,
    goldens: tuple[Shown, ...],
    colour: str,
    watch: Watch = UNWATCHED,
) -> Inspected:
    """The whole line against the best-matching of ``goldens``; the record is committed when this returns.

    Raises:
        InferenceStopped: ``watch`` ended it; nothing is recorded then.
    """
    choice = GoldenChoice([golden.frame for golden in goldens])
    best = choice.best(shown.frame, request.settings.goldens_used)
    request = replace(request, golden=best[0], golden_ref=ImageRef.of(best[0]), others=best[1:])
    result = service.evaluate(request, watch)
    record = service.record([result])[0]
    golden = next(one for one in goldens if one.frame is result.request.golden)
    return Inspected(record, Judged(result, overlay_of(result, colour)), shown, golden)


def judge_again(recorded: Judged, settings: Settings, colour: str) -> Judged:
    """The same map under other settings; nothing is inferred and nothing recorded."""
    result = recorded.result
    assert result.change_map is not None
    request = replace(result.request, settings=settings)
    judged = judge(request, result.change_map, result.engine, result.timing)
    return Judged(judged, overlay_of(judged, colour, recorded.overlay))


def overlay_of(result: InspectionResult, colour: str, like: Overlay | None = None) -> Overlay | None:
    """What the result looks like over its test image; None without a map."""
    if result.change_map is None:
        return None
    truth = result.request.truth
    return map_overlay(result.change_map, result.request.settings, result.defects, truth, colour, like)


def map_overlay(
    change_map: ChangeMap,
    settings: Settings,
    defects: tuple[Defect, ...],
    truth: Mask | None,
    colour: str,
    like: Overlay | None = None,
) -> Overlay:
    """The overlay of a map: what counts as a defect is strong, what is too small to count is faint."""
    mask = measured_mask(change_map, replace(settings, measure_at=MeasureAt.NATIVE))
    counted = np.zeros_like(mask)
    for defect in defects:
        box = defect.box
        counted[box.y : box.y + box.h, box.x : box.x + box.w] = True
    return build_overlay(native_levels(change_map), mask & counted, mask & ~counted, truth, colour, like)
