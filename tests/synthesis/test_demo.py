"""The bundled demo set is what the code renders, and is laid out and sized as promised."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest

from inspector_app.synthesis.demo import DEMO_PRODUCTS, demo_files, write_demo_set

BUNDLED = Path(__file__).parents[2] / "resources" / "demo"


@pytest.fixture(scope="module")
def rendered() -> Mapping[PurePosixPath, np.ndarray]:
    return dict(demo_files())


def _read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None, path
    return image if image.ndim == 2 else image[..., ::-1]


def test_the_bundled_files_are_the_rendered_ones(rendered: Mapping[PurePosixPath, np.ndarray]) -> None:
    on_disk = {PurePosixPath(f.relative_to(BUNDLED).as_posix()) for f in BUNDLED.rglob("*.png")}
    assert on_disk == set(rendered)
    for name, expected in rendered.items():
        stored = _read(BUNDLED / name)
        assert stored.shape == expected.shape
        # Processors round differently in the last place: a level here and there, never a visible change.
        assert np.abs(stored.astype(int) - expected).mean() < 0.5, name


def test_masks_are_binary_and_only_of_defective_units(
    rendered: Mapping[PurePosixPath, np.ndarray],
) -> None:
    for name, image in rendered.items():
        if name.parts[1] == "ground_truth":
            assert set(np.unique(image)) == {0, 255}
            assert 0.001 < (image > 0).mean() < 0.05
            kind, file = name.parts[2], name.name.replace("_mask", "")
            assert rendered[PurePosixPath(name.parts[0], "test", kind, file)].shape[:2] == image.shape
        else:
            assert image.ndim == 3


def test_the_set_is_large_enough_and_small_enough() -> None:
    tests = [f for f in BUNDLED.rglob("*.png") if "test" in f.parts and "ground_truth" not in f.parts]
    good = [f for f in tests if f.parent.name == "good"]
    assert len(DEMO_PRODUCTS) >= 3
    assert len(tests) >= 12
    assert 0.3 < len(good) / len(tests) < 0.7
    assert sum(f.stat().st_size for f in BUNDLED.rglob("*")) < 6_200_000


def test_writing_puts_every_file_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = np.zeros((4, 5, 3), np.uint8)
    tiny[..., 0] = 200
    name = PurePosixPath("bearing/test/good/000.png")
    monkeypatch.setattr("inspector_app.synthesis.demo.demo_files", lambda seed: iter([(name, tiny)]))
    assert write_demo_set(tmp_path, 1) == (tmp_path / name,)
    assert np.array_equal(_read(tmp_path / name), tiny)
