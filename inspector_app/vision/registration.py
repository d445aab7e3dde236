"""Registration: the transform that brings a test image onto its golden.

On reduced grey pictures, coarse to fine. First come coarse guesses: identity; the shift by phase correlation
(Kuglin and Hines, 1975), for rigid and affine over a fan of turns (and scales); for rigid and affine also matched
SIFT features (Lowe, IJCV 2004) under RANSAC. The best guesses are refined by maximising the enhanced correlation
coefficient (Evangelidis and Psarakis, PAMI 2008), which no change of brightness or contrast disturbs. The
guess with the highest correlation wins, refined or not, identity included. Turns beyond 20 degrees and stretches
beyond a fifth are never taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Affine, Registration
from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame, RgbArray
from inspector_app.core.recipe import Alignment, AlignmentMethod
from inspector_app.vision.coarse import Grey, Matrix, features_guess, match_features, phase_guesses

_COARSE_SIDE, _MIDDLE_SIDE, _FINE_SIDE = 128, 192, 384
_LEAST_SIDE = 16
"""Pixels that a side keeps when reduced, and below which nothing can be aligned."""
_REFINED_GUESSES = 3
_LEAST_OVERLAP = 0.5
_MOST_TURN_DEG = 20.0
_MOST_STRETCH = 1.2
_STAGES: tuple[AlignmentMethod, ...] = ("translation", "rigid", "affine")
_MOTIONS = {"translation": cv2.MOTION_TRANSLATION, "rigid": cv2.MOTION_EUCLIDEAN, "affine": cv2.MOTION_AFFINE}


@dataclass(frozen=True, eq=False)
class _Level:
    """Both pictures reduced by one factor: ``H x W`` uint8 grey."""

    golden: Grey
    test: Grey
    scale: float

    def down(self, full: Matrix) -> Matrix:
        """A ``3 x 3`` transform of full-size pixel centres on this level's."""
        up = _upscale(self.scale)
        return np.asarray(np.linalg.inv(up) @ full @ up, dtype=np.float64)

    def up(self, reduced: Matrix) -> Matrix:
        """A ``3 x 3`` transform of this level's pixel centres on full-size ones."""
        up = _upscale(self.scale)
        return np.asarray(up @ reduced @ np.linalg.inv(up), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Guess:
    """A full-size ``3 x 3`` transform with how well the pictures agree under it."""

    matrix: Matrix
    residual: float
    quality: float


def register(golden: Frame, test: Frame, method: AlignmentMethod) -> Registration:
    """Find how a test image lies on its golden.

    Args:
        golden: the reference.
        test: the image to bring onto it; may have another size.
        method: what may move: nothing, the place, place and turn, or anything affine. ``none`` only measures.

    Returns:
        The transform from test to golden pixel centres, with residual and quality measured on pictures of at
        most 384 pixels a side, where the two overlap. It is not judged here; see ``check_alignment``.
    """
    fine = _level(golden, test, _FINE_SIDE)
    if method == "none" or min(golden.width, golden.height, test.width, test.height) < _LEAST_SIDE:
        best = _measure(fine, np.eye(3))
    else:
        best = _search(golden, test, fine, method)
    return Registration(Affine.of(best.matrix[:2]), best.residual, best.quality)


def check_alignment(registration: Registration, alignment: Alignment) -> None:
    """Hold a registration against the recipe's limits.

    Raises:
        OperatorError: ``not_aligned``.
    """
    if registration.residual > alignment.max_residual:
        why = f"a difference of {registration.residual:.3f} is left, {alignment.max_residual:.3f} is allowed"
    elif registration.quality < alignment.min_quality:
        why = f"they agree by {registration.quality:.2f}, {alignment.min_quality:.2f} is asked for"
    else:
        return
    raise OperatorError(
        "not_aligned",
        f"The test image could not be aligned with the golden: {why}.",
        "Check that the right part lies in the right place, and that the recipe's golden shows it.",
    )


def warp_to_golden(test: Frame, registration: Registration, golden_size: tuple[int, int]) -> RgbArray:
    """The test image in the golden's frame.

    Bilinear; beyond the test image's edge its outermost pixels are repeated, so that no seam is taken for a
    change (what was not seen there cannot be judged).

    Args:
        test: the image.
        registration: from ``register``.
        golden_size: ``(width, height)``.

    Returns:
        ``height x width x 3`` uint8, read-only.
    """
    warped = cv2.warpAffine(
        test.pixels,
        registration.transform.matrix,
        golden_size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    pixels = np.asarray(warped, dtype=np.uint8)
    pixels.setflags(write=False)
    return pixels


def _search(golden: Frame, test: Frame, fine: _Level, method: AlignmentMethod) -> _Guess:
    """The best found with up to ``method``'s freedom: each kind of motion starts from the one before it too, so
    that more freedom never gives a worse result."""
    coarse, middle = (_level(golden, test, side) for side in (_COARSE_SIDE, _MIDDLE_SIDE))
    matches = None if method == "translation" else match_features(fine.golden, fine.test)
    best = _measure(fine, np.eye(3))
    for stage in _STAGES[: _STAGES.index(method) + 1]:
        guesses = [best.matrix, *(coarse.up(m) for m in phase_guesses(coarse.golden, coarse.test, stage))]
        if matches is not None and stage != "translation":
            found = features_guess(matches, stage)
            guesses += [] if found is None else [fine.up(found)]
        starts = _best_of(coarse, guesses)
        tried = [_refine(middle, start, _MOTIONS[stage]) for start in starts]
        middle_best = max((_measure(middle, m) for m in tried), key=lambda g: g.quality).matrix
        ends = [starts[0], middle_best, _refine(fine, middle_best, _MOTIONS[stage])]
        best = max([best, *(_measure(fine, m) for m in ends)], key=lambda g: g.quality)
    return best


def _best_of(coarse: _Level, guesses: list[Matrix]) -> list[Matrix]:
    """Those that agree best on the coarse level, the best first."""
    ranked = sorted((_measure(coarse, m) for m in guesses), key=lambda g: -g.quality)
    return [guess.matrix for guess in _distinct(ranked)[:_REFINED_GUESSES]]


def _distinct(ranked: list[_Guess]) -> list[_Guess]:
    """Leave out guesses that all but repeat the one before."""
    kept = ranked[:1]
    kept += [b for a, b in pairwise(ranked) if np.abs(a.matrix[:2] - b.matrix[:2]).max() > 1e-3]
    return kept


def _level(golden: Frame, test: Frame, side: int) -> _Level:
    longest = max(golden.width, golden.height, test.width, test.height)
    shortest = min(golden.width, golden.height, test.width, test.height)
    scale = min(1.0, max(side / longest, _LEAST_SIDE / shortest))
    return _Level(_reduced(golden.pixels, scale), _reduced(test.pixels, scale), scale)


def _reduced(pixels: RgbArray, scale: float) -> Grey:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if scale < 1.0:
        # One factor for both axes, not rounded to whole sizes: a turn must stay a turn.
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, dtype=np.uint8)


def _upscale(scale: float) -> Matrix:
    """Pixel centres of a picture reduced by ``scale`` to those of the full one."""
    shift = 0.5 / scale - 0.5
    return np.array([[1 / scale, 0, shift], [0, 1 / scale, shift], [0, 0, 1]], dtype=np.float64)


def _refine(level: _Level, matrix: Matrix, motion: int) -> Matrix:
    """Climb from a full-size guess; where ECC finds no way up, the guess stands."""
    start = np.linalg.inv(level.down(matrix))[:2].astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-5)
    try:
        _, found = cv2.findTransformECC(level.golden, level.test, start, motion, criteria)
    except cv2.error:
        return matrix
    if not np.isfinite(found).all() or abs(np.linalg.det(found[:, :2])) < 0.1:
        return matrix
    return level.up(np.linalg.inv(np.vstack([found, [0.0, 0.0, 1.0]])))


