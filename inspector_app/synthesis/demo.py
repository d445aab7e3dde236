"""The demo set: photographs of three rendered products, good and defective, with their annotation."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from inspector_app.synthesis.canvas import Image, Mask, Shape, shaded
from inspector_app.synthesis.families import DEMO_FAMILIES
from inspector_app.synthesis.nuisances import View, relit, view_matrix
from inspector_app.synthesis.pairs import changed_mask
from inspector_app.synthesis.part_defects import PartDefect, broken, missing, recoloured, rotated, swapped
from inspector_app.synthesis.scene import Part, Scene, render
from inspector_app.synthesis.surface_defects import SurfaceDefect, corrosion, debris, fibre, scratch, stain

DEMO_SEED = 20
_OVERSAMPLING = 2
_ATTEMPTS = 200


@dataclass(frozen=True)
class DemoDefect:
    """One defective unit: its folder, what makes it (a part or a surface defect), its wanted size.

    ``least`` and ``most`` bound the changed share of the picture.
    """

    kind: str
    least: float
    most: float
    part: PartDefect | None = None
    surface: SurfaceDefect | None = None


@dataclass(frozen=True)
class DemoProduct:
    """One product of the demo set: family, picture size (rows, columns), number of good units, defects."""

    family: str
    shape: Shape
    good: int
    defects: tuple[DemoDefect, ...]


DEMO_PRODUCTS: tuple[DemoProduct, ...] = (
    DemoProduct(
        "bearing",
        (480, 480),
        3,
        (
            DemoDefect("missing_ball", 0.003, 0.02, part=missing),
            DemoDefect("rust", 0.004, 0.02, surface=partial(corrosion, tone=(128.0, 66.0, 28.0))),
            DemoDefect("scratch", 0.002, 0.005, surface=partial(scratch, tone=(250.0, 250.0, 252.0))),
            DemoDefect("contamination", 0.002, 0.008, surface=partial(debris, tone=(58.0, 40.0, 26.0))),
        ),
    ),
    DemoProduct(
        "blister",
        (450, 600),
        3,
        (
            DemoDefect("missing_tablet", 0.003, 0.03, part=missing),
            DemoDefect("broken_tablet", 0.003, 0.03, part=broken),
            DemoDefect("wrong_tablet", 0.006, 0.03, part=recoloured),
            DemoDefect("hair", 0.0015, 0.005, surface=partial(fibre, tone=(38.0, 26.0, 18.0))),
        ),
    ),
    DemoProduct(
        "fuse_box",
        (448, 560),
        3,
        (
            DemoDefect("missing_fuse", 0.005, 0.03, part=missing),
            DemoDefect("wrong_fuse", 0.004, 0.03, part=swapped),
            DemoDefect("tilted_fuse", 0.004, 0.03, part=rotated),
            DemoDefect("paint", 0.003, 0.02, surface=partial(stain, tone=(206.0, 208.0, 200.0))),
        ),
    ),
)
"""What is in the bundled demo set."""


def write_demo_set(out: Path, seed: int = DEMO_SEED) -> tuple[Path, ...]:
    """Render the demo set into ``out`` in MVTec's layout and return the written files.

    ``<product>/golden.png``, ``<product>/test/<good or defect>/NNN.png`` and
    ``<product>/ground_truth/<defect>/NNN_mask.png`` (255 where the part is defective). The same seed gives
    the same pixels. Raises OSError when a file cannot be written.
    """
    return tuple(_save(out / name, image) for name, image in demo_files(seed))


def demo_files(seed: int = DEMO_SEED) -> Iterator[tuple[PurePosixPath, Image]]:
    """Yield name and pixels of every file of the demo set: pictures uint8 HxWx3 RGB, masks uint8 HxW."""
    done = 0
    for number, product in enumerate(DEMO_PRODUCTS):
        files = tuple(_product_files(product, (seed, number), done))
        done += len(files)
        for name, image in files:
            yield PurePosixPath(product.family) / name, image


def _product_files(product: DemoProduct, seed: tuple[int, int], done: int) -> Iterator[tuple[str, Image]]:
    rng = np.random.default_rng(seed)
    high, wide = product.shape
    scene = DEMO_FAMILIES[product.family](rng, (high * _OVERSAMPLING, wide * _OVERSAMPLING))
    golden, _ = _photograph(rng, scene, render(scene), None, product.shape, still=True)
    yield "golden.png", golden
    for unit in range(product.good):
        good = scene.vary(rng) if scene.vary is not None else scene
        picture, _ = _photograph(rng, scene, render(good), None, product.shape)
        yield f"test/good/{unit:03d}.png", picture
    first = done + 1 + product.good
    for turn, defect in enumerate(product.defects):
        image, mask = _defective(np.random.default_rng((*seed, first + 2 * turn)), scene, defect)
        picture, annotation = _photograph(rng, scene, image, mask, product.shape)
        yield f"test/{defect.kind}/000.png", picture
        yield f"ground_truth/{defect.kind}/000_mask.png", annotation


def _defective(rng: np.random.Generator, scene: Scene, defect: DemoDefect) -> tuple[Image, Mask]:
    """A unit with one defect of the wanted size: its picture and its mask."""
    unit = scene.vary(rng) if scene.vary is not None else scene
    reference = render(unit)
    edge = min(unit.shape) // 14
    zone = np.zeros_like(unit.zone)
    zone[edge:-edge, edge:-edge] = unit.zone[edge:-edge, edge:-edge]
    for _ in range(_ATTEMPTS):
        image: Image = reference
        marked: tuple[Part, ...] = ()
        if defect.part is not None:
            changed, marked = defect.part(rng, unit, int(rng.integers(len(unit.parts))))
            image = render(changed)
        if defect.surface is not None:
            image = defect.surface(rng, image, zone)
        mask = changed_mask(reference, image, marked, unit.shape)
        if defect.least <= float(mask.mean()) <= defect.most and _plain(reference, image, mask):
            return image, mask
    raise RuntimeError(f"no {defect.kind} of the wanted size came out in {_ATTEMPTS} attempts")


def _plain(reference: Image, image: Image, mask: Mask) -> bool:
    """Whether an operator would see the change at a glance: most of it well above the noise."""
    return float(cv2.absdiff(reference, image).max(axis=2)[mask].mean()) > 38


def _photograph(
    rng: np.random.Generator, scene: Scene, image: Image, mask: Mask | None, shape: Shape, still: bool = False
) -> tuple[Image, Image]:
    """Picture and annotation (uint8, 0 or 255) of a unit under the station's camera, both of ``shape``."""
    high, wide = scene.shape
    truth = np.zeros(scene.shape, np.uint8) if mask is None else mask.astype(np.uint8) * 255
    if scene.grain is not None:
        image = shaded(image, scene.grain(rng))
    if not still:
        dx, dy, turn = rng.uniform(-1, 1, 3) * (2.5, 2.5, 0.25)
        square = view_matrix(View(dx, dy, turn), (0, 0), min(high, wide))
        image, truth = (
            _warp(plane, square, flag)
            for plane, flag in ((image, cv2.INTER_CUBIC), (truth, cv2.INTER_LINEAR))
        )
        image = relit(rng, image, 0.22)
    size = (shape[1], shape[0])
    picture = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    covered = cv2.resize(truth, size, interpolation=cv2.INTER_AREA)
    return picture, np.where(covered > 127, np.uint8(255), np.uint8(0))


def _warp(plane: Image, matrix: np.ndarray, flag: int) -> Image:
    size = (plane.shape[1], plane.shape[0])
    return np.asarray(
        cv2.warpAffine(plane, matrix, size, flags=flag, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _save(path: Path, image: Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
    done, code = cv2.imencode(".png", stored, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise OSError(f"could not encode {path}")
    path.write_bytes(code.tobytes())
    return path
