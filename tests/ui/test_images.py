"""The one way from an array to a picture."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QLineF
from PySide6.QtGui import QColor

from inspector_app.ui.images import picture_of, thumbnail_of, to_qimage
from inspector_app.ui.inspect.overlay import build_overlay, heat_table, mask_edges


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3), (3, 5, 4)])
def test_every_pixel_arrives_even_where_rows_are_not_whole_words(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    image = to_qimage(array)
    for y in range(3):
        for x in range(5):
            colour = image.pixelColor(x, y)
            value = array[y, x]
            if len(shape) == 2:
                assert colour.red() == value
            else:
                assert [colour.red(), colour.green(), colour.blue()] == value[:3].tolist()


def test_a_cut_out_view_keeps_its_stride() -> None:
    whole = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    part = whole[4:12, 5:16]
    assert to_qimage(part).pixelColor(3, 2) == QColor(*(int(v) for v in part[2, 3]))
    mirrored = whole[:, ::-1]
    assert to_qimage(mirrored).pixelColor(0, 0) == QColor(*(int(v) for v in whole[0, 29]))


def test_later_writes_do_not_change_the_picture() -> None:
    array = np.zeros((4, 4, 3), np.uint8)
    image = to_qimage(array)
    array[:] = 255
    assert image.pixelColor(0, 0) == QColor(0, 0, 0)


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        to_qimage(np.zeros((4, 4), np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="H x W"):
        to_qimage(np.zeros((4, 4, 2), np.uint8))


def test_large_pictures_have_halvings_and_the_right_one_is_drawn() -> None:
    picture = picture_of(np.zeros((1000, 1600, 3), np.uint8))
    assert [level.width() for level in picture.levels] == [1600, 800, 400]
    assert picture.for_scale(1.0).width() == 1600
    assert picture.for_scale(0.5).width() == 800
    assert picture.for_scale(0.3).width() == 800
    assert picture.for_scale(0.01).width() == 400


def test_thumbnails_keep_the_shape_and_never_grow() -> None:
    assert thumbnail_of(np.zeros((100, 200, 3), np.uint8), 50).size().toTuple() == (50, 25)
    assert thumbnail_of(np.zeros((10, 20, 3), np.uint8), 50).size().toTuple() == (20, 10)


def test_mask_edges_are_the_border_between_marked_and_unmarked_pixels() -> None:
    mask = np.zeros((5, 6), bool)
    mask[1:3, 2:5] = True
    assert {line.toTuple() for line in mask_edges(mask)} == {
        QLineF(2, 1, 5, 1).toTuple(),
        QLineF(2, 3, 5, 3).toTuple(),
        QLineF(2, 1, 2, 3).toTuple(),
        QLineF(5, 1, 5, 3).toTuple(),
    }
    assert mask_edges(np.zeros((3, 3), bool)) == ()
    assert len(mask_edges(np.ones((3, 3), bool))) == 4


def test_what_is_too_small_to_count_is_faint() -> None:
    counted, small = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    counted[0, 0], small[3, 3] = True, True
    overlay = build_overlay(np.zeros((4, 4), np.uint8), counted, small, counted, "#FF0000")
    full = overlay.fill.levels[0]
    assert full.pixelColor(0, 0).alpha() == 255
    assert 0 < full.pixelColor(3, 3).alpha() < 128
    assert full.pixelColor(1, 1).alpha() == 0
    assert overlay.outline == overlay.truth


def test_the_heat_scale_is_fixed() -> None:
    table = heat_table()
    assert table.shape == (256, 4)
    assert table[0, 3] == 0
    assert (np.diff(table[:, 3].astype(int)) >= 0).all()
