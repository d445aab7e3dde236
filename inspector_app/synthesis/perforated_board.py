"""Perforated board for leaded parts: holes at one pitch, stripes of copper, and the wear of each piece of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspector_app.synthesis.canvas import (
    Colour,
    Field,
    Image,
    Shape,
    blank,
    box,
    disc,
    ellipse,
    jitter,
    pick,
    polygon,
    polyline,
    shaded,
)
from inspector_app.synthesis.surface_defects import blob, wander
from inspector_app.synthesis.textures import fractal, streaks

_GROUNDS = ((190, 120, 95), (205, 150, 110), (110, 130, 70), (200, 190, 150), (40, 100, 60))


@dataclass(frozen=True)
class PerforatedBoard:
    """One make of board. Lengths in pixels; ``first`` is a hole (x, y); ``stripes`` run "up", "across" or not at all.

    ``wear`` (0..1) is how far two pieces of it differ: ragged holes, glints on their rims, scribbles and specks.
    """

    shape: Shape
    pitch: float
    first: NDArray[np.float64]
    ground: Colour
    gap: Colour
    dark: Colour
    radius: float
    rim: bool
    stripes: str
    stripe: float
    texture: Field
    wear: float

    def piece(self, rng: np.random.Generator, shift: NDArray[np.float64]) -> Image:
        """Another piece of the board, its holes moved by ``shift`` (x, y), its wear its own."""
        image = blank(self.shape, self.ground)
        first = self.first + shift - self.pitch
        rows, columns = self.shape
        if self.stripes:
            centre, size = [columns / 2, rows / 2], [columns + 4.0, rows + 4.0]
            size[self._axis] = self.stripe
            for i in range(int(max(self.shape) / self.pitch) + 4):
                centre[self._axis] = first[self._axis] + (i + 0.5) * self.pitch
                box(image, centre, size[0], size[1], self.gap)
        for y in np.arange(first[1], rows + self.pitch, self.pitch):
            for x in np.arange(first[0], columns + self.pitch, self.pitch):
                self._hole(rng, image, np.array((x, y)))
        self._mark(rng, image)
        return shaded(image, self.texture)

    @property
    def _axis(self) -> int:
        """The axis (0 for x, 1 for y) along which one stripe follows the other."""
        return 0 if self.stripes == "up" else 1

    def _hole(self, rng: np.random.Generator, image: Image, centre: NDArray[np.float64]) -> None:
        lighter = tuple(min(255, v + 35) for v in self.ground)
        if self.rim:
            disc(image, centre, self.radius * 1.25, lighter)
        place = centre + rng.normal(0, 0.06 * self.wear * self.radius, 2)
        if rng.random() < 0.35 * self.wear:
            # A crescent of bare metal or of shade, where the drill left an edge.
            glint = lighter if rng.random() < 0.6 else jitter(rng, self.gap, 15)
            heading = rng.uniform(0, 2 * np.pi)
            away = np.array((np.cos(heading), np.sin(heading))) * self.radius * rng.uniform(0.08, 0.25)
            disc(image, place + away, self.radius * 1.02, glint)
        if rng.random() < 0.3 * self.wear:
            polygon(image, blob(rng, self.radius * 1.08, 0.1, 16) + place, self.dark)
        disc(image, place, self.radius * (1 + rng.normal(0, 0.05 * self.wear)), self.dark)

    def _mark(self, rng: np.random.Generator, image: Image) -> None:
        """Scribbles, nicks along the stripes and specks: nothing that anyone would call a defect of the part."""
        rows, columns = self.shape
        for _ in range(int(rng.poisson(5 * self.wear))):
            start = (float(rng.uniform(0, columns)), float(rng.uniform(0, rows)))
            shade = rng.choice((-1, 1)) * rng.uniform(10, 40)
            ink = tuple(np.clip(np.asarray(self.ground) + shade, 0, 255))
            draw = rng.random()
            if draw < 0.4:
                line = wander(rng, start, self.pitch * rng.uniform(0.3, 1.2), 10, 0.6)
                polyline(image, line, 1, ink)
            elif draw < 0.7:
                size = self.pitch * rng.uniform(0.02, 0.07)
                ellipse(image, start, (size, size * rng.uniform(0.3, 1)), float(rng.uniform(0, 180)), ink)
            elif self.stripes:
                nick = blob(rng, self.stripe * rng.uniform(0.2, 0.5), 0.4, 10)
                stripe = 0.5 + int(rng.integers(int(max(self.shape) / self.pitch)))
                edge = np.array(start)
                edge[self._axis] = self.first[self._axis] + stripe * self.pitch
                edge[self._axis] += rng.choice((-0.5, 0.5)) * self.stripe
                polygon(image, nick + edge, pick(rng, (self.gap, self.ground)))


def draw_board(
    rng: np.random.Generator, shape: Shape, pitch: float, first: NDArray[np.float64]
) -> PerforatedBoard:
    """A make of board: its colours, stripes and holes, ``pitch`` pixels apart, one of them at ``first`` (x, y)."""
    return PerforatedBoard(
        shape=shape,
        pitch=pitch,
        first=first,
        ground=jitter(rng, pick(rng, _GROUNDS), 18),
        gap=jitter(rng, (70, 50, 40), 20),
        dark=jitter(rng, (34, 28, 26), 12),
        radius=pitch * float(rng.uniform(0.13, 0.24)),
        rim=bool(rng.random() < 0.4),
        stripes=str(rng.choice(("up", "across", ""), p=(0.56, 0.19, 0.25))),
        stripe=pitch * float(rng.uniform(0.12, 0.25)),
        texture=streaks(rng, shape, 30.0) * np.float32(3) + fractal(rng, shape, shape[0] / 3) * np.float32(4),
        wear=float(rng.uniform(0.3, 1.0)) if rng.random() < 0.75 else 0.0,
    )
