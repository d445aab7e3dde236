"""The period and the holes of a board, and what it looks like behind a part."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from leaded_board import HOLES, PITCH, SIDE, board, good_picture

from inspector_app.changenet.board import fill_periodic, find_holes, pitch_of


def test_the_holes_are_found_where_the_board_is_visible() -> None:
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[20:150, 40:150] = True
    image = good_picture()
    pitch = pitch_of(image, hidden)
    assert pitch == pytest.approx((PITCH, PITCH), abs=0.5)
    grid = find_holes(image, hidden, pitch)
    assert grid is not None
    for hole in HOLES:
        assert grid.nearest(*hole) == pytest.approx(hole, abs=1.6)


def test_a_periodic_background_is_restored_behind_the_part() -> None:
    image = board()
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[60:140, 60:132] = True
    covered = image.copy()
    covered[hidden] = 0
    assert np.abs(fill_periodic(covered, hidden, (PITCH, PITCH)).astype(int) - image).mean() < 4


def test_a_filled_board_follows_the_light_and_shows_no_seam() -> None:
    rng = np.random.default_rng(0)
    slope = np.linspace(0.7, 1.3, SIDE)[None, :, None] * np.linspace(0.9, 1.1, SIDE)[:, None, None]
    lit = np.clip(board() * slope + rng.normal(0, 2, (SIDE, SIDE, 1)), 0, 255).astype(np.uint8)
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[50:150, 45:145] = True
    covered = lit.copy()
    covered[hidden] = 0
    filled = fill_periodic(covered, hidden, (PITCH, PITCH))
    away = np.abs(filled.astype(int) - lit)
    assert np.median(away[hidden]) <= 4
    bright = hidden & (lit.min(axis=2) > 50)
    assert np.abs(filled.astype(int)[bright] - lit[bright]).mean() < 5, "as light as its own place"
    far = np.ones((SIDE, SIDE), bool)
    far[38:162, 33:157] = False
    assert (filled[far] == lit[far]).all(), "what is seen stays as it is"


def test_a_board_that_lies_a_little_turned_is_followed() -> None:
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 1.0, 1.0)
    turned = np.asarray(
        cv2.warpAffine(board(), matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT), np.uint8
    )
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[60:140, 60:132] = True
    covered = turned.copy()
    covered[hidden] = 0
    filled = fill_periodic(covered, hidden, (PITCH, PITCH))
    assert np.abs(filled.astype(int) - turned)[hidden].mean() < 6
