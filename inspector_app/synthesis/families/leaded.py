"""A three-leaded part on a perforated or striped board, seen from above."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.synthesis.canvas import (
    Colour,
    Field,
    Image,
    Shape,
    blank,
    blend,
    box,
    box_points,
    disc,
    jitter,
    polygon,
    polyline,
    shaded,
    turned,
    without,
)
from inspector_app.synthesis.perforated_board import PerforatedBoard, draw_board
from inspector_app.synthesis.scene import Part, Scene, Sprite
from inspector_app.synthesis.surface_defects import blob
from inspector_app.synthesis.textures import bevelled, smooth, streaks, white

Path = NDArray[np.float64]


@dataclass(frozen=True)
class Assembly:
    """One unit: the board's picture, the body (sprite, place, turn), the leads as lines from body to hole."""

    board: Image
    body: Sprite
    place: NDArray[np.float64]
    turn: float
    leads: tuple[Path, ...]
    lead_width: float
    metal: Colour
    tarnish: tuple[float, ...] = ()
    """How much darker each lead is at its hole than at the body, 0..1."""
    blank_body: bool = False


def leaded_part(rng: np.random.Generator, shape: Shape) -> Scene:
    """A small black (at times coloured) package whose three leads are bent into the holes of the board."""
    pitch = min(shape) * float(rng.uniform(0.12, 0.21))
    origin = np.array((rng.uniform(0, pitch), rng.uniform(0, pitch)))
    board = draw_board(rng, shape, pitch, origin)
    column = origin[0] + pitch * np.floor((shape[1] / 2 - origin[0]) / pitch + 0.5)
    row = origin[1] + pitch * np.floor((shape[0] * rng.uniform(0.7, 0.85) - origin[1]) / pitch + 0.5)
    wide, high = pitch * rng.uniform(1.4, 2.0), pitch * rng.uniform(1.3, 2.1)
    foot = np.array((column, row))
    place = foot - (0, pitch * rng.uniform(1.1, 1.8) + high / 2)
    count = 3 if rng.random() < 0.8 else 2
    unit = Assembly(
        board.piece(rng, np.zeros(2)),
        _body(rng, wide, high),
        place,
        0.0,
        (),
        pitch * rng.uniform(0.14, 0.24),
        jitter(rng, (168, 166, 162), 22),
        tarnish=(float(rng.uniform(0.0, 0.85)) if rng.random() < 0.6 else 0.0,) * count,
    )
    unit = replace(unit, leads=_leads(rng, place, (wide, high), foot, pitch, count, 0.02))
    geometry = (wide, high, pitch)

    def drawn(assembly: Assembly) -> Scene:
        return _drawn(assembly, shape)

    return replace(
        _with_defects(drawn, unit, geometry),
        vary=partial(_another, drawn, unit, geometry, foot, count, board),
    )


def _with_defects(
    drawn: Callable[[Assembly], Scene], unit: Assembly, geometry: tuple[float, float, float]
) -> Scene:
    changes = {
        "bent_lead": _bent,
        "cut_lead": _cut,
        "damaged_case": _damaged,
        "misplaced": _misplaced,
        "missing": _missing,
    }
    special = {name: partial(_changed, drawn, change, unit, geometry) for name, change in changes.items()}
    return replace(drawn(unit), special=special)


def _changed(
    drawn: Callable[[Assembly], Scene],
    change: Callable[[np.random.Generator, Assembly, tuple[float, float, float]], Assembly],
    unit: Assembly,
    geometry: tuple[float, float, float],
    rng: np.random.Generator,
) -> Scene:
    return drawn(change(rng, unit, geometry))


def _another(
    drawn: Callable[[Assembly], Scene],
    unit: Assembly,
    geometry: tuple[float, float, float],
    foot: NDArray[np.float64],
    count: int,
    board: PerforatedBoard,
    rng: np.random.Generator,
) -> Scene:
    """Another good unit on another piece of the board: body and leads sit and bend a little differently."""
    wide, high, pitch = geometry
    shift = rng.normal(0, pitch * float(rng.choice((0.06, 0.2))), 2)
    place = unit.place + shift
    leads = _leads(rng, place, (wide, high), foot, pitch, count, 0.05)
    slipped = rng.normal(0, pitch * 0.06, 2) if rng.random() < 0.4 else np.zeros(2)
    spread = float(rng.choice((0.1, 0.3)))
    tarnish = tuple(float(np.clip(t + rng.normal(0, spread), 0.0, 0.9)) for t in unit.tarnish)
    varied = replace(
        unit,
        board=board.piece(rng, slipped),
        place=place,
        turn=float(rng.normal(0, 1.2)),
        leads=leads,
        metal=jitter(rng, unit.metal, 14),
        tarnish=tarnish,
    )
    return _with_defects(drawn, varied, geometry)


