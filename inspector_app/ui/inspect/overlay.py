"""What is drawn over the two pictures: mask, outline, heat map, truth, defect boxes, regions.

Building takes milliseconds to tens of them and happens in a worker; drawing only paints what was built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF, QTransform

from inspector_app.core.change_map import Levels, Mask
from inspector_app.core.defects import Defect
from inspector_app.core.geometry import Region
from inspector_app.ui.images import Picture, mapped_picture
from inspector_app.ui.widgets.canvas import draw_picture


class MaskMode(Enum):
    """How the mask is shown."""

    FILL = "Fill"
    OUTLINE = "Outline"
    HEAT = "Heat map"


@dataclass(frozen=True, eq=False)
class Overlay:
    """Everything that a change map and a truth look like, ready to draw."""

    fill: Picture
    outline: tuple[QLineF, ...]
    heat: Picture
    truth: tuple[QLineF, ...] = ()


HEAT_STOPS = (
    (0, (0, 0, 0, 0)),
    (25, (255, 236, 150, 30)),
    (90, (255, 190, 60, 150)),
    (160, (244, 98, 44, 205)),
    (255, (150, 12, 60, 235)),
)
"""Level to RGBA. The scale is fixed from 0 to 1, so that good parts look good."""


def heat_table() -> NDArray[np.uint8]:
    """``256 x 4`` RGBA of the heat map."""
    at = [stop[0] for stop in HEAT_STOPS]
    channels = [np.interp(np.arange(256), at, [stop[1][c] for stop in HEAT_STOPS]) for c in range(4)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


FAINT = 80
"""Alpha of what reached the threshold but is too small to count."""


def build_overlay(
    levels: Levels,
    counted: Mask,
    small: Mask,
    truth: Mask | None,
    colour: str,
    like: Overlay | None = None,
) -> Overlay:
    """For a worker.

    Args:
        levels: ``H x W`` uint8 at the test image's own size.
        counted: ``H x W`` bool, the defects.
        small: ``H x W`` bool, what reached the threshold but not the least area.
        truth: ``H x W`` bool or None.
        colour: of the fill.
        like: an overlay of the same map and truth under other limits; what does not hang on limits is its.
    """
    tint = QColor(colour)
    table = np.zeros((256, 4), dtype=np.uint8)
    table[1] = (tint.red(), tint.green(), tint.blue(), 255)
    table[2] = (tint.red(), tint.green(), tint.blue(), FAINT)
    classes = counted.astype(np.uint8) + small.astype(np.uint8) * np.uint8(2)
    if like is not None:
        return Overlay(mapped_picture(classes, table), mask_edges(counted), like.heat, like.truth)
    return Overlay(
        fill=mapped_picture(classes, table),
        outline=mask_edges(counted),
        heat=mapped_picture(levels, heat_table()),
        truth=mask_edges(truth) if truth is not None else (),
    )


def mask_edges(mask: Mask) -> tuple[QLineF, ...]:
    """The border between marked and unmarked pixels as straight lines, neighbours in line joined."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return ()
    top, left = int(rows[0]), int(columns[0])
    padded = np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1)
    across = padded[1:, :] != padded[:-1, :]
    along = padded[:, 1:] != padded[:, :-1]
    lines = [QLineF(left + x0 - 1, top + y, left + x1 - 1, top + y) for y, x0, x1 in _runs(across)]
    lines += [QLineF(left + x, top + y0 - 1, left + x, top + y1 - 1) for x, y0, y1 in _runs(along.T)]
    return tuple(lines)


