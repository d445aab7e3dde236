"""Pictures to measure with, rendered so that anyone can make them: a folder of parts and its golden; one large pair."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.reference_loop import image_files
from inspector_app.synthesis.canvas import disc, shaded
from inspector_app.synthesis.families import TRAINING_FAMILIES
from inspector_app.synthesis.pairs import make_flawed
from inspector_app.synthesis.scene import Scene, render

Image = NDArray[np.uint8]

FAMILY = "populated_board"
FLAWED_SHARE = 0.2
UNITS = 40
NOISE_LEVELS = 2.5
PANEL = (8, 12)
"""Rows and columns of boards on the large panel."""
BOARD_SIDE = 456
"""Eight by twelve of them make 3,648 x 5,472 pixels."""


@dataclass(frozen=True)
class Parts:
    """A folder of test images and their golden."""

    folder: Path
    golden: Path


@dataclass(frozen=True)
class LargePair:
    """A golden and a test image with one defect in ``box`` (x, y, width, height), in pixels."""

    golden: Path
    test: Path
    box: tuple[int, int, int, int]


def write_parts(folder: Path, count: int, side: int, source: Path | None = None, seed: int = 4) -> Parts:
    """Write ``count`` PNG files of ``side x side`` pixels into ``folder / "parts"``, and ``folder / "golden.png"``.

    Each has its own light and its own noise. They are made from rendered boards, every fifth with a defect, or from
    the images in ``source``, of which the first by name is the golden.

    Raises:
        ValueError: ``source`` holds no images.
    """
    rng = np.random.default_rng(seed)
    golden, units = _given(source, side) if source else _rendered(rng, side)
    parts = folder / "parts"
    parts.mkdir(parents=True)
    _save(folder / "golden.png", golden)
    for number in range(count):
        _save(parts / f"{number:06d}.png", _photographed(rng, units[number % len(units)]))
    return Parts(parts, folder / "golden.png")


def link_parts(parts: Parts, folder: Path, count: int) -> Parts:
    """``count`` hard links in ``folder`` to the images of ``parts``, in turn."""
    folder.mkdir(parents=True)
    sources = image_files(parts.folder)
    for number in range(count):
        os.link(sources[number % len(sources)], folder / f"{number:06d}.png")
    return Parts(folder, parts.golden)


def write_large_pair(folder: Path, size_px: int = 12, seed: int = 7) -> LargePair:
    """Write a panel of 8 x 12 boards, 5,472 x 3,648 pixels, and the same with one round defect of ``size_px``."""
    rng = np.random.default_rng(seed)
    board = render(TRAINING_FAMILIES[FAMILY](rng, (BOARD_SIDE, BOARD_SIDE)))
    golden = np.tile(board, (*PANEL, 1))
    x, y = (int(rng.integers(BOARD_SIDE, side - BOARD_SIDE)) for side in (golden.shape[1], golden.shape[0]))
    test = golden.copy()
    patch = test[y : y + size_px, x : x + size_px].copy()
    middle = size_px / 2 - 0.5
    disc(patch, (middle, middle), size_px / 2 - 0.5, (20, 20, 20) if patch.mean() > 127 else (235, 235, 235))
    test[y : y + size_px, x : x + size_px] = patch
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / "golden.png", _photographed(rng, golden))
    (folder / "parts").mkdir()
    _save(folder / "parts" / "panel.png", _photographed(rng, test))
    return LargePair(folder / "golden.png", folder / "parts" / "panel.png", (x, y, size_px, size_px))


def _rendered(rng: np.random.Generator, side: int) -> tuple[Image, list[Image]]:
    scene = TRAINING_FAMILIES[FAMILY](rng, (side, side))
    return render(scene), list(_units(rng, scene, UNITS))


def _units(rng: np.random.Generator, scene: Scene, count: int) -> Iterator[Image]:
    for number in range(count):
        unit = scene.vary(rng) if scene.vary is not None else scene
        if number % round(1 / FLAWED_SHARE):
            yield render(unit)
        else:
            yield make_flawed(rng, unit, min(unit.shape) // 16).image


def _given(source: Path, side: int) -> tuple[Image, list[Image]]:
    files = image_files(source)
    if not files:
        raise ValueError(f"there are no images in {source}")
    images = [_resized(path, side) for path in files]
    return images[0], images


def _resized(path: Path, side: int) -> Image:
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is not an image")
    resized = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(resized[..., ::-1], np.uint8)


def _photographed(rng: np.random.Generator, image: Image) -> Image:
    """With a light of its own, and the noise of a camera."""
    noise = rng.normal(rng.uniform(-4, 4), NOISE_LEVELS, image.shape[:2])
    return shaded(image, noise.astype(np.float32))


def _save(path: Path, image: Image) -> None:
    done, data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    if not done:
        raise OSError(f"could not encode {path}")
    path.write_bytes(data.tobytes())


def average_bytes(files: Sequence[Path]) -> float:
    """Of a few files' sizes."""
    return float(np.mean([path.stat().st_size for path in files]))
