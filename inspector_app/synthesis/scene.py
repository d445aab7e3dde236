"""A product as a list of parts on a base: what a family draws, and what a defect changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import cv2
import numpy as np

from inspector_app.synthesis.canvas import Field, Image, Mask, Shape, blend


@dataclass(frozen=True)
class Sprite:
    """A drawn part: ``rgb`` uint8 hxwx3 and ``alpha`` uint8 hxw (255 opaque)."""

    rgb: Image
    alpha: Image


@dataclass(frozen=True)
class Shadow:
    """A soft shadow thrown by a part: offset and blur in pixels, strength 0..1."""

    dx: float
    dy: float
    blur: float
    strength: float


@dataclass(frozen=True)
class Part:
    """One placed part: ``centre`` (x, y) pixels, ``angle`` degrees."""

    sprite: Sprite
    centre: tuple[float, float]
    angle: float = 0.0
    shadow: Shadow | None = None
    name: str = "part"


@dataclass(frozen=True)
class Scene:
    """One product.

    ``base`` is the picture without parts; ``zone`` (bool HxW) is where the product is, hence where surface
    defects may fall. ``grain`` gives the texture that differs from unit to unit (grey levels, HxW); ``special``
    holds the family's own defects and ``vary`` another good unit of the same product. ``bitmap`` marks pictures
    in pure black and white, ``loose`` products that no fixture holds in place.
    """

    base: Image
    zone: Mask
    parts: tuple[Part, ...] = ()
    grain: Callable[[np.random.Generator], Field] | None = None
    special: Mapping[str, Callable[[np.random.Generator], "Scene"]] = field(default_factory=dict)
    vary: Callable[[np.random.Generator], "Scene"] | None = None
    bitmap: bool = False
    loose: bool = False

    @property
    def shape(self) -> Shape:
        """Rows and columns of the picture."""
        return self.base.shape[0], self.base.shape[1]

    def with_base(self, base: Image) -> "Scene":
        """The same product with another base."""
        return replace(self, base=base)

    def with_part(self, index: int, part: Part | None) -> "Scene":
        """The same product with part ``index`` replaced, or taken away when ``part`` is None."""
        middle = () if part is None else (part,)
        return replace(self, parts=self.parts[:index] + middle + self.parts[index + 1 :])


def render(scene: Scene) -> Image:
    """The picture of ``scene`` without grain, uint8 HxWx3, freshly allocated."""
    image = scene.base.copy()
    for part in scene.parts:
        _throw_shadow(image, part)
        paste(image, part)
    return image


def resettled(scene: Scene, reach: float, turn: float, rng: np.random.Generator) -> Scene:
    """Another good unit: its parts lie a little differently, by deviations of ``reach`` pixels and ``turn`` degrees."""
    moves = rng.normal(0, 1, (len(scene.parts), 3)) * (reach, reach, turn)
    parts = tuple(
        replace(
            part,
            centre=(part.centre[0] + move[0], part.centre[1] + move[1]),
            angle=part.angle + float(move[2]),
        )
        for part, move in zip(scene.parts, moves, strict=True)
    )
    special = {name: partial(_carried_over, make, scene.parts, parts) for name, make in scene.special.items()}
    return replace(scene, parts=parts, special=special)


def _carried_over(
    make: Callable[[np.random.Generator], Scene],
    before: tuple[Part, ...],
    after: tuple[Part, ...],
    rng: np.random.Generator,
) -> Scene:
    """What ``make`` gives, with the parts that it left as they were ``before`` lying as they do ``after``."""
    changed = make(rng)
    if len(changed.parts) != len(before):
        return changed
    parts = tuple(
        new if now is old else now for now, old, new in zip(changed.parts, before, after, strict=True)
    )
    return replace(changed, parts=parts)


def coverage(part: Part, shape: Shape) -> Mask:
    """Where ``part`` is at least half opaque, bool HxW."""
    covered = np.zeros(shape, np.bool_)
    found = _placed(part, shape, 0)
    if found is not None:
        rows, columns, matrix, size = found
        alpha = cv2.warpAffine(part.sprite.alpha, matrix, size, flags=cv2.INTER_LINEAR)
        covered[rows, columns] = alpha > 127
    return covered


def paste(image: Image, part: Part) -> None:
    """Draw ``part`` over ``image``."""
    found = _placed(part, (image.shape[0], image.shape[1]), 0)
    if found is None:
        return
    rows, columns, matrix, size = found
    rgb = cv2.warpAffine(
        part.sprite.rgb, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    alpha = cv2.warpAffine(part.sprite.alpha, matrix, size, flags=cv2.INTER_LINEAR)
    blend(image[rows, columns], np.asarray(rgb, np.uint8), alpha.astype(np.float32) / np.float32(255))


def _throw_shadow(image: Image, part: Part) -> None:
    shadow = part.shadow
    if shadow is None:
        return
    moved = replace(part, centre=(part.centre[0] + shadow.dx, part.centre[1] + shadow.dy))
    found = _placed(moved, (image.shape[0], image.shape[1]), int(3 * shadow.blur) + 1)
    if found is None:
        return
    rows, columns, matrix, size = found
    alpha = cv2.warpAffine(part.sprite.alpha, matrix, size, flags=cv2.INTER_LINEAR)
    alpha = cv2.GaussianBlur(alpha, (0, 0), max(0.5, shadow.blur)).astype(np.float32)
    blend(image[rows, columns], (0.0, 0.0, 0.0), alpha * np.float32(shadow.strength / 255))


def _placed(part: Part, shape: Shape, margin: int) -> tuple[slice, slice, np.ndarray, tuple[int, int]] | None:
    """The window that ``part`` covers, and the matrix from sprite to window; None when outside."""
    high, wide = part.sprite.alpha.shape
    turn = np.deg2rad(part.angle)
    c, s = float(np.cos(turn)), float(np.sin(turn))
    reach_x = (abs(c) * wide + abs(s) * high) / 2 + 1 + margin
    reach_y = (abs(s) * wide + abs(c) * high) / 2 + 1 + margin
    x, y = part.centre
    left, right = max(0, int(x - reach_x)), min(shape[1], int(x + reach_x) + 2)
    top, bottom = max(0, int(y - reach_y)), min(shape[0], int(y + reach_y) + 2)
    if right <= left or bottom <= top:
        return None
    middle_x, middle_y = (wide - 1) / 2, (high - 1) / 2
    matrix = np.array(
        [[c, -s, x - left - c * middle_x + s * middle_y], [s, c, y - top - s * middle_x - c * middle_y]]
    )
    return slice(top, bottom), slice(left, right), matrix, (right - left, bottom - top)
