"""Files that cannot be inspected: each is refused with its own code, in silence, and never shown in part."""

from __future__ import annotations

import io
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoders import GREY, RGB, bmp, chunk, jpeg_with_exif, png, png_header, tiff
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inspector_app.core.errors import OperatorError
from inspector_app.vision.decode import decode_frame, decode_pixels, read_frame

PICTURE = np.random.default_rng(3).integers(0, 256, (96, 128, 3)).astype(np.uint8)


def pillow(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(PICTURE)).save(buffer, kind, **options)
    return buffer.getvalue()


WHOLE = {
    "png": png(PICTURE, RGB),
    "jpeg": pillow("JPEG"),
    "jpeg-444": pillow("JPEG", quality=95, subsampling=0),
    "jpeg-progressive": pillow("JPEG", progressive=True),
    "jpeg-restarts": cv2.imencode(".jpg", PICTURE, [cv2.IMWRITE_JPEG_RST_INTERVAL, 3])[1].tobytes(),
    "jpeg-cmyk": pillow("JPEG", Image.fromarray(PICTURE).convert("CMYK")),
    "tiff": tiff(PICTURE, 2),
    "tiff-lzw": pillow("TIFF", compression="tiff_lzw"),
    "bmp": pillow("BMP"),
    "webp": pillow("WEBP"),
}
# With a picture inside the picture's notes, an end mark is met long before the end.
THUMBNAIL = jpeg_with_exif(WHOLE["jpeg"], 1)
THUMBNAIL = THUMBNAIL[:2] + b"\xff\xe2" + struct.pack(">H", 1002) + WHOLE["jpeg"][-1000:] + THUMBNAIL[2:]
WHOLE["jpeg-thumbnail"] = THUMBNAIL


def code_of(data: bytes) -> str:
    with pytest.raises(OperatorError) as caught:
        decode_frame(data, "x")
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_files_are_read(kind: str) -> None:
    assert decode_pixels(WHOLE[kind]).shape == PICTURE.shape


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.4, 0.7, 0.95])
def test_a_cut_file_is_truncated(kind: str, share: float, capfd: pytest.CaptureFixture[str]) -> None:
    data = WHOLE[kind]
    assert code_of(data[: max(9, int(len(data) * share))]) == "image_truncated"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["png", "jpeg", "jpeg-progressive", "jpeg-restarts", "webp", "bmp"])
def test_a_file_without_its_last_bytes_is_truncated(kind: str) -> None:
    for cut in (1, 2, 5):
        assert code_of(WHOLE[kind][:-cut]) == "image_truncated"


@pytest.mark.parametrize("kind", ["png", "jpeg", "jpeg-progressive", "jpeg-restarts", "tiff-lzw"])
def test_a_file_whose_tail_was_never_written_is_refused(kind: str) -> None:
    """As a copy leaves it that reserved the space and was broken off."""
    data = WHOLE[kind]
    half = len(data) // 2
    assert code_of(data[:half] + bytes(len(data) - half)) in ("image_truncated", "image_damaged")


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-444", "jpeg-restarts", "jpeg-cmyk"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_jpeg_that_was_cut_and_given_an_end_mark_is_truncated(
    kind: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    data = WHOLE[kind]
    assert code_of(data[: int(len(data) * share)] + b"\xff\xd9") == "image_truncated"
    assert capfd.readouterr().err == ""


def test_a_jpeg_with_a_restart_mark_missing_is_refused() -> None:
    data = WHOLE["jpeg-restarts"]
    at = data.index(b"\xff\xd2")
    assert code_of(data[:at] + data[at + 2 :]) == "image_truncated"
    swapped = data[:at] + b"\xff\xd5" + data[at + 2 :]
    assert code_of(swapped) == "image_damaged"


def test_a_jpeg_whose_colours_are_not_all_there_is_truncated() -> None:
    data = WHOLE["jpeg-progressive"]
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xda", first + 2)
    third = data.index(b"\xff\xda", second + 2)
    luma_only = data[:first] + data[second:third] + b"\xff\xd9"
    assert code_of(luma_only) == "image_truncated"


class TestPng:
    def test_without_end(self) -> None:
        assert code_of(png(PICTURE, RGB, end=b"")) == "image_truncated"

    def test_without_pixels(self) -> None:
        data = WHOLE["png"]
        assert code_of(data[:33] + chunk(b"IEND", b"")) == "image_truncated"

    def test_wrong_checksum(self, capfd: pytest.CaptureFixture[str]) -> None:
        data = bytearray(WHOLE["png"])
        data[2000] ^= 0x10
        assert code_of(bytes(data)) == "image_damaged"
        assert capfd.readouterr().err == ""

    def test_fewer_rows_than_its_header_says(self) -> None:
        rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in PICTURE[:40]))
        data = WHOLE["png"][:33] + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
        assert code_of(data) == "image_damaged"

    def test_impossible_header(self) -> None:
        assert (
            code_of(png(PICTURE, RGB, depth=8).replace(b"\x08\x02\0\0\0", b"\x07\x02\0\0\0"))
            == "image_damaged"
        )


