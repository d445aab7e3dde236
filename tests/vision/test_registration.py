"""Registration: known warps are undone, and what cannot be aligned is told."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inspector_app.core.change_map import Affine, Registration
from inspector_app.core.errors import OperatorError
from inspector_app.core.frame import Frame, RgbArray
from inspector_app.core.recipe import Alignment, AlignmentMethod
from inspector_app.vision.decode import read_frame
from inspector_app.vision.perturb import Nuisance, Perturbation, perturb
from inspector_app.vision.registration import check_alignment, mask_to_golden, register, warp_to_golden

FEW = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SHIFTS, TURNS, SCALES = st.floats(-0.1, 0.1), st.floats(-10, 10), st.floats(0.95, 1.05)


def part(width: int = 320, height: int = 240, seed: int = 1) -> RgbArray:
    """A plate with holes, a label and a little texture on a dark table."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 40, np.uint8)
    cv2.rectangle(picture, (width // 5, height // 5), (width * 4 // 5, height * 4 // 5), (150, 140, 120), -1)
    for x, y, r in ((0.3, 0.35, 14), (0.7, 0.3, 9), (0.65, 0.7, 17)):
        cv2.circle(picture, (int(x * width), int(y * height)), r, (20, 30, 60), -1)
    cv2.putText(picture, "R47", (width // 3, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (230, 230, 240), 2)
    noise = cv2.GaussianBlur(rng.normal(0, 60, picture.shape), (0, 0), 2)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def board_with_part(step: int, part_at: int, half: tuple[int, int]) -> RgbArray:
    """A board with a hole every ``step`` pixels, and a dark part beside its middle."""
    picture = np.full((320, 320, 3), 150, np.uint8)
    for y in range(step // 2, 320, step):
        for x in range(step // 2, 320, step):
            cv2.circle(picture, (x, y), 11, (40, 30, 30), -1)
    cv2.rectangle(
        picture, (160 - half[0], part_at - half[1]), (160 + half[0], part_at + half[1]), (60, 60, 70), -1
    )
    return picture


def frame(pixels: RgbArray) -> Frame:
    return Frame(pixels.copy(), "x", "0" * 64)


def warp_of(
    size: tuple[int, int],
    shift: tuple[float, float],
    turn: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
) -> NDArray[np.float64]:
    """``3 x 3``: golden to test pixel centres, about the middle."""
    a = math.radians(turn)
    linear = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]) @ np.diag(scale)
    middle = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = middle - linear @ middle + np.multiply(shift, size)
    return matrix


def moved(pixels: RgbArray, warp: NDArray[np.float64], gain: float = 1.0) -> Frame:
    size = (pixels.shape[1], pixels.shape[0])
    warped = cv2.warpAffine(pixels, warp[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    noise = np.random.default_rng(0).normal(0, 2, warped.shape)
    return frame(np.clip(warped * gain + noise, 0, 255).astype(np.uint8))


def error_px(found: Registration, warp: NDArray[np.float64], size: tuple[int, int]) -> float:
    """How far a golden's corners end from where they began, there and back."""
    w, h = size[0] - 1, size[1] - 1
    corners = np.array([(0, 0, 1), (w, 0, 1), (0, h, 1), (w, h, 1)], dtype=float).T
    back = np.vstack([found.transform.matrix, [0, 0, 1]]) @ warp @ corners
    return float(np.hypot(*(back - corners)[:2]).max())


class TestRecovery:
    @FEW
    @given(st.tuples(SHIFTS, SHIFTS), st.floats(0.7, 1.2))
    def test_shifts(self, shift: tuple[float, float], gain: float) -> None:
        self.check("translation", warp_of((320, 240), shift), gain)

    @FEW
    @given(st.tuples(SHIFTS, SHIFTS), TURNS)
    def test_turns(self, shift: tuple[float, float], turn: float) -> None:
        self.check("rigid", warp_of((320, 240), shift, turn))

    @FEW
    @given(st.tuples(SHIFTS, SHIFTS), TURNS, st.tuples(SCALES, SCALES))
    def test_affine(self, shift: tuple[float, float], turn: float, scale: tuple[float, float]) -> None:
        self.check("affine", warp_of((320, 240), shift, turn, scale))

    @staticmethod
    def check(method: AlignmentMethod, warp: NDArray[np.float64], gain: float = 1.0) -> None:
        picture = part()
        found = register(frame(picture), moved(picture, warp, gain), method)
        assert error_px(found, warp, (320, 240)) < 1.0
        assert found.quality > 0.9

    @pytest.mark.parametrize(
        ("method", "turn", "scale"),
        [("translation", 0.0, (1, 1)), ("rigid", 9.0, (1, 1)), ("affine", -9.0, (1.05, 0.96))],
    )
    def test_real_parts(
        self, transistor: Path, method: AlignmentMethod, turn: float, scale: tuple[float, float]
    ) -> None:
        for path in sorted((transistor / "test" / "good").glob("*.png"))[:1]:
            golden = read_frame(path)
            warp = warp_of((512, 512), (0.09, -0.1), turn, scale)
            found = register(golden, moved(golden.pixels, warp, 0.9), method)
            assert error_px(found, warp, (512, 512)) < 1.0

    @pytest.mark.parametrize(
        "nuisance", [Nuisance.BRIGHTER, Nuisance.DARKER, Nuisance.GRADIENT, Nuisance.BLUR]
    )
    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_light_and_focus_do_not_disturb(self, nuisance: Nuisance, seed: int) -> None:
        picture = part()
        warp = warp_of((320, 240), (0.05, -0.04), 5.0, (1.04, 1.04))
        test = moved(picture, warp)
        changed, _ = perturb(test.pixels, None, Perturbation(nuisance, 1.0), np.random.default_rng(seed))
        found = register(frame(picture), frame(changed), "affine")
        assert error_px(found, warp, (320, 240)) < 1.0
        assert found.quality > 0.9

    def test_a_part_on_a_board_of_holes_is_not_laid_on_its_golden_by_a_whole_step(self) -> None:
        golden, test = board_with_part(56, 160, (60, 45)), board_with_part(56, 160 + 56, (35, 50))
        found = register(frame(golden), frame(test), "affine")
        assert error_px(found, np.eye(3), (320, 320)) < 2.0

    def test_a_rigid_result_neither_stretches_nor_shears(self) -> None:
        picture = part(333, 251)
        warp = warp_of((333, 251), (0.05, 0.02), 6.0)
        m = register(frame(picture), moved(picture, warp), "rigid").transform.matrix[:, :2]
        assert m @ m.T == pytest.approx(np.eye(2), abs=1e-4)


class TestJudgement:
    def test_the_same_picture_is_left_where_it_is(self) -> None:
        for method in ("none", "translation", "rigid", "affine"):
            found = register(frame(part()), frame(part()), method)
            assert found.residual < 1e-3
            assert found.quality > 0.999
            assert error_px(found, np.eye(3), (320, 240)) < 0.05

    def test_more_freedom_is_never_worse(self, transistor: Path) -> None:
        golden = read_frame(transistor / "train" / "good" / "000.png")
        for path in sorted((transistor / "test" / "misplaced").glob("*.png"))[:1]:
            test = read_frame(path)
            found = [register(golden, test, m).quality for m in ("none", "translation", "rigid", "affine")]
            assert found == sorted(found)

    def test_a_part_laid_the_wrong_way_round_is_not_turned_right(self) -> None:
        picture = part()
        found = register(frame(picture), frame(picture[::-1, ::-1]), "rigid")
        assert abs(found.transform.rotation_deg) <= 20
        assert found.quality < 0.9

    def test_good_parts_pass_the_default_limits_and_other_things_do_not(self, transistor: Path) -> None:
        golden = read_frame(transistor / "train" / "good" / "000.png")
        for path in sorted((transistor / "test" / "good").glob("*.png"))[:2]:
            check_alignment(register(golden, read_frame(path), "rigid"), Alignment(method="rigid"))
        other = frame(np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8))
        with pytest.raises(OperatorError) as caught:
            check_alignment(register(golden, other, "rigid"), Alignment(method="rigid"))
        assert caught.value.code == "not_aligned"

    def test_both_limits(self) -> None:
        found = Registration(Affine(), residual=0.2, quality=0.5)
        check_alignment(found, Alignment(max_residual=0.2, min_quality=0.5))
        with pytest.raises(OperatorError, match=r"0\.200 is left"):
            check_alignment(found, Alignment(max_residual=0.19))
        with pytest.raises(OperatorError, match=r"0\.51 is asked for"):
            check_alignment(found, Alignment(min_quality=0.51))

    def test_flat_pictures(self) -> None:
        grey, black = (frame(np.full((64, 64, 3), v, np.uint8)) for v in (90, 0))
        for method in ("none", "translation", "rigid", "affine"):
            assert register(grey, grey, method).quality == 1.0
            assert register(frame(part(64, 64)), black, method).quality == 0.0

    @pytest.mark.parametrize("size", [(1, 1), (5, 300), (15, 15), (16, 16), (17, 900)])
    def test_small_and_narrow_pictures(self, size: tuple[int, int]) -> None:
        pixels = np.random.default_rng(2).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
        for method in ("translation", "affine"):
            assert register(frame(pixels), frame(pixels), method).quality > 0.99

    def test_pictures_of_different_sizes(self) -> None:
        big = part(400, 300)
        golden = frame(big[20:280, 30:370])
        found = register(golden, frame(big), "translation")
        assert (found.transform.tx, found.transform.ty) == pytest.approx((-30, -20), abs=0.5)


class TestWarping:
    def test_a_whole_shift_moves_pixels_and_repeats_the_edge(self) -> None:
        picture = part()
        found = Registration(Affine(tx=-30.0, ty=20.0), 0.0, 1.0)
        warped = warp_to_golden(frame(picture), found, (320, 240))
        assert (warped[20:, :290] == picture[:-20, 30:]).all()
        assert (warped[:20, :290] == picture[0, 30:]).all()
        assert not warped.flags.writeable

    def test_a_mask_moves_with_its_picture_and_marks_nothing_beyond(self) -> None:
        mask = np.zeros((240, 320), np.bool_)
        mask[100:110, 50:70] = mask[:5, 100:] = True
        moved = mask_to_golden(mask, Registration(Affine(tx=-30.0, ty=20.0), 0.0, 1.0), (320, 240))
        assert (moved[20:, :290] == mask[:-20, 30:]).all()
        assert not moved[:20].any()
        assert not moved[:, 290:].any()

    def test_into_the_goldens_size(self) -> None:
        found = Registration(Affine(), 0.0, 1.0)
        assert warp_to_golden(frame(part()), found, (100, 50)).shape == (50, 100, 3)
