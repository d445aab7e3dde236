"""Several maps of one test image made into one: of its views, of its mirror image, and of the goldens that judge it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Registration
from inspector_app.vision.maps import grid_to_golden
from inspector_app.vision.tiling import Probability

DOUBT = 1e-6
"""No golden is surer than this: one voice of 0 or 1 must not decide alone."""
ROWS = 256
Size = tuple[int, int]
"""``(width, height)``."""


def fuse_views(whole: Probability, tiles: Probability) -> Probability:
    """Where either view sees a change, there is one: the greater probability, on the grid of ``tiles``.

    What the two miss differs (the whole loses what is small, a tile what needs its surroundings), and a mean
    would let the one that cannot see a defect outvote the one that can.
    """
    height, width = tiles.shape
    grown = cv2.resize(whole, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.maximum(grown, tiles)


def fuse_mirrored(plain: Probability, mirrored: Probability) -> Probability:
    """The mean of the log odds of a map and of its mirror image, which is brought back first; ``H x W`` float32.

    Both see the same picture, so that what only one of them sees is as likely chance as not. The exact mean of log odds of
    two: ``1 / (1 + sqrt((1 - p)(1 - q) / (p q)))``.
    """
    fused = np.empty_like(plain)
    for rows in _strips(len(plain)):
        one, other = (np.clip(each[rows], DOUBT, 1.0 - DOUBT) for each in (plain, mirrored[:, ::-1]))
        fused[rows] = 1.0 / (1.0 + np.sqrt((1.0 - one) * (1.0 - other) / (one * other)))
    return fused


class GoldenFusion:
    """The map of a test image under several goldens: the mean of their log odds at each pixel.

    Each golden shows a good part, so that what looks like one of them speaks against a change, the more the surer
    the network is; docs/accuracy.md compares it with the least probability and with the median. Goldens lie
    differently, so with alignment their maps are first brought into the one frame that they have in common, the
    test image's. A golden has no say on what it does not cover; where none covers the image the
    probability is 0.
    """

    def __init__(self, frame_size: Size, golden_size: Size, grid: Size) -> None:
        """``grid`` is the size of the fused map, over the test image."""
        self._frame_size = frame_size
        self._golden_size = golden_size
        self._grid = grid
        self._odds: Probability = np.zeros((grid[1], grid[0]), dtype=np.float32)
        self._voices: NDArray[np.uint8] = np.zeros((grid[1], grid[0]), dtype=np.uint8)

    def add(self, probability: Probability, registration: Registration | None) -> None:
        """A golden's map, in its own frame if ``registration`` is given, else in the test image's."""
        if registration is None:
            covered = np.ones(probability.shape, dtype=np.uint8)
        else:
            probability, covered = self._in_test_frame(probability, registration)
        for rows in _strips(len(probability)):
            held = np.clip(probability[rows], DOUBT, 1.0 - DOUBT)
            held /= 1.0 - held
            np.log(held, out=held)
            held *= covered[rows]
            self._odds[rows] += held
            self._voices[rows] += covered[rows]

    def result(self) -> Probability:
        """The fused map, ``H x W`` float32 over the test image; what was added is used up."""
        for rows in _strips(len(self._odds)):
            odds, voices = self._odds[rows], self._voices[rows]
            odds /= -np.maximum(voices, 1).astype(np.float32)
            np.exp(odds, out=odds)
            odds += 1.0
            np.reciprocal(odds, out=odds)
            odds[voices == 0] = 0.0
        return self._odds

    def _in_test_frame(
        self, probability: Probability, registration: Registration
    ) -> tuple[Probability, NDArray[np.uint8]]:
        """A map, and 1 where its golden covers the test image, else 0."""
        height, width = probability.shape
        onto_golden = np.vstack([registration.transform.matrix, [0.0, 0.0, 1.0]])
        to_map = np.linalg.inv(grid_to_golden((width, height), self._golden_size))
        matrix = (to_map @ onto_golden @ grid_to_golden(self._grid, self._frame_size))[:2]
        back = cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(
            probability,
            matrix,
            self._grid,
            flags=cv2.INTER_LINEAR | back,
            borderMode=cv2.BORDER_REPLICATE,
        )
        covered = cv2.warpAffine(
            np.ones((height, width), np.uint8), matrix, self._grid, flags=cv2.INTER_NEAREST | back
        )
        return np.asarray(warped, dtype=np.float32), np.asarray(covered, dtype=np.uint8)


def _strips(height: int) -> Iterator[slice]:
    """Rows by the few, so that what is computed on the way does not take another map's memory."""
    for top in range(0, height, ROWS):
        yield slice(top, top + ROWS)
