"""Copper layers of circuit boards, and what etching does wrong to them.

A layer is uint8 HxW, 255 where copper is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.synthesis.canvas import Image, Shape, box, disc, joined, polygon, polyline
from inspector_app.synthesis.surface_defects import blob

CopperDefect = Callable[[np.random.Generator, Image, float], Image]


@dataclass(frozen=True)
class Layout:
    """An etched layer: copper before drilling, drilled holes, solder pads, and the trace width in pixels."""

    copper: Image
    holes: Image
    pads: Image
    width: float


def draw_layout(rng: np.random.Generator, shape: Shape, width: float) -> Layout:
    """A random layer with traces about ``width`` pixels wide: bundles, pads, rows, rings, planes and vias."""
    layer, holes, pads = (np.zeros(shape, np.uint8) for _ in range(3))
    if rng.random() < 0.35:
        _plane(rng, layer, width)
    for _ in range(int(rng.integers(1, 6))):
        _bundle(rng, layer, width)
    for _ in range(int(rng.integers(1, 4))):
        _pad_row(rng, pads, holes, width)
    for _ in range(int(rng.integers(0, 14))):
        _single_pad(rng, layer, pads, holes, width)
    return Layout(joined(layer, pads), holes, pads, width)


def _somewhere(rng: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
    return np.array((rng.uniform(0, shape[1]), rng.uniform(0, shape[0])))


def _bundle(rng: np.random.Generator, layer: Image, width: float) -> None:
    """Parallel traces with 45-degree bends, as a bus runs, with or without pads at their ends."""
    shape = (layer.shape[0], layer.shape[1])
    count, pitch = int(rng.integers(1, 9)), width * rng.uniform(1.9, 3.2)
    heading = int(rng.integers(8))
    path = [_somewhere(rng, shape)]
    for _ in range(int(rng.integers(2, 6))):
        turn = np.deg2rad(45 * heading)
        path.append(path[-1] + np.array((np.cos(turn), np.sin(turn))) * rng.uniform(4, 22) * width)
        heading += int(rng.choice((-1, 1)))
    points = np.array(path)
    along = np.diff(points, axis=0)
    normals = np.stack((-along[:, 1], along[:, 0]), 1) / (np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-9)
    corner = np.concatenate((normals[:1], (normals[:-1] + normals[1:]) / 2, normals[-1:]))
    corner /= (corner**2).sum(1, keepdims=True)
    stroke = width * rng.uniform(0.7, 1.2)
    ends = rng.random() < 0.6
    for track in range(count):
        line = points + corner * (track - (count - 1) / 2) * pitch
        polyline(layer, line, stroke, 255)
        if ends:
            disc(layer, line[0], width * 0.95, 255)
            disc(layer, line[-1], width * 0.95, 255)


def _pad_row(rng: np.random.Generator, pads: Image, holes: Image, width: float) -> None:
    """One or two rows of equal pads, as under a chip or connector; round ones are drilled."""
    count, pitch = int(rng.integers(3, 12)), width * rng.uniform(2.6, 4.5)
    start, upright = _somewhere(rng, (pads.shape[0], pads.shape[1])), rng.random() < 0.5
    drilled, size = rng.random() < 0.5, width * rng.uniform(0.8, 1.2)
    gap = width * rng.uniform(5, 16)
    for row in range(int(rng.integers(1, 3))):
        for i in range(count):
            step = np.array((row * gap, i * pitch) if upright else (i * pitch, row * gap))
            place = start + step
            if drilled:
                disc(pads, place, size, 255)
                disc(holes, place, size * 0.45, 255)
            else:
                long = (width * 2.6, size * 1.5) if upright else (size * 1.5, width * 2.6)
                box(pads, place, long[0], long[1], 255)


def _single_pad(rng: np.random.Generator, layer: Image, pads: Image, holes: Image, width: float) -> None:
    place = _somewhere(rng, (layer.shape[0], layer.shape[1]))
    kind, radius = int(rng.integers(5)), width * rng.uniform(1.0, 2.6)
    if kind == 0:
        disc(layer, place, radius * 2, 255, width)
    elif kind == 1:
        box(pads, place, radius * 2, radius * rng.uniform(1, 3), 255)
    else:
        disc(pads, place, radius, 255)
        if kind > 2:
            disc(holes, place, radius * rng.uniform(0.35, 0.6), 255)


def _plane(rng: np.random.Generator, layer: Image, width: float) -> None:
    """A copper plane over part of the board, with an odd outline and clearances."""
    shape = (layer.shape[0], layer.shape[1])
    middle, reach = _somewhere(rng, shape), np.array((shape[1], shape[0])) * rng.uniform(0.2, 0.5, 2)
    box(layer, middle, reach[0] * 2, reach[1] * 2, 255, width * rng.uniform(0, 4))
    for _ in range(int(rng.integers(0, 6))):
        spot = middle + rng.uniform(-1, 1, 2) * reach
        disc(layer, spot, width * rng.uniform(1.2, 4), 0)


def _edge_spot(
    rng: np.random.Generator, layer: Image, level: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A point of the copper's outline well inside the picture, and the direction out of the copper there."""
    margin = max(12, layer.shape[0] // 9)
    inner = layer[margin:-margin, margin:-margin]
    rows, columns = np.nonzero(cv2.morphologyEx(inner, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > level)
    if len(rows) == 0:
        return np.array(((layer.shape[1] - 1) / 2, (layer.shape[0] - 1) / 2)), np.array((1.0, 0.0))
    chosen = int(rng.integers(len(rows)))
    x, y = int(columns[chosen]) + margin, int(rows[chosen]) + margin
    near = layer[y - 4 : y + 5, x - 4 : x + 5].astype(np.float64)
    steps = np.arange(-4.0, 5.0)
    outward = -np.array(((near * steps[None, :]).sum(), (near * steps[:, None]).sum()))
    return np.array((float(x), float(y))), outward / (np.hypot(*outward) + 1e-9)


def _inside_spot(rng: np.random.Generator, layer: Image, copper: bool, depth: float) -> NDArray[np.float64]:
    """A point at least ``depth`` pixels inside the copper, or outside it."""
    margin = max(12, layer.shape[0] // 9)
    window = layer[margin:-margin, margin:-margin]
    chosen = (window > 127 if copper else window < 128).astype(np.uint8)
    deep = cv2.distanceTransform(chosen, cv2.DIST_L2, 3)
    rows, columns = np.nonzero(deep >= depth)
    if len(rows) == 0:
        rows, columns = np.nonzero(deep >= min(depth, float(deep.max())))
    spot = int(rng.integers(len(rows)))
    return np.array((float(columns[spot] + margin), float(rows[spot] + margin)))


def opened(rng: np.random.Generator, layer: Image, width: float) -> Image:
    """A trace is cut through by a ragged gap."""
    out = layer.copy()
    spot, outward = _edge_spot(rng, layer, 100)
    along = np.array((-outward[1], outward[0]))
    gap = width * rng.uniform(0.25, 0.9)
    rough = rng.normal(0, width * 0.12, (4, 2))
    ends = np.array((spot + outward * width * 0.4, spot - outward * width * rng.uniform(1.4, 2.2)))
    polygon(
        out,
        np.array((ends[0] + along * gap, ends[0] - along * gap, ends[1] - along * gap, ends[1] + along * gap))
        + rough,
        0,
    )
    return out


def shorted(rng: np.random.Generator, layer: Image, width: float) -> Image:
    """A bridge runs from one piece of copper across the gap to the next."""
    out = layer.copy()
    spot, outward = _edge_spot(rng, layer, 100)
    reach = width * rng.uniform(1.5, 3.5)
    steps = np.linspace(-0.3, 1.0, 5)[:, None]
    path = spot + outward * steps * reach + rng.normal(0, width * 0.15, (5, 2))
    polyline(out, path, width * rng.uniform(0.3, 0.9), 255)
    return out


def mousebite(rng: np.random.Generator, layer: Image, width: float) -> Image:
    """A rounded piece is eaten out of an edge."""
    out = layer.copy()
    spot, outward = _edge_spot(rng, layer, 100)
    radius = width * rng.uniform(0.35, 0.8)
    polygon(out, blob(rng, radius, 0.2, 10) + spot - outward * radius * 0.3, 0)
    return out


def spur(rng: np.random.Generator, layer: Image, width: float) -> Image:
    """A bump or spike of copper stands out of an edge."""
    out = layer.copy()
    spot, outward = _edge_spot(rng, layer, 100)
    reach, base = width * rng.uniform(0.5, 1.4), width * rng.uniform(0.2, 0.6)
    along = np.array((-outward[1], outward[0]))
    tip = spot + outward * reach + along * rng.normal(0, base)
    polygon(
        out,
        np.array(
            (
                spot + along * base - outward,
                spot - along * base - outward,
                tip - along * base * 0.4,
                tip + along * base * 0.4,
            )
        )
        + rng.normal(0, 0.5, (4, 2)),
        255,
    )
    return out


def island(rng: np.random.Generator, layer: Image, width: float) -> Image:
    """Spurious copper lies where none should be."""
    out = layer.copy()
    radius = width * rng.uniform(0.3, 1.1)
    polygon(out, blob(rng, radius, 0.25, 10) + _inside_spot(rng, layer, False, radius), 255)
    return out


def pinhole(rng: np.random.Generator, layer: Image, width: float) -> Image:
    """A small hole in the copper."""
    out = layer.copy()
    radius = max(1.6, width * rng.uniform(0.2, 0.6))
    polygon(out, blob(rng, radius, 0.2, 10) + _inside_spot(rng, layer, True, radius), 0)
    return out


COPPER_DEFECTS: Mapping[str, CopperDefect] = MappingProxyType(
    {
        "open": opened,
        "short": shorted,
        "mousebite": mousebite,
        "spur": spur,
        "spurious_copper": island,
        "pinhole": pinhole,
    }
)
"""By name; each takes the layer before drilling and the trace width, and gives a changed copy."""
