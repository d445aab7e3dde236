"""What cameras and videos share: a quiet way to open OpenCV's capture, and frames out of its pictures."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.frame import Frame

Target = int | str
"""A camera's index, or a path or address."""
Picture = NDArray[np.uint8]
"""``H x W x 3`` uint8 BGR, or ``H x W`` grey, as OpenCV captures it."""

_TIMEOUT_MS = 5000


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used."""

    def read(self) -> tuple[bool, Picture | None]:
        """The next picture (``H x W x 3`` BGR), or False."""

    def get(self, prop: int) -> float:
        """A property."""

    def release(self) -> None:
        """Let go of the device or file."""


class CaptureOpener(Protocol):
    """Opens a capture; None when there is nothing to open."""

    def __call__(self, target: Target) -> Capture | None: ...


def open_capture(target: Target) -> Capture | None:
    """Open a camera, a stream or a video with OpenCV; None when it cannot be opened.

    Network addresses give up after five seconds without an answer, when opening and when reading.
    """
    # Both are read by the library itself; without them it writes its own view of a missing camera to stderr.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if isinstance(target, int):
        capture = cv2.VideoCapture(target)
    elif "://" in target:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
        capture = cv2.VideoCapture(target, cv2.CAP_FFMPEG, limits)
    else:
        capture = cv2.VideoCapture(target)
    if capture.isOpened():
        return capture  # type: ignore[return-value]  # the stub types its pictures more loosely
    capture.release()
    return None


def live_frame(bgr: Picture, name: str, captured_at: datetime) -> Frame:
    """A captured frame, with the sha256 of its raw RGB pixels.

    Args:
        bgr: the picture.
        name: what to call it.
        captured_at: when (UTC, aware).
    """
    code = cv2.COLOR_GRAY2RGB if bgr.ndim == 2 else cv2.COLOR_BGR2RGB
    pixels = np.ascontiguousarray(cv2.cvtColor(bgr, code), dtype=np.uint8)
    return Frame(pixels, name, hashlib.sha256(pixels.data).hexdigest(), captured_at=captured_at)