def _body(rng: np.random.Generator, wide: float, high: float) -> Sprite:
    """The package: a half cylinder with a glossy streak and a faint round mark."""
    shape = (int(high) + 4, int(wide) + 4)
    middle = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    tone = jitter(rng, (30, 28, 28), 14) if rng.random() < 0.8 else jitter(rng, (110, 70, 40), 40)
    rgb, alpha = blank(shape, tone), np.zeros(shape, np.uint8)
    box(alpha, middle, wide, high, 255, wide * rng.uniform(0, 0.08))
    across = np.linspace(-1, 1, shape[1], dtype=np.float32)
    gloss = np.exp(-(((across - rng.uniform(-0.5, 0.5)) / rng.uniform(0.1, 0.5)) ** 2)) * rng.uniform(5, 40)
    rgb = shaded(rgb, np.broadcast_to((gloss - 12 * across**4).astype(np.float32), shape))
    if rng.random() < 0.7:
        disc(
            rgb,
            (middle[0], middle[1] + high * rng.uniform(-0.1, 0.15)),
            wide * rng.uniform(0.1, 0.2),
            tuple(min(255, v + 14) for v in tone),
            1,
        )
    rgb = shaded(rgb, bevelled(alpha, 1.5) * np.float32(30) + streaks(rng, shape, 20, True) * np.float32(2))
    return Sprite(rgb, alpha)


def _leads(
    rng: np.random.Generator,
    place: NDArray[np.float64],
    size: tuple[float, float],
    foot: NDArray[np.float64],
    pitch: float,
    count: int,
    spread: float,
) -> tuple[Path, ...]:
    """Lines from the lower edge of the body, out sideways, and down into neighbouring holes."""
    lines = []
    for i in range(count):
        offset = i - (count - 1) / 2
        start = place + np.array((offset * size[0] * 0.32, size[1] / 2 - 2))
        end = foot + np.array((offset * pitch, 0.0))
        drop = end[1] - start[1]
        knee = rng.normal(0, spread * pitch, (2, 2))
        lines.append(
            np.array(
                (
                    start,
                    (start[0], start[1] + drop * 0.22),
                    (end[0] + knee[0, 0], start[1] + drop * 0.58 + knee[0, 1]),
                    end + knee[1] * 0.4,
                )
            )
        )
    return tuple(lines)


def _drawn(unit: Assembly, shape: Shape) -> Scene:
    image = unit.board.copy()
    cover = np.zeros(shape, np.uint8)
    for line in unit.leads:
        if len(line) > 1:
            polyline(cover, line, unit.lead_width, 255)
    soft = cv2.GaussianBlur(cover, (0, 0), max(1.0, unit.lead_width * 0.4)).astype(np.float32)
    shadow = np.roll(soft, (int(unit.lead_width * 0.35), int(unit.lead_width * 0.2)), (0, 1))
    blend(image, (10, 8, 8), shadow * np.float32(0.5 / 255))
    metal = shaded(blank(shape, unit.metal), bevelled(cover, unit.lead_width * 0.25) * np.float32(75))
    metal = (metal * _tarnished(unit, shape)[..., None]).astype(np.uint8)
    blend(image, metal, cover.astype(np.float32) / np.float32(255))
    zone = np.ones(shape, np.bool_)
    if unit.blank_body:
        return Scene(image, zone, grain=_grain(shape, cover), loose=True)
    body = Part(unit.body, (float(unit.place[0]), float(unit.place[1])), unit.turn, name="body")
    return Scene(image, zone, (body,), grain=_grain(shape, cover), loose=True)


def _tarnished(unit: Assembly, shape: Shape) -> Field:
    """What is left of the metal's light: all at the body, least at the holes, by the nearest leads' tarnish."""
    lines = [
        (line, tarnish) for line, tarnish in zip(unit.leads, unit.tarnish, strict=False) if len(line) > 1
    ]
    if not lines:
        return np.ones(shape, np.float32)
    top = min(float(line[:, 1].min()) for line, _ in lines)
    foot = max(top + 1.0, *(float(line[:, 1].max()) for line, _ in lines))
    depth = np.clip((np.arange(shape[0], dtype=np.float32) - top) / (foot - top), 0.0, 1.0)
    feet, tarnish = zip(*sorted((float(line[-1, 0]), tarnish) for line, tarnish in lines), strict=True)
    across = np.interp(np.arange(shape[1]), feet, tarnish)
    return np.asarray(1.0 - np.outer(depth**1.5, across), np.float32)


