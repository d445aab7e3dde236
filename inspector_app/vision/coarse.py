"""Coarse guesses of how two small grey pictures lie on each other."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.recipe import AlignmentMethod

Grey = NDArray[np.uint8]
"""``H x W`` uint8."""
Matrix = NDArray[np.float64]
"""``3 x 3``: test pixel centres to golden pixel centres."""

Matches = tuple[NDArray[np.float64], NDArray[np.float64]]

_TURNS = {"translation": (0,), "rigid": tuple(range(-12, 13, 3)), "affine": tuple(range(-12, 13, 6))}
_SCALES = {"translation": (1.0,), "rigid": (1.0,), "affine": (0.95, 1.05)}
_LEAST_MATCHES = 12


def phase_guesses(golden: Grey, test: Grey, method: AlignmentMethod) -> list[Matrix]:
    """The shift by phase correlation: one guess, or one for each of a fan of turns (rigid: -12 to 12 degrees in
    threes; affine: in sixes, at scales 0.95 and 1.05)."""
    reference = golden.astype(np.float32)
    size = (golden.shape[1], golden.shape[0])
    window = np.asarray(cv2.createHanningWindow(size, cv2.CV_32F), dtype=np.float32)
    return [
        _shift_after(reference, test, window, _about_centre(golden, test, turn, scale))
        for turn in _TURNS[method]
        for scale in _SCALES[method]
    ]


def _about_centre(golden: Grey, test: Grey, turn_deg: float, scale: float) -> Matrix:
    """Turn and scale about the test's centre, which comes to lie on the golden's."""
    angle = math.radians(turn_deg)
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    rotation = np.array([[c, -s], [s, c]])
    centre = np.array([(test.shape[1] - 1) / 2, (test.shape[0] - 1) / 2])
    target = np.array([(golden.shape[1] - 1) / 2, (golden.shape[0] - 1) / 2])
    return _as_matrix(rotation, target - rotation @ centre)


def _shift_after(
    golden: NDArray[np.float32], test: Grey, window: NDArray[np.float32], turned: Matrix
) -> Matrix:
    size = (golden.shape[1], golden.shape[0])
    warped = cv2.warpAffine(test, turned[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    (dx, dy), _ = cv2.phaseCorrelate(np.asarray(warped, dtype=np.float32), golden, window)
    moved = turned.copy()
    moved[0, 2] += dx
    moved[1, 2] += dy
    return moved


def match_features(golden: Grey, test: Grey) -> Matches | None:
    """SIFT features that match both ways, as ``N x 2`` points of the test and the golden; None when few do."""
    detector = cv2.SIFT.create(nfeatures=800)
    points_g, found_g = detector.detectAndCompute(golden, None)
    points_t, found_t = detector.detectAndCompute(test, None)
    if found_g is None or found_t is None or min(len(points_g), len(points_t)) < _LEAST_MATCHES:
        return None
    matches = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True).match(found_t, found_g)
    if len(matches) < _LEAST_MATCHES:
        return None
    source = np.array([points_t[m.queryIdx].pt for m in matches], dtype=np.float64)
    target = np.array([points_g[m.trainIdx].pt for m in matches], dtype=np.float64)
    return source, target


def features_guess(matches: Matches, method: AlignmentMethod) -> Matrix | None:
    """What enough matched features agree on under RANSAC; None when too few do."""
    source, target = matches
    estimate = cv2.estimateAffine2D if method == "affine" else cv2.estimateAffinePartial2D
    found, inliers = estimate(source, target, ransacReprojThreshold=3.0)
    if found is None or np.count_nonzero(inliers) < _LEAST_MATCHES:
        return None
    matrix = np.asarray(found, dtype=np.float64)
    if method == "affine":
        return _as_matrix(matrix[:, :2], matrix[:, 2])
    agreed = np.asarray(inliers).ravel() > 0
    return _without_scale(matrix, source[agreed], target[agreed])


def _without_scale(
    matrix: NDArray[np.float64], source: NDArray[np.float64], target: NDArray[np.float64]
) -> Matrix:
    """Keep a similarity's turn only, and let the points' centres lie on each other."""
    turn = matrix[:, :2] / math.hypot(matrix[0, 0], matrix[1, 0])
    return _as_matrix(turn, target.mean(axis=0) - turn @ source.mean(axis=0))


def _as_matrix(linear: NDArray[np.float64], shift: NDArray[np.float64]) -> Matrix:
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = shift
    return matrix
