"""Which layers are drawn over the pair, from what is shown and how it is to be shown."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QTransform

from inspector_app.core.change_map import Registration
from inspector_app.core.geometry import Region
from inspector_app.ui.inspect.overlay import (
    DefectsLayer,
    LinesLayer,
    MaskMode,
    Overlay,
    PictureLayer,
    RegionsLayer,
)
from inspector_app.ui.inspect.region_editor import EditedRegions, RegionEditor
from inspector_app.ui.inspect.view_bar import ViewPrefs
from inspector_app.ui.theme import Theme
from inspector_app.ui.widgets.canvas import Layer
from inspector_app.ui.work import Judged


def pair_layers(
    judged: Judged | None, regions: tuple[Region, ...], chosen: int | None, prefs: ViewPrefs, theme: Theme
) -> list[Layer]:
    """Over the test image."""
    layers: list[Layer] = []
    registration = judged.result.registration if judged else None
    if regions and prefs.regions:
        layers.append(
            RegionsLayer(
                regions, theme.inspect_region, theme.ignore_region, None, golden_to_test(registration)
            )
        )
    if judged is None or prefs.hidden or prefs.blink:
        return layers
    if judged.overlay is not None:
        layers += mask_layers(judged.overlay, prefs, theme)
    layers.append(DefectsLayer(judged.result.defects, chosen, theme.mask))
    return layers


def golden_layers(
    regions: tuple[Region, ...],
    chosen: int | None,
    editor: RegionEditor | None,
    prefs: ViewPrefs,
    theme: Theme,
) -> list[Layer]:
    """Over the golden: the regions, and while they are drawn their handles."""
    layers: list[Layer] = []
    if editor is not None:
        layers.append(EditedRegions(editor, theme))
    elif regions and prefs.regions:
        layers.append(RegionsLayer(regions, theme.inspect_region, theme.ignore_region, chosen))
    return layers


def mask_layers(overlay: Overlay, prefs: ViewPrefs, theme: Theme) -> list[Layer]:
    """The mask in its mode, and the truth as a dashed border."""
    layers: list[Layer] = []
    if prefs.mode is MaskMode.FILL:
        layers.append(PictureLayer(overlay.fill, prefs.opacity))
    elif prefs.mode is MaskMode.HEAT:
        layers.append(PictureLayer(overlay.heat, prefs.opacity))
    else:
        layers.append(LinesLayer(overlay.outline, theme.mask, max(0.15, prefs.opacity)))
    if prefs.truth and overlay.truth:
        layers.append(LinesLayer(overlay.truth, theme.truth, 1.0, dashed=True))
    return layers


def golden_to_test(registration: Registration | None) -> QTransform | None:
    """From golden to test in corner coordinates (whole numbers are pixels' corners); None for the same frame."""
    if registration is None:
        return None
    matrix = np.vstack([registration.transform.matrix, [0.0, 0.0, 1.0]])
    to_centre = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]], dtype=np.float64)
    back = np.linalg.inv(to_centre) @ np.linalg.inv(matrix) @ to_centre
    return QTransform(
        *(float(v) for v in (back[0, 0], back[1, 0], back[0, 1], back[1, 1], back[0, 2], back[1, 2]))
    )
