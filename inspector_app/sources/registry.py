"""From what a person names to a source. A new kind of source is one line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inspector_app.core.errors import OperatorError
from inspector_app.core.protocols import FrameSource
from inspector_app.sources.camera_source import CameraSource
from inspector_app.sources.folder_source import FolderSource
from inspector_app.sources.video_source import VideoSource

_KINDS: tuple[tuple[Callable[[str], bool], Callable[[str], FrameSource]], ...] = (
    (lambda spec: spec.isascii() and spec.isdecimal(), lambda spec: CameraSource(int(spec))),
    (lambda spec: "://" in spec, CameraSource),
    (lambda spec: Path(spec).is_dir(), lambda spec: FolderSource(Path(spec))),
    (lambda spec: Path(spec).is_file(), lambda spec: VideoSource(Path(spec))),
)
"""A test of the text, and what to make of it; the first that fits."""


def open_source(spec: str) -> FrameSource:
    """The source that a text names: a camera's index ("0"), a stream's address, a folder or a video file.

    It is not connected yet: ``open`` may block and belongs in a worker.

    Raises:
        OperatorError: ``source_missing`` when there is nothing of that name.
    """
    spec = spec.strip()
    for fits, make in _KINDS:
        if spec and fits(spec):
            return make(spec)
    raise OperatorError(
        "source_missing",
        f"There is no camera, stream, video or folder {spec!r}.",
        "Give a camera's number, an address, or the path of a video or a folder.",
    )