def _measure(level: _Level, matrix: Matrix) -> _Guess:
    """How well the pictures agree where they overlap; too small an overlap counts as no agreement, as does a
    transform that no fixture explains: it would make a part laid in the wrong way round look right."""
    if not _plausible(matrix):
        return _Guess(matrix, 1.0, -1.0)
    height, width = level.golden.shape
    reduced = level.down(matrix)[:2]
    warped = cv2.warpAffine(level.test, reduced, (width, height), flags=cv2.INTER_LINEAR)
    cover = cv2.warpAffine(np.full(level.test.shape, 255, np.uint8), reduced, (width, height))
    seen = np.asarray(cover) == 255
    if np.count_nonzero(seen) < _LEAST_OVERLAP * seen.size:
        return _Guess(matrix, 1.0, -1.0)
    a, b = level.golden[seen].astype(np.float32), np.asarray(warped)[seen].astype(np.float32)
    residual = float(np.abs(a - b).mean()) / 255.0
    return _Guess(matrix, residual, _correlation(a, b))


def _plausible(matrix: Matrix) -> bool:
    """Turned by at most 20 degrees, stretched by at most a fifth in any direction, not mirrored."""
    _, stretches, _ = np.linalg.svd(matrix[:2, :2])
    turn = Affine.of(matrix[:2]).rotation_deg
    bounded = stretches[1] >= 1 / _MOST_STRETCH and stretches[0] <= _MOST_STRETCH
    return bool(bounded and abs(turn) <= _MOST_TURN_DEG and np.linalg.det(matrix[:2, :2]) > 0)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Pearson's coefficient; two flat pictures agree by 1, a flat one with another by 0."""
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt(float(a @ a) * float(b @ b)))
    if spread < 1e-3:
        return 1.0 if float(a @ a) + float(b @ b) < 1e-3 else 0.0
    return float(np.clip(float(a @ b) / spread, -1.0, 1.0))
