"""Pictures of results on disk: masks as they were measured, and overlays to look at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write
from inspector_app.core.frame import Frame
from inspector_app.core.inspection import InspectionResult, MeasureAt
from inspector_app.services.judge import measured_mask
from inspector_app.vision.overlays import draw_overlay


class ResultSaver:
    """Writes each result's mask and overlay under a folder, by the image's own name.

    An image that could not be inspected has neither.
    """

    def __init__(self, masks_dir: Path | None = None, overlays_dir: Path | None = None) -> None:
        self._masks_dir = masks_dir
        self._overlays_dir = overlays_dir

    def save(self, result: InspectionResult) -> None:
        """Write what is wanted.

        Raises:
            KeeperError: when the folder cannot be written.
        """
        if result.change_map is None:
            return
        settings = result.request.settings
        if self._masks_dir is not None:
            mask = measured_mask(result.change_map, settings)
            write_png(self._masks_dir / picture_name(result.request.image.name), mask.astype(np.uint8) * 255)
        if self._overlays_dir is not None and isinstance(result.request.test, Frame):
            native = settings.__class__(
                limits=settings.limits, regions=settings.regions, measure_at=MeasureAt.NATIVE
            )
            picture = draw_overlay(result.request.test.pixels, measured_mask(result.change_map, native))
            path = self._overlays_dir / picture_name(result.request.image.name)
            write_png(path, picture[:, :, ::-1])


def picture_name(name: str) -> str:
    """The PNG's relative name: the image's own, with ``.png`` added unless it has it already."""
    return name if name.lower().endswith(".png") else f"{name}.png"


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Encode (grey or BGR) and write atomically, making folders as needed.

    Raises:
        KeeperError: ``disk_full`` or ``not_writable``.
    """
    ok, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not ok:
        raise KeeperError("not_writable", f"{path.name} could not be encoded as PNG.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KeeperError("not_writable", f"The folder {path.parent} cannot be made: {error}.") from error
    atomic_write(path, encoded.tobytes())
