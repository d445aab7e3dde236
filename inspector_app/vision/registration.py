"""Registration: the transform that brings a test image onto its golden.

On reduced grey pictures without their slow shading, coarse to fine. At 64 pixels a side a fan of turns and scales gives
coarse guesses with shifts of up to a quarter of the side (``coarse``). The best are refined by maximising the enhanced
correlation coefficient (Evangelidis and Psarakis, PAMI 2008), at 128 pixels and then at 192. The guess under which the
pictures agree best wins, refined or not, identity included, each less something for the way that it moves: boards and
trays repeat themselves. Turns beyond 20 degrees and stretches beyond a fifth are never taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.change_map import Affine, Mask, Registration
from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame, RgbArray
from inspector_app.core.recipe import Alignment, AlignmentMethod
from inspector_app.vision.coarse import Detail, Guess, Matrix, correlation, far_guesses, near_guesses

_COARSE_SIDE, _MIDDLE_SIDE, _FINE_SIDE = 64, 128, 192
_LEAST_SIDE = 16
"""Pixels that a side keeps when reduced, and below which nothing can be aligned."""
_SHADING = 6
"""What varies over more than a sixth of the longer side is shading, not the part."""
_NEAR_STARTS, _FAR_STARTS = 2, 1
_MIDDLE_STEPS, _FINE_STEPS = 6, 5
_LEAST_OVERLAP = 0.5
_MOST_TURN_DEG = 20.0
_MOST_STRETCH = 1.2
_STILLNESS = 0.5
"""What a motion by the whole of the longer side must gain in correlation to be believed: a part that lies on a board of
holes must not be laid on its golden by whole steps of the holes, for that would hide that it is misplaced."""
_MOTIONS = {"translation": cv2.MOTION_TRANSLATION, "rigid": cv2.MOTION_EUCLIDEAN, "affine": cv2.MOTION_AFFINE}


@dataclass(frozen=True, eq=False)
class _Level:
    """Both pictures reduced by one factor: ``H x W`` float32 grey, and the same without slow shading."""

    golden_grey: Detail
    test_grey: Detail
    golden: Detail
    test: Detail
    scale: float

    def down(self, full: Matrix) -> Matrix:
        """A ``3 x 3`` transform of full-size pixel centres on this level's."""
        return _rescaled(full, self.scale)

    def up(self, reduced: Matrix) -> Matrix:
        """A ``3 x 3`` transform of this level's pixel centres on full-size ones."""
        return _rescaled(reduced, 1.0 / self.scale)


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
        best = _agreement(fine, np.eye(3))
    else:
        best = _search(golden, test, fine, method)
    return Registration(Affine.of(best.matrix[:2]), _residual(fine, best.matrix), best.quality)


def carry(registration: Registration, between: Registration, golden: Frame, test: Frame) -> Registration:
    """How a test image lies on ``golden``, by way of another golden on which it was aligned.

    Goldens show good parts, so that they align with one another better than a spoiled test image does with each,
    and what was found once holds for every image.

    Args:
        registration: from the test image to the other golden.
        between: from the other golden to ``golden``.
        golden: the golden that is wanted.
        test: the test image.

    Returns:
        The two in a row, with residual and quality measured as ``register`` does.
    """
    first, second = (np.vstack([each.transform.matrix, [0.0, 0.0, 1.0]]) for each in (registration, between))
    fine, matrix = _level(golden, test, _FINE_SIDE), second @ first
    return Registration(Affine.of(matrix[:2]), _residual(fine, matrix), _agreement(fine, matrix).quality)


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


def mask_to_golden(mask: Mask, registration: Registration, golden_size: tuple[int, int]) -> Mask:
    """A mask of the test image, ``H x W`` bool, in the golden's frame; nothing is marked beyond its edge."""
    warped = cv2.warpAffine(
        mask.astype(np.uint8), registration.transform.matrix, golden_size, flags=cv2.INTER_NEAREST
    )
    return np.asarray(warped, dtype=np.bool_)


def _search(golden: Frame, test: Frame, fine: _Level, method: AlignmentMethod) -> Guess:
    """The best found with up to ``method``'s freedom."""
    coarse, middle = (_smaller(fine, side) for side in (_COARSE_SIDE, _MIDDLE_SIDE))
    motion = _MOTIONS[method]
    starts = [
        *_best_of(coarse, near_guesses(coarse.golden, coarse.test, method), _NEAR_STARTS),
        *_best_of(coarse, far_guesses(coarse.golden, coarse.test, method), _FAR_STARTS),
    ]
    tried = [_agreement(middle, m) for s in starts for m in (s, _refine(middle, s, motion, _MIDDLE_STEPS))]
    best = max([_agreement(middle, np.eye(3)), *tried], key=lambda guess: _worth(middle, guess)).matrix
    ends = [np.eye(3), best, _refine(fine, best, motion, _FINE_STEPS)]
    return max((_agreement(fine, m) for m in ends), key=lambda guess: _worth(fine, guess))


def _best_of(level: _Level, guesses: list[Guess], count: int) -> list[Matrix]:
    """Those that are worth most, as full-size transforms."""
    full = [Guess(level.up(guess.matrix), guess.quality) for guess in guesses]
    return [guess.matrix for guess in sorted(full, key=lambda guess: -_worth(level, guess))[:count]]


