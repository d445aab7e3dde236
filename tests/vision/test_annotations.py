"""Finding and reading annotations in every layout."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoders import GREY, png
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from inspector_app.core.change_map import Mask
from inspector_app.core.errors import OperatorError
from inspector_app.vision.annotations import TruthFinder, load_truth, truth_at
from inspector_app.vision.coco import decompress

SIZE = (20, 12)
BOX = np.zeros((12, 20), bool)
BOX[3:7, 5:11] = True
CORNERS = [[5, 3], [11, 3], [11, 7], [5, 7]]


def put(path: Path, content: bytes | dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def mask_png(mask: Mask = BOX, value: int = 255) -> bytes:
    return png(mask * np.uint8(value), GREY)


def labelme(shapes: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "version": "5.5",
        "flags": {},
        "shapes": list(shapes),
        "imageWidth": 20,
        "imageHeight": 12,
        **more,
    }


def coco(annotations: Sequence[dict[str, Any]], name: str = "a.png") -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": name, "width": 20, "height": 12}],
        "annotations": [{"id": i, "image_id": 7, **a} for i, a in enumerate(annotations)],
        "categories": [{"id": 1, "name": "scratch"}],
    }


def error_of(path: Path, size: tuple[int, int] | None = SIZE) -> str:
    with pytest.raises(OperatorError) as caught:
        load_truth(path, size, "a.png")
    assert path.name in caught.value.message
    return caught.value.code


class TestMvtec:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        put(tmp_path / "ground_truth/scratch/000_mask.png", mask_png())
        return tmp_path

    @pytest.mark.parametrize("truth", ["ground_truth", "."])
    @pytest.mark.parametrize("images", ["test", ".", "test/scratch"])
    def test_by_type_and_number(self, root: Path, truth: str, images: str) -> None:
        finder = TruthFinder(root / truth, root / images)
        found = finder.find(root / "test/scratch/000.png", SIZE)
        assert found.mask is not None
        assert (found.mask == BOX).all()
        assert found.source.endswith("000_mask.png")
        assert found.error is None
        assert not found.mask.flags.writeable

    def test_good_is_all_zero_and_the_rest_unannotated(self, root: Path) -> None:
        finder = TruthFinder(root / "ground_truth", root / "test")
        good = finder.find(root / "test/good/004.png", SIZE)
        assert good.mask is not None
        assert good.mask.shape == (12, 20)
        assert not good.mask.any()
        other = finder.find(root / "test/scratch/001.png", SIZE)
        assert (other.mask, other.source, other.error) == (None, "", None)

    def test_several_products_at_once(self, root: Path) -> None:
        put(root / "all/nut/ground_truth/bent/000_mask.png", mask_png())
        finder = TruthFinder(root / "all", root / "all")
        found = finder.find(root / "all/nut/test/bent/000.png", SIZE)
        assert found.mask is not None
        good = finder.find(root / "all/nut/test/good/000.png", SIZE)
        assert good.mask is not None

    def test_real_layout(self, transistor: Path) -> None:
        finder = TruthFinder(transistor / "ground_truth", transistor / "test")
        defects = [p for p in sorted((transistor / "test").glob("*/*.png")) if p.parent.name != "good"]
        for path in defects:
            found = finder.find(path, (512, 512))
            assert found.mask is not None
            assert found.mask.any()


class TestMasks:
    def test_tao(self, tmp_path: Path) -> None:
        put(tmp_path / "label/p1.png", mask_png())
        for truth, images in (("label", "A"), (".", "A"), (".", ".")):
            found = TruthFinder(tmp_path / truth, tmp_path / images).find(tmp_path / "A/p1.png", SIZE)
            assert found.mask is not None
            assert (found.mask == BOX).all()

    @pytest.mark.parametrize("name", ["a.png", "a_mask.png", "a.bmp", "a.tif", "sub/a.png"])
    def test_the_same_name(self, tmp_path: Path, name: str) -> None:
        suffix = Path(name).suffix
        path = tmp_path / "truth" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(BOX.astype(np.uint8) * 255).save(path)
        image = tmp_path / "images" / name.replace("_mask", "").replace(suffix, ".jpg")
        found = TruthFinder(tmp_path / "truth", tmp_path / "images").find(image, SIZE)
        assert found.mask is not None
        assert (found.mask == BOX).all()

    def test_an_image_is_not_its_own_mask(self, tmp_path: Path) -> None:
        image = put(tmp_path / "a.png", mask_png())
        finder = TruthFinder(tmp_path, tmp_path)
        assert finder.find(image, SIZE).mask is None
        put(tmp_path / "a_mask.png", mask_png())
        assert finder.find(image, SIZE).mask is not None

    def test_good_means_nothing_in_other_layouts(self, tmp_path: Path) -> None:
        put(tmp_path / "truth/bad/a.png", mask_png())
        found = TruthFinder(tmp_path / "truth", tmp_path / "images").find(
            tmp_path / "images/good/b.png", SIZE
        )
        assert found.mask is None

    @pytest.mark.parametrize("value", [1, 255])
    def test_zero_one_and_zero_255(self, tmp_path: Path, value: int) -> None:
        assert (load_truth(put(tmp_path / "m.png", mask_png(value=value)), SIZE) == BOX).all()

    def test_another_size_is_an_error_and_never_stretched(self, tmp_path: Path) -> None:
        path = put(tmp_path / "truth/a.png", mask_png())
        assert error_of(path, (40, 24)) == "truth_size_mismatch"
        found = TruthFinder(tmp_path / "truth", tmp_path).find(tmp_path / "a.png", (40, 24))
        assert found.mask is None
        assert found.error is not None
        assert "20 x 12 pixels, its image 40 x 24" in found.error.message

    def test_without_the_images_size_the_masks_own_is_taken(self, tmp_path: Path) -> None:
        put(tmp_path / "truth/a.png", mask_png())
        found = TruthFinder(tmp_path / "truth", tmp_path).find(tmp_path / "a.png", None)
        assert found.mask is not None

    @pytest.mark.parametrize("content", [b"", b"no image", mask_png()[:-30]])
    def test_a_corrupt_mask_is_an_error(self, tmp_path: Path, content: bytes) -> None:
        assert error_of(put(tmp_path / "a.png", content)) == "truth_unreadable"

    def test_missing(self, tmp_path: Path) -> None:
        assert error_of(tmp_path / "none.png") == "truth_unreadable"
        with pytest.raises(OperatorError) as caught:
            TruthFinder(tmp_path / "none", tmp_path)
        assert caught.value.code == "truth_missing"


class TestLabelMe:
    def read(self, tmp_path: Path, *shapes: dict[str, Any], **more: Any) -> Mask:
        return load_truth(put(tmp_path / "a.json", labelme(shapes, **more)), SIZE)

    def test_polygon_and_rectangle(self, tmp_path: Path) -> None:
        assert (self.read(tmp_path, {"label": "x", "points": CORNERS}) == BOX).all()
        for points in ([[5, 3], [11, 7]], [[11, 7], [5, 3]], CORNERS):
            shape = {"label": "x", "points": points, "shape_type": "rectangle"}
            assert (self.read(tmp_path, shape) == BOX).all()

    def test_circle(self, tmp_path: Path) -> None:
        mask = self.read(tmp_path, {"points": [[10, 6], [10, 10]], "shape_type": "circle"})
        y, x = np.mgrid[0:12, 0:20] + 0.5
        assert (mask == (np.hypot(x - 10, y - 6) <= 4)).all()

    def test_lines_are_one_pixel_wide(self, tmp_path: Path) -> None:
        mask = self.read(tmp_path, {"points": [[2.5, 3.9], [9.2, 3.1]], "shape_type": "line"})
        assert mask.sum() == mask[3, 2:10].sum() == 8
        strip = {"points": [[1, 1], [1, 5], [4, 5]], "shape_type": "linestrip"}
        assert self.read(tmp_path, strip).sum() == 8

    def test_points_mark_their_pixel(self, tmp_path: Path) -> None:
        mask = self.read(tmp_path, {"points": [[3.9, 2.1]], "shape_type": "point"})
        assert np.argwhere(mask).tolist() == [[2, 3]]
        assert not self.read(tmp_path, {"points": [[30, 2]], "shape_type": "point"}).any()

    @pytest.mark.parametrize("corner", [(5, 3), (-2, -1), (18, 10)])
    def test_masks(self, tmp_path: Path, corner: tuple[int, int]) -> None:
        part = base64.b64encode(mask_png(np.ones((4, 6), bool))).decode()
        shape = {"points": [corner, (corner[0] + 6, corner[1] + 4)], "shape_type": "mask", "mask": part}
        x, y = corner
        expected = np.zeros_like(BOX)
        expected[max(0, y) : y + 4, max(0, x) : x + 6] = True
        assert (self.read(tmp_path, shape) == expected).all()

    def test_without_shapes_it_is_a_good_image(self, tmp_path: Path) -> None:
        assert not self.read(tmp_path).any()
        assert not self.read(tmp_path, {"label": "_background_", "points": CORNERS}).any()

    def test_with_a_byte_order_mark(self, tmp_path: Path) -> None:
        content = b"\xef\xbb\xbf" + json.dumps(labelme([{"points": CORNERS}])).encode()
        assert (load_truth(put(tmp_path / "a.json", content), SIZE) == BOX).all()

    def test_found_by_name(self, tmp_path: Path) -> None:
        put(tmp_path / "a.json", labelme([{"points": CORNERS}]))
        found = TruthFinder(tmp_path, tmp_path).find(tmp_path / "a.png", SIZE)
        assert found.mask is not None
        assert found.mask.any()

    @pytest.mark.parametrize(
        "shape",
        [
            {"points": [[1, 1], [2, 2]]},
            {"points": [[1, 1, 1]] * 3},
            {"points": [["a", 1]] * 3},
            {"points": [[float("nan"), 1]] * 3},
            {"points": [[1e30, 1]] * 3},
            {"points": CORNERS, "shape_type": "cuboid"},
            {"points": [[1, 1]], "shape_type": "circle"},
            {"points": [[1, 1]], "shape_type": "mask", "mask": "%%"},
            {"points": [[1, 1]], "shape_type": "mask", "mask": "aGVsbG8="},
            {"label": "no points"},
            "text",
        ],
    )
    def test_what_is_wrong_is_an_error(self, tmp_path: Path, shape: Any) -> None:
        assert error_of(put(tmp_path / "a.json", labelme([shape]))) == "truth_unreadable"

    def test_another_size(self, tmp_path: Path) -> None:
        assert error_of(put(tmp_path / "a.json", labelme([])), (21, 12)) == "truth_size_mismatch"
        unknown = labelme([], imageWidth=None)
        assert not load_truth(put(tmp_path / "b.json", unknown), SIZE).any()
        assert error_of(put(tmp_path / "b.json", unknown), None) == "truth_unreadable"

    @pytest.mark.parametrize("content", [b"{", b"{}", b'{"shapes": 3}', b"[1]", b"{" + b'"a":[' * 9])
    def test_broken_json(self, tmp_path: Path, content: bytes) -> None:
        assert error_of(put(tmp_path / "a.json", content)) == "truth_unreadable"


class TestCoco:
    def read(self, tmp_path: Path, *annotations: dict[str, Any]) -> Mask:
        return load_truth(put(tmp_path / "all.json", coco(annotations)), SIZE, "a.png")

    def test_polygons_and_boxes(self, tmp_path: Path) -> None:
        flat = [float(v) for point in CORNERS for v in point]
        assert (self.read(tmp_path, {"segmentation": [flat]}) == BOX).all()
        assert (self.read(tmp_path, {"segmentation": [], "bbox": [5, 3, 6, 4]}) == BOX).all()
        assert (self.read(tmp_path, {"bbox": [5, 3, 6, 4]}) == BOX).all()
        halves = [{"bbox": [5, 3, 3, 4]}, {"bbox": [8, 3, 3, 4]}]
        assert (self.read(tmp_path, *halves) == BOX).all()

    def test_run_lengths(self, tmp_path: Path) -> None:
        runs = {"size": [12, 20], "counts": run_lengths(BOX)}
        assert (self.read(tmp_path, {"segmentation": runs, "iscrowd": 1}) == BOX).all()
        packed = {"size": [12, 20], "counts": compress(run_lengths(BOX))}
        assert (self.read(tmp_path, {"segmentation": packed}) == BOX).all()

    def test_compressed_run_lengths_of_the_reference_tool(self) -> None:
        # pycocotools.mask.encode of a 10 x 10 mask that is True in rows 2 to 4 of columns 3 to 6.
        assert decompress("P13700000l0") == [32, 3, 7, 3, 7, 3, 7, 3, 35]

    def test_a_listed_image_without_annotation_is_good(self, tmp_path: Path) -> None:
        assert not self.read(tmp_path).any()

    def test_one_file_for_a_folder(self, tmp_path: Path) -> None:
        box = {"bbox": [5, 3, 6, 4]}
        put(tmp_path / "truth/instances.json", coco([box], "line/a.png"))
        put(tmp_path / "truth/other.json", labelme([{"points": CORNERS}]))
        for place in ("truth", "truth/instances.json"):
            finder = TruthFinder(tmp_path / place, tmp_path)
            found = finder.find(tmp_path / "line/a.png", SIZE)
            assert found.mask is not None
            assert (found.mask == BOX).all()
            assert finder.find(tmp_path / "line/b.png", SIZE).mask is None

    def test_a_name_that_occurs_twice_must_be_named_by_its_path(self, tmp_path: Path) -> None:
        content = coco([], "one/a.png")
        content["images"].append({"id": 8, "file_name": "two/a.png", "width": 20, "height": 12})
        path = put(tmp_path / "all.json", content)
        assert error_of(path) == "truth_unreadable"
        assert not load_truth(path, SIZE, "two/a.png").any()
        assert not load_truth(path, SIZE, "long/way/two/a.png").any()

    def test_an_image_that_is_not_listed(self, tmp_path: Path) -> None:
        path = put(tmp_path / "all.json", coco([]))
        with pytest.raises(OperatorError, match="does not list the image other"):
            load_truth(path, SIZE, "other.png")
        assert not load_truth(path, SIZE).any()

    @pytest.mark.parametrize(
        "annotation",
        [
            {},
            {"bbox": [1, 2, 3]},
            {"segmentation": [[1, 2, 3, 4]]},
            {"segmentation": [["x"] * 6]},
            {"segmentation": {"size": [12, 20], "counts": [5]}},
            {"segmentation": {"size": [20, 12], "counts": [240]}},
            {"segmentation": {"size": [12, 20], "counts": [-1, 241]}},
            {"segmentation": {"size": [12, 20], "counts": "~~"}},
            {"segmentation": {"size": [12, 20], "counts": "P"}},
            {"segmentation": {"counts": [240]}},
        ],
    )
    def test_what_is_wrong_is_an_error(self, tmp_path: Path, annotation: dict[str, Any]) -> None:
        assert error_of(put(tmp_path / "all.json", coco([annotation]))) == "truth_unreadable"

    @pytest.mark.parametrize(
        "content", [{"images": [{}], "annotations": []}, {"images": [], "annotations": [3]}]
    )
    def test_broken_lists(self, tmp_path: Path, content: dict[str, Any]) -> None:
        assert error_of(put(tmp_path / "all.json", content)) == "truth_unreadable"

    def test_a_broken_file_in_the_folder_is_told_with_the_image(self, tmp_path: Path) -> None:
        put(tmp_path / "truth/all.json", b"{broken")
        found = TruthFinder(tmp_path / "truth", tmp_path).find(tmp_path / "a.png", SIZE)
        assert found.error is not None
        assert found.error.code == "truth_unreadable"


def run_lengths(mask: Mask) -> list[int]:
    """COCO's uncompressed runs, column by column, the first of zeros."""
    runs, value = [0], False
    for pixel in mask.T.ravel():
        if pixel != value:
            runs.append(0)
            value = not value
        runs[-1] += 1
    return runs


