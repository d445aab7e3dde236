"""Pictures of results on disk: masks as they were measured, and overlays to look at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import ChangeMap
from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write, ensure_folder, write_fault
from inspector_app.core.frame import Frame, RgbArray
from inspector_app.core.inspection import InspectionResult, MeasureAt, Settings
from inspector_app.services.batch_job import BatchJob
from inspector_app.services.judge import measured_mask
from inspector_app.sources.folder import IMAGE_SUFFIXES
from inspector_app.vision.overlays import draw_overlay

LONGEST_NAME = 250
"""Bytes of a file's name; most file systems allow 255."""


class ResultSaver:
    """Writes each image's mask and overlay under a folder, by the image's own name.

    An image that could not be inspected has neither.
    """

    def __init__(self, masks_dir: Path | None = None, overlays_dir: Path | None = None) -> None:
        self._masks_dir = masks_dir
        self._overlays_dir = overlays_dir

    @property
    def wanted(self) -> bool:
        """Whether any picture is to be written."""
        return self._masks_dir is not None or self._overlays_dir is not None

    def save(self, result: InspectionResult) -> None:
        """Write what is wanted of a result.

        Raises:
            KeeperError: when the folder cannot be written.
        """
        test = result.request.test
        name, settings = result.request.image.name, result.request.settings
        if result.change_map is not None and isinstance(test, Frame):
            self.write(name, result.change_map, settings, lambda: test.pixels)
            return
        for folder in (self._masks_dir, self._overlays_dir):
            if folder is not None:
                # What an earlier run left there would look like this one's.
                _remove(folder / picture_name(name))

    def write(
        self, name: str, change_map: ChangeMap, settings: Settings, pixels: Callable[[], RgbArray]
    ) -> None:
        """Write what is wanted of the image ``name``; ``pixels`` is asked only for an overlay.

        Raises:
            KeeperError: when the folder cannot be written.
        """
        if self._masks_dir is not None:
            mask = measured_mask(change_map, settings)
            write_png(self._masks_dir / picture_name(name), mask.astype(np.uint8) * 255)
        if self._overlays_dir is not None:
            native = replace(settings, measure_at=MeasureAt.NATIVE)
            picture = draw_overlay(pixels(), measured_mask(change_map, native))
            write_png(self._overlays_dir / picture_name(name), picture[:, :, ::-1])


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise write_fault(error, path) from error


def picture_name(name: str) -> str:
    """The PNG's name below its folder: the image's own, with ``.png`` added unless it has it already.

    A name that would lead out of the folder, or is too long for a file, or is another image's with ``.png`` added, is changed
    and gets a hash, so that no two images share a picture.
    """
    wanted = name if name.lower().endswith(".png") else f"{name}.png"
    parts = [part for part in wanted.split("/") if part not in ("", ".", "..")]
    parts = [part.replace("\\", "_").replace(":", "_") for part in parts]
    safe = "/".join(parts)
    too_long = len(parts[-1].encode(errors="surrogateescape")) > LONGEST_NAME if parts else False
    doubled = wanted == name and Path(Path(name).stem).suffix.lower() in IMAGE_SUFFIXES
    if safe == wanted and not too_long and parts[-1].lower() != ".png" and not doubled:
        return wanted
    mark = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
    stem = (parts[-1][: -len(".png")] if parts else "") or "image"
    return "/".join([*parts[:-1], f"{stem[:60] if too_long else stem}-{mark}.png"])


def check_picture_folders(job: BatchJob, recursive: bool = False) -> None:
    """Before a run: no picture may take the place of an image, a golden, an annotation or another picture.

    Raises:
        KeeperError: ``usage``, naming the folder.
    """
    wanted = [folder.resolve() for folder in (job.masks_dir, job.overlays_dir) if folder is not None]
    if not wanted:
        return
    if len(set(wanted)) < len(wanted):
        raise KeeperError("usage", "Masks and overlays have the same names: give them two folders.")
    inputs = {path.parent for item in job.items for path in (item.path, item.golden, item.truth) if path}
    inputs |= {job.truth_dir} if job.truth_dir else set()
    resolved = {folder.resolve() for folder in inputs}
    for folder in wanted:
        if any(each.is_relative_to(folder) for each in resolved):
            raise KeeperError(
                "usage", f"{folder} holds images, goldens or annotations: write pictures elsewhere."
            )
        if recursive and folder.is_relative_to(job.root.resolve()):
            raise KeeperError(
                "usage", f"{folder} lies in the folder that is scored with its subfolders: write elsewhere."
            )


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Encode (grey or BGR) and write atomically, making folders as needed.

    Raises:
        KeeperError: ``disk_full``, ``folder_not_writable`` or ``file_not_written``.
    """
    ok, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not ok:
        raise KeeperError("file_not_written", f"{path.name} could not be encoded as PNG.")
    ensure_folder(path.parent)
    atomic_write(path, encoded.tobytes())
