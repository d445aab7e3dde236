"""The decoder against what encoders written from the specifications put in, and against Pillow."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoders import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    bmp,
    chunk,
    exif,
    jpeg_with_exif,
    png,
    tiff,
    tiled_tiff,
)
from numpy.typing import NDArray
from PIL import Image, ImageOps

from inspector_app.vision.decode import decode_frame, decode_mask, decode_pixels, read_frame

HEIGHT, WIDTH = 24, 36
RNG = np.random.default_rng(5)
DEEP = RNG.integers(0, 65536, (HEIGHT, WIDTH, 4)).astype(np.uint16)
SAMPLES = (DEEP >> 8).astype(np.uint8)
COLOUR = np.ascontiguousarray(SAMPLES[:, :, :3])

UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def eight(deep: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return np.floor(deep / 257.0 + 0.5).astype(np.uint8)


def grey3(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[:, :, None], 3, axis=2)


def over_white(colour: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    cover = alpha[:, :, None] / 255.0
    return np.floor(colour * cover + 255.0 * (1.0 - cover) + 0.5).astype(np.uint8)


def pillow(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def check(data: bytes, expected: NDArray[np.uint8], tolerance: int = 0) -> None:
    pixels = decode_pixels(data)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= tolerance


def test_frame_is_named_hashed_timed_and_read_only() -> None:
    frame = decode_frame(png(COLOUR, RGB), "part 1", Path("a.png"))
    assert (frame.name, frame.path, frame.width, frame.height) == ("part 1", Path("a.png"), WIDTH, HEIGHT)
    assert len(frame.sha256) == 64
    assert frame.load_ms > 0
    assert not frame.pixels.flags.writeable


def test_read_frame_takes_the_files_name(tmp_path: Path) -> None:
    path = tmp_path / "Prüfling №1.PNG"
    path.write_bytes(png(COLOUR, RGB))
    assert read_frame(path).name == "Prüfling №1.PNG"
    assert read_frame(path, "x").name == "x"
    assert read_frame(path).path == path


class TestPng:
    def test_rgb(self) -> None:
        check(png(COLOUR, RGB), COLOUR)

    def test_rgb_of_16_bits_is_rounded_over_the_full_range(self) -> None:
        check(png(DEEP[:, :, :3], RGB, 16), eight(DEEP[:, :, :3]))

    def test_every_16_bit_value(self) -> None:
        ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
        check(png(ramp, GREY, 16), grey3(eight(ramp)))

    @pytest.mark.parametrize("depth", [1, 2, 4, 8])
    def test_grey(self, depth: int) -> None:
        levels = SAMPLES[:, :, 0] >> (8 - depth)
        expected = (levels.astype(int) * 255 // (2**depth - 1)).astype(np.uint8)
        check(png(levels, GREY, depth), grey3(expected))

    @pytest.mark.parametrize("depth", [1, 2, 4, 8])
    def test_palette_with_and_without_transparency(self, depth: int) -> None:
        palette = RNG.integers(0, 256, (2**depth, 3)).astype(np.uint8)
        cover = RNG.integers(0, 256, 2**depth).astype(np.uint8)
        index = SAMPLES[:, :, 0] >> (8 - depth)
        plte, trns = chunk(b"PLTE", palette.tobytes()), chunk(b"tRNS", cover.tobytes())
        check(png(index, PALETTE, depth, [plte]), palette[index])
        check(png(index, PALETTE, depth, [plte, trns]), over_white(palette[index], cover[index]))

    def test_alpha_is_laid_over_white(self) -> None:
        check(png(SAMPLES, RGBA), over_white(COLOUR, SAMPLES[:, :, 3]))
        check(png(SAMPLES[:, :, :2], GREY_ALPHA), over_white(grey3(SAMPLES[:, :, 0]), SAMPLES[:, :, 1]))

    def test_alpha_of_16_bits_is_reduced_first(self) -> None:
        check(png(DEEP, RGBA, 16), over_white(eight(DEEP[:, :, :3]), eight(DEEP[:, :, 3])))

    def test_opaque_alpha_changes_nothing(self) -> None:
        opaque = SAMPLES.copy()
        opaque[:, :, 3] = 255
        check(png(opaque, RGBA), COLOUR)

    @pytest.mark.parametrize("depth", [2, 8, 16])
    def test_a_transparent_grey_level_becomes_white(self, depth: int) -> None:
        levels = DEEP[:, :, 0] >> (16 - depth)
        key = int(levels[3, 4])
        data = png(levels, GREY, depth, [chunk(b"tRNS", struct.pack(">H", key))])
        full = (levels.astype(float) * (65535 / (2**depth - 1))).round().astype(np.uint16)
        expected = grey3(eight(full))
        expected[levels == key] = 255
        check(data, expected)

    def test_a_transparent_colour_becomes_white(self) -> None:
        key = COLOUR[5, 6]
        data = png(COLOUR, RGB, 8, [chunk(b"tRNS", struct.pack(">3H", *(int(v) for v in key)))])
        expected = COLOUR.copy()
        expected[(key == COLOUR).all(axis=2)] = 255
        check(data, expected)

    def test_gamma_profiles_and_text_change_nothing_and_print_nothing(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        extra = [
            chunk(b"gAMA", struct.pack(">I", 100000)),
            chunk(b"iCCP", b"bad\0\0"),
            chunk(b"tEXt", b"Title\0x"),
        ]
        check(png(COLOUR, RGB, 8, extra), COLOUR)
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation(self, orientation: int) -> None:
        extra = [chunk(b"eXIf", exif(orientation, ">"))]
        check(png(COLOUR, RGB, 8, extra), UPRIGHT[orientation](COLOUR))
        check(png(DEEP[:, :, 0], GREY, 16, extra), UPRIGHT[orientation](grey3(eight(DEEP[:, :, 0]))))

    def test_interlaced(self) -> None:
        check(png(COLOUR, RGB, interlaced=True), COLOUR)
        check(png(DEEP[:, :, :3], RGB, 16, interlaced=True), eight(DEEP[:, :, :3]))
        check(png(COLOUR[:3, :2], RGB, interlaced=True), COLOUR[:3, :2])


class TestJpeg:
    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"subsampling": 0}])
    def test_as_pillow_reads_it(self, options: dict[str, object]) -> None:
        data = pillow(smooth(), "JPEG", quality=90, **options)
        check(data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), tolerance=1)

    def test_grey(self) -> None:
        data = pillow(smooth().convert("L"), "JPEG")
        check(data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), tolerance=1)

    def test_restart_marks(self) -> None:
        data = cv2.imencode(".jpg", np.asarray(smooth()), [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1].tobytes()
        check(data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), tolerance=1)

    def test_cmyk_by_adobes_inverted_convention(self) -> None:
        data = pillow(smooth().convert("CMYK"), "JPEG", quality=95)
        check(data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), tolerance=2)
        check(data, np.asarray(smooth()), tolerance=12)

    def test_ycck(self) -> None:
        # The transform that Adobe's mark names is what tells YCCK from CMYK; the pixels then mean something else.
        data = pillow(smooth().convert("CMYK"), "JPEG", quality=95)
        at = data.index(b"Adobe") + 11
        ycck = data[:at] + b"\x02" + data[at + 1 :]
        check(ycck, np.asarray(Image.open(io.BytesIO(ycck)).convert("RGB")), tolerance=3)

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation(self, orientation: int, order: str) -> None:
        plain = pillow(smooth(), "JPEG")
        turned = jpeg_with_exif(plain, orientation, order)
        check(turned, UPRIGHT[orientation](decode_pixels(plain)))
        with Image.open(io.BytesIO(turned)) as image:
            check(turned, np.asarray(ImageOps.exif_transpose(image)), tolerance=1)

    @pytest.mark.parametrize("orientation", [0, 9, 700])
    def test_an_impossible_orientation_is_passed_over(self, orientation: int) -> None:
        plain = pillow(smooth(), "JPEG")
        check(jpeg_with_exif(plain, orientation), decode_pixels(plain))

    def test_what_follows_the_end_mark_is_ignored(self) -> None:
        data = pillow(smooth(), "JPEG")
        check(data + bytes(1000), decode_pixels(data))

    @pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (16, 17), (33, 5)])
    def test_small_sizes(self, size: tuple[int, int]) -> None:
        data = pillow(Image.fromarray(np.full((*size, 3), 90, np.uint8)), "JPEG")
        check(data, np.asarray(Image.open(io.BytesIO(data))), tolerance=1)


class TestTiff:
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_rgb(self, order: str) -> None:
        check(tiff(COLOUR, 2, order=order), COLOUR)
        check(tiff(DEEP[:, :, :3], 2, 16, order=order), eight(DEEP[:, :, :3]))

    @pytest.mark.parametrize("white_is_zero", [False, True])
    def test_grey(self, white_is_zero: bool) -> None:
        kind = 0 if white_is_zero else 1
        bits = SAMPLES[:, :, 0] >> 7
        for stored, depth, shown in (
            (bits, 1, bits * np.uint8(255)),
            (SAMPLES[:, :, 0], 8, SAMPLES[:, :, 0]),
            (DEEP[:, :, 0], 16, eight(DEEP[:, :, 0])),
        ):
            check(tiff(stored, kind, depth), grey3(np.invert(shown) if white_is_zero else shown))

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation_at_both_depths(self, orientation: int) -> None:
        tags = {274: (3, [orientation])}
        check(tiff(COLOUR, 2, 8, tags), UPRIGHT[orientation](COLOUR))
        check(tiff(DEEP[:, :, :3], 2, 16, tags), UPRIGHT[orientation](eight(DEEP[:, :, :3])))
        check(tiff(DEEP[:, :, 0], 0, 16, tags), UPRIGHT[orientation](grey3(255 - eight(DEEP[:, :, 0]))))
        check(tiff(SAMPLES[:, :, 0], 1, 8, tags), UPRIGHT[orientation](grey3(SAMPLES[:, :, 0])))

    def test_straight_alpha_is_laid_over_white(self) -> None:
        tags = {338: (3, [2])}
        check(tiff(SAMPLES, 2, 8, tags), over_white(COLOUR, SAMPLES[:, :, 3]), tolerance=1)
        expected = over_white(eight(DEEP[:, :, :3]), eight(DEEP[:, :, 3]))
        check(tiff(DEEP, 2, 16, tags), expected)

    @pytest.mark.parametrize("deep", [False, True])
    def test_premultiplied_alpha_is_laid_over_white(self, deep: bool) -> None:
        straight = over_white(COLOUR, SAMPLES[:, :, 3])
        stored = SAMPLES.copy()
        stored[:, :, :3] = np.round(COLOUR * (SAMPLES[:, :, 3:] / 255.0))
        wide = stored.astype(np.uint16) * 257 if deep else stored
        check(tiff(wide, 2, 16 if deep else 8, {338: (3, [1])}), straight, tolerance=1)

    def test_a_channel_of_unknown_meaning_is_ignored(self) -> None:
        check(tiff(SAMPLES, 2, 8, {338: (3, [0])}), COLOUR)
        check(tiff(DEEP, 2, 16, {338: (3, [0])}), eight(DEEP[:, :, :3]))

    def test_palette(self) -> None:
        palette = RNG.integers(0, 256, (3, 256)).astype(np.uint16)
        values = [int(v) * 257 for v in palette.ravel()]
        check(tiff(SAMPLES[:, :, 0], 3, 8, {320: (3, values)}), palette.T.astype(np.uint8)[SAMPLES[:, :, 0]])

    def test_cmyk_as_pillow_reads_it(self) -> None:
        data = pillow(smooth().convert("CMYK"), "TIFF")
        check(data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), tolerance=2)

    @pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "tiff_adobe_deflate"])
    def test_lossless_compressions(self, compression: str) -> None:
        check(pillow(Image.fromarray(COLOUR), "TIFF", compression=compression), COLOUR)

    def test_tiles(self) -> None:
        deep = RNG.integers(0, 65536, (100, 150, 3)).astype(np.uint16)
        shallow = eight(deep)
        check(tiled_tiff(shallow, 8, side=64), shallow)
        check(tiled_tiff(deep, 16, side=64), shallow)

    def test_fax(self) -> None:
        image = Image.fromarray(SAMPLES[:, :, 0]).convert("1", dither=Image.Dither.NONE)
        check(pillow(image, "TIFF", compression="group4"), np.asarray(image.convert("RGB")))

    def test_big_tiff(self) -> None:
        check(pillow(Image.fromarray(COLOUR), "TIFF", big_tiff=True), COLOUR)

    def test_of_several_pages_the_first(self) -> None:
        more = Image.fromarray(np.zeros_like(COLOUR))
        check(pillow(Image.fromarray(COLOUR), "TIFF", save_all=True, append_images=[more]), COLOUR)


class TestBmp:
    ROWS = np.ascontiguousarray(SAMPLES[::-1][:, :, [2, 1, 0, 3]])
    MASKS = struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)

    def test_24_and_32_bits(self) -> None:
        check(bmp(self.ROWS[:, :, :3].tobytes(), WIDTH, HEIGHT, 24), COLOUR)
        check(bmp(self.ROWS.tobytes(), WIDTH, HEIGHT, 32), COLOUR)

    def test_top_down(self) -> None:
        check(bmp(self.ROWS[::-1].tobytes(), WIDTH, -HEIGHT, 32), COLOUR)

    def test_the_fourth_byte_is_ignored(self) -> None:
        check(bmp(self.ROWS.tobytes(), WIDTH, HEIGHT, 32, 3, self.MASKS), COLOUR)
        masks = self.MASKS + struct.pack("<I", 0xFF000000) + bytes(52)
        check(bmp(self.ROWS.tobytes(), WIDTH, HEIGHT, 32, 3, masks, header=108), COLOUR)

    def test_the_old_header_of_os2(self) -> None:
        rows = self.ROWS[:, :, :3].tobytes()
        head = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
        check(b"BM" + struct.pack("<IHHI", 26 + len(rows), 0, 0, 26) + head + rows, COLOUR)
        palette, index = RNG.integers(0, 256, (256, 3)).astype(np.uint8), SAMPLES[:, :, 0]
        table = palette[:, ::-1].tobytes()
        start = struct.pack("<IHHIIHHHH", 0, 0, 0, 26 + 768, 12, WIDTH, HEIGHT, 1, 8)
        check(b"BM" + start + table + index[::-1].tobytes(), palette[index])

    def test_run_lengths(self) -> None:
        palette = RNG.integers(0, 256, (256, 3)).astype(np.uint8)
        levels = SAMPLES[:, :, 0] // 64
        rows = b"".join(b"".join(bytes([1, v]) for v in row) + b"\0\0" for row in levels[::-1]) + b"\0\1"
        table = np.pad(palette[:, ::-1], ((0, 0), (0, 1))).tobytes()
        check(bmp(rows, WIDTH, HEIGHT, 8, 1, table), palette[levels])

    @pytest.mark.parametrize("mode", ["1", "L", "P"])
    def test_few_colours_as_pillow_reads_them(self, mode: str) -> None:
        image = Image.fromarray(COLOUR).convert(mode)
        check(pillow(image, "BMP"), np.asarray(image.convert("RGB")))


class TestWebp:
    def test_lossless_with_and_without_alpha(self) -> None:
        check(pillow(Image.fromarray(COLOUR), "WEBP", lossless=True), COLOUR)
        data = pillow(Image.fromarray(SAMPLES), "WEBP", lossless=True, exact=True)
        check(data, over_white(COLOUR, SAMPLES[:, :, 3]))

    def test_lossy(self) -> None:
        data = pillow(smooth(), "WEBP", quality=90)
        check(data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), tolerance=2)

    @pytest.mark.parametrize("orientation", [1, 3, 6, 8])
    def test_exif_orientation(self, orientation: int) -> None:
        data = pillow(Image.fromarray(COLOUR), "WEBP", lossless=True, exif=b"Exif\0\0" + exif(orientation))
        check(data, UPRIGHT[orientation](COLOUR))


class TestMasks:
    @pytest.mark.parametrize("value", [1, 255])
    def test_any_level_above_zero_is_change(self, value: int) -> None:
        truth = SAMPLES[:, :, 0] > 128
        assert (decode_mask(png(truth * np.uint8(value), GREY)) == truth).all()
        assert (decode_mask(png(truth * np.uint16(value), GREY, 16)) == truth).all()
        assert (decode_mask(tiff(truth * np.uint16(value), 1, 16)) == truth).all()

    def test_what_is_transparent_is_no_change(self) -> None:
        truth = SAMPLES[:, :, 0] > 128
        pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        pixels[truth] = (255, 0, 0, 128)
        pixels[~truth] = (255, 255, 255, 0)
        assert (decode_mask(png(pixels, RGBA)) == truth).all()


def smooth() -> Image.Image:
    y, x = np.mgrid[0:48, 0:64]
    return Image.fromarray(np.stack([x * 4, y * 5, (x + y) * 2], axis=-1).astype(np.uint8))