def _worth(level: _Level, guess: Guess) -> float:
    """How well the pictures agree, less for a longer way."""
    height, width = (side / level.scale for side in level.golden.shape)
    corners = np.array([(0, width, 0, width), (0, 0, height, height)])
    moved = guess.matrix[:2, :2] @ corners + guess.matrix[:2, 2:] - corners
    way = float(np.hypot(moved[0], moved[1]).sum()) / 4
    return float(guess.quality - _STILLNESS * way / max(width, height))


def _level(golden: Frame, test: Frame, side: int) -> _Level:
    scale = _scale_to(side, golden.pixels.shape[:2], test.pixels.shape[:2])
    return _level_of(_reduced(_grey(golden), scale), _reduced(_grey(test), scale), scale)


def _grey(frame: Frame) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _smaller(level: _Level, side: int) -> _Level:
    """The same pictures, reduced further."""
    scale = _scale_to(side, level.golden.shape, level.test.shape)
    golden, test = _reduced(level.golden_grey, scale), _reduced(level.test_grey, scale)
    return _level_of(golden, test, level.scale * scale)


def _level_of(golden: Detail, test: Detail, scale: float) -> _Level:
    window = max(3, round(max(*golden.shape, *test.shape) / _SHADING)) | 1
    return _Level(golden, test, _detail(golden, window), _detail(test, window), scale)


def _scale_to(side: int, *shapes: tuple[int, ...]) -> float:
    longest, shortest = max(max(shape) for shape in shapes), min(min(shape) for shape in shapes)
    return min(1.0, max(side / longest, _LEAST_SIDE / shortest))


def _reduced(grey: NDArray[np.uint8] | Detail, scale: float) -> Detail:
    if scale == 1.0:
        return grey.astype(np.float32)
    # One factor for both axes, not rounded to whole sizes: a turn must stay a turn.
    smaller = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, dtype=np.float32)


def _detail(grey: Detail, window: int) -> Detail:
    return grey - np.asarray(cv2.blur(grey, (window, window)), dtype=np.float32)


def _rescaled(matrix: Matrix, factor: float) -> Matrix:
    """The same motion in pictures ``factor`` times as large: their pixel ``p`` lies at ``(p + 0.5) * factor - 0.5``."""
    middle = np.full(2, 0.5 * factor - 0.5)
    changed = matrix.copy()
    changed[:2, 2] = factor * matrix[:2, 2] + middle - matrix[:2, :2] @ middle
    return changed


def _refine(level: _Level, matrix: Matrix, motion: int, steps: int) -> Matrix:
    """Climb from a full-size guess; where ECC finds no way up, the guess stands."""
    start = np.linalg.inv(level.down(matrix))[:2].astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, steps, 1e-4)
    everywhere = np.full(level.test.shape, 255, np.uint8)
    try:
        # Without a smoothing of its own: what is reduced is smooth.
        _, found = cv2.findTransformECC(level.golden, level.test, start, motion, criteria, everywhere, 1)
    except cv2.error:
        return matrix
    if not np.isfinite(found).all() or abs(np.linalg.det(found[:, :2])) < 0.1:
        return matrix
    return level.up(np.linalg.inv(np.vstack([found, [0.0, 0.0, 1.0]])))


def _agreement(level: _Level, matrix: Matrix) -> Guess:
    """How well the pictures agree where they overlap; too small an overlap counts as no agreement, as does a
    transform that no fixture explains: it would make a part laid in the wrong way round look right."""
    seen = _overlap(level, matrix) if _plausible(matrix) else None
    if seen is None:
        return Guess(matrix, -1.0)
    laid = _laid(level.test, level, matrix)
    return Guess(matrix, correlation(level.golden[seen], laid[seen]))


def _residual(level: _Level, matrix: Matrix) -> float:
    """The mean grey difference that is left where they overlap, 0..1."""
    seen = _overlap(level, matrix)
    if seen is None:
        return 1.0
    return float(np.abs(level.golden_grey[seen] - _laid(level.test_grey, level, matrix)[seen]).mean()) / 255.0


def _laid(test: Detail, level: _Level, matrix: Matrix) -> Detail:
    height, width = level.golden.shape
    return np.asarray(cv2.warpAffine(test, level.down(matrix)[:2], (width, height)), dtype=np.float32)


def _overlap(level: _Level, matrix: Matrix) -> Mask | None:
    """``H x W`` bool over the golden: where the test image has pixels; None when that is too little."""
    cover = _laid(np.full(level.test.shape, 255, np.float32), level, matrix)
    seen: Mask = cover > 254.5
    return seen if np.count_nonzero(seen) >= _LEAST_OVERLAP * seen.size else None


def _plausible(matrix: Matrix) -> bool:
    """Turned by at most 20 degrees, stretched by at most a fifth in any direction, not mirrored."""
    (a, b), (c, d) = ((float(v) for v in row) for row in matrix[:2, :2])
    # The singular values of a 2 x 2 matrix, the lesser negative when it mirrors.
    mean, half = math.hypot(a + d, c - b) / 2, math.hypot(a - d, b + c) / 2
    turn = math.degrees(math.atan2(c, a))
    return abs(turn) <= _MOST_TURN_DEG and mean - half >= 1 / _MOST_STRETCH and mean + half <= _MOST_STRETCH