def _runs(edges: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Rows of True as ``(row, start, end)``."""
    steps = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(steps == 1)
    _, ends = np.nonzero(steps == -1)
    return [(int(r), int(a), int(b)) for r, a, b in zip(rows, starts, ends, strict=True)]


@dataclass(frozen=True, eq=False)
class PictureLayer:
    """A translucent picture over the other."""

    picture: Picture
    opacity: float

    def draw(self, painter: QPainter, to_view: QTransform) -> None:
        """Paint it."""
        painter.setOpacity(self.opacity)
        device = painter.device()
        draw_picture(painter, to_view, self.picture, QRectF(0, 0, device.width(), device.height()))


@dataclass(frozen=True, eq=False)
class LinesLayer:
    """A border as lines of constant width, on a dark casing so that it shows on any picture."""

    lines: tuple[QLineF, ...]
    colour: str
    opacity: float = 1.0
    dashed: bool = False
    width: float = 2.0

    def draw(self, painter: QPainter, to_view: QTransform) -> None:
        """Paint them."""
        if not self.lines:
            return
        painter.setTransform(to_view, True)
        painter.setOpacity(self.opacity)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for colour, width in ((QColor(0, 0, 0, 120), self.width + 1.5), (QColor(self.colour), self.width)):
            pen = QPen(colour, width)
            pen.setCosmetic(True)
            if self.dashed and width == self.width:
                pen.setDashPattern([3.0, 2.0])
            painter.setPen(pen)
            painter.drawLines(list(self.lines))


@dataclass(frozen=True, eq=False)
class DefectsLayer:
    """Corner marks around each defect, the chosen one whole and numbered."""

    defects: tuple[Defect, ...]
    chosen: int | None
    colour: str

    def draw(self, painter: QPainter, to_view: QTransform) -> None:
        """Paint them."""
        for index, defect in enumerate(self.defects):
            box = QRectF(defect.box.x, defect.box.y, defect.box.w, defect.box.h)
            seen = to_view.mapRect(box).adjusted(-6, -6, 6, 6)
            if index == self.chosen:
                _marked_box(painter, seen, self.colour, str(index + 1))
            else:
                _corners(painter, seen, self.colour)


def _corners(painter: QPainter, box: QRectF, colour: str) -> None:
    arm = min(10.0, box.width() / 3, box.height() / 3)
    corners = (
        (box.topLeft(), 1, 1),
        (box.topRight(), -1, 1),
        (box.bottomLeft(), 1, -1),
        (box.bottomRight(), -1, -1),
    )
    for pen in (QPen(QColor(0, 0, 0, 130), 3.5), QPen(QColor(colour), 1.8)):
        painter.setPen(pen)
        for point, dx, dy in corners:
            painter.drawLine(point, point + QPointF(dx * arm, 0))
            painter.drawLine(point, point + QPointF(0, dy * arm))


def _marked_box(painter: QPainter, box: QRectF, colour: str, text: str) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(QColor(0, 0, 0, 150), 4.0), QPen(QColor(colour), 2.0)):
        painter.setPen(pen)
        painter.drawRect(box)
    font = QFont(painter.font())
    font.setPixelSize(13)
    font.setBold(True)
    painter.setFont(font)
    tag = QRectF(box.left() - 1, box.top() - 21, 12 + 9 * len(text), 20)
    painter.fillRect(tag, QColor(colour))
    painter.setPen(QColor("#FFFFFF"))
    painter.drawText(tag, int(Qt.AlignmentFlag.AlignCenter), text)


@dataclass(frozen=True, eq=False)
class RegionsLayer:
    """Regions to inspect (solid) and to ignore (dashed and hatched), with their names.

    ``to_picture`` takes golden pixels to those of the picture that is drawn on.
    """

    regions: Sequence[Region]
    inspect_colour: str
    ignore_colour: str
    chosen: int | None = None
    to_picture: QTransform | None = None

    def draw(self, painter: QPainter, to_view: QTransform) -> None:
        """Paint them."""
        whole = self.to_picture * to_view if self.to_picture is not None else to_view
        for index, region in enumerate(self.regions):
            outline = whole.map(QPolygonF([QPointF(x, y) for x, y in region.points]))
            colour = QColor(self.inspect_colour if region.mode == "inspect" else self.ignore_colour)
            hatch = QColor(colour)
            hatch.setAlpha(110)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(0, 0, 0, 110), 4.0))
            painter.drawPolygon(outline)
            pen = QPen(colour, 3.0 if index == self.chosen else 2.0)
            if region.mode == "ignore":
                painter.setBrush(hatch)
                painter.setBrush(Qt.BrushStyle.BDiagPattern)
                pen.setStyle(Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.drawPolygon(outline)
            self._name(painter, outline.boundingRect().topLeft(), region, colour)

    def _name(self, painter: QPainter, at: QPointF, region: Region, colour: QColor) -> None:
        text = region.name or region.mode
        font = QFont(painter.font())
        font.setPixelSize(12)
        font.setBold(True)
        painter.setFont(font)
        width = painter.fontMetrics().horizontalAdvance(text)
        tag = QRectF(at.x(), at.y(), width + 10, 18)
        painter.fillRect(tag, colour)
        painter.setPen(QColor("#10151A"))
        painter.drawText(tag, int(Qt.AlignmentFlag.AlignCenter), text)