def _grain(shape: Shape, cover: Image) -> Callable[[np.random.Generator], Field]:
    """Glints that fall differently on every lead, over fine noise everywhere."""
    lit = cv2.GaussianBlur(cover, (0, 0), 0.8).astype(np.float32) / np.float32(255)

    def field(rng: np.random.Generator) -> Field:
        glints = smooth(rng, shape, float(rng.uniform(4, 14))) * np.float32(rng.uniform(20, 55))
        return np.asarray(glints * lit + white(rng, shape) * np.float32(2), np.float32)

    return field


def _bent(rng: np.random.Generator, unit: Assembly, geometry: tuple[float, float, float]) -> Assembly:
    leads = list(unit.leads)
    chosen = int(rng.integers(len(leads)))
    line = leads[chosen].copy()
    if rng.random() < 0.3:
        # It missed its hole and lies past it on the board.
        foot = turned(line[-1:] - line[-2], float(rng.normal(0, 12)))[0]
        line[-1] = line[-2] + foot * (1 + geometry[2] * rng.uniform(0.25, 0.7) / np.hypot(*foot))
    else:
        angle = float(rng.choice((-1, 1)) * rng.uniform(18, 70))
        bend = int(rng.integers(1, 3))
        line[bend:] = turned(line[bend:], angle, line[bend - 1] if bend == 1 else line[bend])
    leads[chosen] = line
    return replace(unit, leads=tuple(leads))


def _cut(rng: np.random.Generator, unit: Assembly, geometry: tuple[float, float, float]) -> Assembly:
    leads = list(unit.leads)
    for chosen in rng.permutation(len(leads))[: int(rng.choice((1, 1, 1, 2)))]:
        line = leads[chosen]
        kept = int(rng.integers(1, 4))
        stub = line[kept - 1] + (line[kept] - line[kept - 1]) * rng.uniform(0.1, 0.75)
        leads[chosen] = np.concatenate((line[:kept], stub[None]))
    return replace(unit, leads=tuple(leads))


def _damaged(rng: np.random.Generator, unit: Assembly, geometry: tuple[float, float, float]) -> Assembly:
    """The case is chipped: rough inside, a corner gone, or a crater."""
    high, wide = unit.body.alpha.shape
    gone = np.zeros((high, wide), np.uint8)
    edge = box_points((wide / 2, high / 2), wide, high, wide * 0.2)
    spot = (
        edge[int(rng.integers(len(edge)))]
        if rng.random() < 0.55
        else rng.uniform(0.25, 0.75, 2) * (wide, high)
    )
    polygon(gone, blob(rng, wide * rng.uniform(0.1, 0.4), 0.3, 12) + spot, 255)
    grains = np.exp(smooth(rng, (high, wide), 1.0) * np.float32(rng.uniform(0.3, 0.8)))
    light = np.float32(rng.uniform(0.2, 1.2)) + smooth(rng, (high, wide), wide / 4) * np.float32(0.35)
    rough = np.float32(rng.uniform(12, 60)) + np.clip(light, 0.1, None) * grains * np.float32(
        rng.uniform(12, 40)
    )
    rgb = unit.body.rgb.copy()
    blend(
        rgb,
        np.clip(rough, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2),
        gone.astype(np.float32) / np.float32(255),
    )
    alpha = unit.body.alpha
    if rng.random() < 0.35:
        alpha = without(
            alpha,
            np.asarray(cv2.erode(gone, np.ones((3, 3), np.uint8), iterations=max(1, wide // 25)), np.uint8),
        )
    return replace(unit, body=Sprite(rgb, alpha))


def _misplaced(rng: np.random.Generator, unit: Assembly, geometry: tuple[float, float, float]) -> Assembly:
    """The whole part sits elsewhere, turned or with its leads out of their holes."""
    pitch = geometry[2]
    heading = rng.uniform(0, 2 * np.pi)
    shift = np.array((np.cos(heading), np.sin(heading))) * pitch * rng.uniform(0.7, 2.0)
    angle = float(rng.normal(0, 25)) if rng.random() < 0.6 else 0.0
    leads = tuple(turned(line, angle, unit.place) + shift for line in unit.leads)
    return replace(unit, place=unit.place + shift, turn=unit.turn + angle, leads=leads)


def _missing(rng: np.random.Generator, unit: Assembly, geometry: tuple[float, float, float]) -> Assembly:
    return replace(unit, leads=(), blank_body=True)
