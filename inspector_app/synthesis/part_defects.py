"""Defects of whole parts: missing, moved, turned, exchanged, added, broken or of the wrong colour."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from inspector_app.synthesis.canvas import Image, any_colour, pick, polygon, turned, without
from inspector_app.synthesis.scene import Part, Scene, Sprite

PartDefect = Callable[[np.random.Generator, Scene, int], tuple[Scene, tuple[Part, ...]]]
"""Takes a scene and a part's number; gives the changed scene and the parts whose places are in the mask."""


def missing(rng: np.random.Generator, scene: Scene, index: int) -> tuple[Scene, tuple[Part, ...]]:
    """The part is not there."""
    return scene.with_part(index, None), (scene.parts[index],)


def moved(rng: np.random.Generator, scene: Scene, index: int) -> tuple[Scene, tuple[Part, ...]]:
    """The part sits elsewhere, by a fifth of its size or more, often turned as well."""
    part = scene.parts[index]
    reach = float(np.mean(part.sprite.alpha.shape)) * rng.uniform(0.25, 0.9)
    heading = rng.uniform(0, 2 * np.pi)
    place = (part.centre[0] + reach * float(np.cos(heading)), part.centre[1] + reach * float(np.sin(heading)))
    angle = part.angle + (rng.uniform(-30, 30) if rng.random() < 0.5 else 0.0)
    other = replace(part, centre=place, angle=angle)
    return scene.with_part(index, other), (part, other)


def rotated(rng: np.random.Generator, scene: Scene, index: int) -> tuple[Scene, tuple[Part, ...]]:
    """The part is turned in its place."""
    part = scene.parts[index]
    angle = (
        pick(rng, (90.0, 180.0, 270.0)) if rng.random() < 0.4 else rng.choice((-1, 1)) * rng.uniform(12, 60)
    )
    other = replace(part, angle=part.angle + float(angle))
    return scene.with_part(index, other), (part, other)


def swapped(rng: np.random.Generator, scene: Scene, index: int) -> tuple[Scene, tuple[Part, ...]]:
    """Another part of the product sits in its place."""
    part = scene.parts[index]
    other = replace(scene.parts[int(rng.integers(len(scene.parts)))], centre=part.centre)
    return scene.with_part(index, other), (part, other)


def extra(rng: np.random.Generator, scene: Scene, index: int) -> tuple[Scene, tuple[Part, ...]]:
    """A second copy of the part lies somewhere on the product."""
    rows, columns = np.nonzero(scene.zone)
    spot = int(rng.integers(len(rows)))
    other = replace(
        scene.parts[index], centre=(float(columns[spot]), float(rows[spot])), angle=float(rng.uniform(0, 360))
    )
    return replace(scene, parts=(*scene.parts, other)), (other,)


def broken(rng: np.random.Generator, scene: Scene, index: int) -> tuple[Scene, tuple[Part, ...]]:
    """A jagged piece of the part is gone; what lies below, or its rough inside, shows."""
    part = scene.parts[index]
    gone = _bite(rng, part.sprite.alpha)
    if rng.random() < 0.5:
        sprite = replace(part.sprite, alpha=without(part.sprite.alpha, gone))
    else:
        inside = rng.normal(rng.uniform(20, 200), 25, (*gone.shape, 1)).clip(0, 255)
        share = (gone.astype(np.float32) / 255)[..., None]
        sprite = replace(part.sprite, rgb=(part.sprite.rgb * (1 - share) + inside * share).astype(np.uint8))
    return scene.with_part(index, replace(part, sprite=sprite)), ()


def recoloured(rng: np.random.Generator, scene: Scene, index: int) -> tuple[Scene, tuple[Part, ...]]:
    """The part has another colour."""
    part = scene.parts[index]
    tint = np.asarray(any_colour(rng), np.float32)
    grey = part.sprite.rgb.mean(axis=2, keepdims=True)
    rgb = np.clip(grey * 0.6 + tint * 0.5, 0, 255).astype(np.uint8)
    return scene.with_part(index, replace(part, sprite=Sprite(rgb, part.sprite.alpha))), ()


PART_DEFECTS: Mapping[str, PartDefect] = MappingProxyType(
    {
        "missing": missing,
        "moved": moved,
        "rotated": rotated,
        "swapped": swapped,
        "extra": extra,
        "broken": broken,
        "recoloured": recoloured,
    }
)


def _bite(rng: np.random.Generator, alpha: Image) -> Image:
    """A jagged half plane that cuts a corner or an end off a shape, uint8 hxw."""
    high, wide = alpha.shape
    reach = float(np.hypot(high, wide))
    steps = np.linspace(-reach, reach, 14)
    depth = rng.uniform(0.05, 0.3) * reach
    rough = rng.normal(0, max(0.8, 0.03 * reach), 14)
    edge = np.stack((steps, reach / 2 - depth + rough), 1)
    far = np.array(((reach, reach), (-reach, reach)))
    corners = np.vstack((edge, far))
    gone = np.zeros_like(alpha)
    middle = np.array((wide / 2, high / 2))
    polygon(gone, turned(corners, float(rng.uniform(0, 360))) + middle, 255)
    return gone