def compress(runs: Sequence[int]) -> str:
    """COCO's compressed form, written from maskApi.c's description."""
    text = ""
    for i, run in enumerate(runs):
        value = run - runs[i - 2] if i > 2 else run
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != -1 if bits & 16 else value != 0
            text += chr(48 + (bits | 32 if more else bits))
    return text


@given(st.lists(st.integers(0, 100_000), max_size=30))
def test_compression_and_back(runs: list[int]) -> None:
    assert decompress(compress(runs)) == runs


@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)),
    st.sampled_from([1, 2, 8, 32, 64]),
    st.sampled_from([1, 4, 16, 64]),
)
def test_sampling_as_pillow_does(mask: Mask, width: int, height: int) -> None:
    image = Image.fromarray(mask.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
    assert (truth_at(mask, (width, height)) == np.asarray(image).astype(bool)).all()


@pytest.mark.parametrize("side", [100, 256, 300, 512, 640, 1000, 1024, 2448])
def test_sampling_at_256_as_pillow_does(side: int) -> None:
    mask = np.random.default_rng(side).random((side, side + 7)) < 0.5
    image = Image.fromarray(mask).resize((256, 256), Image.Resampling.NEAREST)
    assert (truth_at(mask, (256, 256)) == np.asarray(image)).all()