@pytest.mark.parametrize(
    "data",
    [
        png_header(40_000, 40_000),
        struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 54, 40, 40_000, -40_000, 1, 24, 0, 0, 0, 0, 0, 0),
        tiff(PICTURE, 2, 8, {256: (4, [40_000]), 257: (4, [40_000])}),
        b"\xff\xd8\xff\xc0\x00\x11\x08" + struct.pack(">HH", 40_000, 40_000) + b"\3\1\x11\0\2\x11\0\3\x11\0",
        b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + 2 * (39_999).to_bytes(3, "little"),
    ],
    ids=["png", "bmp", "tiff", "jpeg", "webp"],
)
def test_a_huge_picture_is_refused_by_its_header(data: bytes) -> None:
    assert code_of(data) == "image_too_large"


def test_a_side_beyond_the_decoders_own_limit_is_refused_as_too_large() -> None:
    assert code_of(png_header(2_000_000, 1)) == "image_too_large"


def test_a_size_of_zero_is_damaged() -> None:
    assert code_of(png_header(0, 5)) == "image_damaged"


@pytest.mark.parametrize(
    "data", [b"x", b"text named .png\n" * 99, b"BM is how this text begins", bytes(5000)]
)
def test_what_is_no_image(data: bytes) -> None:
    assert code_of(data) == "image_not_an_image"


def test_an_empty_file() -> None:
    assert code_of(b"") == "image_empty"


def test_a_few_first_bytes() -> None:
    for kind in ("png", "jpeg", "tiff"):
        assert code_of(WHOLE[kind][:2]) == "image_truncated"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (pillow("GIF"), "GIF"),
        (pillow("JPEG2000"), "JPEG 2000"),
        (pillow("TIFF", Image.fromarray(np.ones((4, 4), np.float32))), "floating"),
        (tiff(np.ones((4, 4), np.float16), 1, 16, {339: (3, [3])}), "floating"),
        (tiff(np.ones((4, 4), np.int16), 1, 16, {339: (3, [2])}), "signed"),
        (tiff(np.ones((4, 4), np.uint32), 1, 32), "32 bits"),
        (pillow("TIFF", Image.fromarray(PICTURE).convert("LAB")), "colour model"),
        (tiff(np.ones((4, 4, 4), np.uint16), 5, 16), "16 bits"),
        (tiff(np.ones((4, 4, 2), np.uint8), 1, 8, {338: (3, [2])}), "2 channels"),
        (tiff(np.ones((4, 4, 3), np.uint16), 2, 16, {284: (3, [2])}), "planes"),
        (WHOLE["jpeg"].replace(b"\xff\xc0", b"\xff\xc3"), "lossless"),
    ],
)
def test_what_is_not_supported_is_named(data: bytes, word: str) -> None:
    with pytest.raises(OperatorError, match=word) as caught:
        decode_frame(data, "x")
    assert caught.value.code == "image_unsupported"


def test_unreadable_tiff_tags_are_damaged() -> None:
    assert code_of(tiff(PICTURE, 2, 8, {273: (4, [])})) in ("image_damaged", "image_truncated")


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder with a file that may not be read; the administrator, who may, becomes nobody for a while."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed.png").write_bytes(WHOLE["png"])
        (folder / "closed.png").chmod(0)
        user = os.geteuid()
        os.seteuid(65534 if user == 0 else user)
        try:
            yield folder
        finally:
            os.seteuid(user)


class TestFiles:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(OperatorError) as caught:
            read_frame(tmp_path / "gone.png")
        assert caught.value.code == "image_missing"

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(OperatorError) as caught:
            read_frame(tmp_path)
        assert caught.value.code == "image_unreadable"

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(OperatorError) as caught:
            read_frame(tmp_path / "pipe.png")
        assert caught.value.code == "image_unreadable"

    @pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no user ids on this system")
    def test_no_permission(self, as_nobody: Path) -> None:
        with pytest.raises(OperatorError, match="may not be read") as caught:
            read_frame(as_nobody / "closed.png")
        assert caught.value.code == "image_unreadable"

    def test_a_name_of_250_bytes(self, tmp_path: Path) -> None:
        path = tmp_path / ("ä" * 123 + ".png")
        path.write_bytes(png(PICTURE[:, :, 0], GREY))
        assert read_frame(path).name == path.name


@given(kind=st.sampled_from(sorted(WHOLE)), data=st.data())
def test_no_damage_escapes_as_anything_but_an_operators_error(kind: str, data: st.DataObject) -> None:
    whole = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, min(len(whole), 700) - 1))] = data.draw(st.integers(0, 255))
    try:
        code = f"image_of_{decode_frame(bytes(whole[: data.draw(st.integers(0, len(whole)))]), 'x').width}"
    except OperatorError as error:
        code = error.code
    assert code.startswith("image_")


def test_bmp_of_an_unknown_compression() -> None:
    assert code_of(bmp(bytes(64), 4, 4, 32, 7)) == "image_unsupported"
