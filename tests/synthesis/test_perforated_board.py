from dataclasses import replace

import numpy as np

from inspector_app.synthesis.perforated_board import draw_board


def _board(seed: int, **changes: object):
    board = draw_board(np.random.default_rng(seed), (160, 200), 32.0, np.array((16.0, 16.0)))
    return replace(board, **changes)


def test_two_pieces_without_wear_are_the_same_and_with_wear_are_not() -> None:
    for seed in range(6):
        new, worn = _board(seed, wear=0.0), _board(seed, wear=1.0)
        rng = np.random.default_rng(1)
        assert np.array_equal(new.piece(rng, np.zeros(2)), new.piece(rng, np.zeros(2)))
        assert not np.array_equal(worn.piece(rng, np.zeros(2)), worn.piece(rng, np.zeros(2)))


def test_every_hole_is_dark_whatever_the_wear_and_moves_with_the_shift() -> None:
    for seed in range(12):
        board = _board(seed, wear=1.0, stripes="up", texture=np.zeros((160, 200), np.float32))
        for shift in (np.zeros(2), np.array((7.0, -5.0))):
            piece = board.piece(np.random.default_rng(seed), shift).astype(int)
            xs = np.rint(np.arange(16, 184, 32) + shift[0]).astype(int)
            ys = np.rint(np.arange(16, 144, 32) + shift[1]).astype(int)
            centres = piece[ys[:, None], xs[None, :]]
            marked = np.abs(centres - np.array(board.dark)).max(axis=2) > 3
            # A scribble may lie over a hole, seldom.
            assert marked.mean() < 0.15


def test_wear_leaves_most_of_the_board_as_it_is() -> None:
    for seed in range(6):
        board = _board(seed, wear=1.0)
        pieces = [board.piece(np.random.default_rng(n), np.zeros(2)).astype(int) for n in range(2)]
        differs = np.abs(pieces[0] - pieces[1]).max(axis=2) > 16
        assert differs.mean() < 0.12
