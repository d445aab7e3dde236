"""Conversion of MVTec AD's layout into TAO's ``A/ B/ label/ list/`` layout, with a stratified split.

``A/`` holds the test images, ``B/`` the golden of each, ``label/`` the masks (0 and 255) and ``list/`` the
names of the files of each split, one a line.  The three files of a pair share one name.  With folds, ``list/`` also
holds ``fold0_train.txt``, ``fold0_val.txt`` and so on: the lists of a stratified cross-validation.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError, OperatorError
from inspector_app.vision.annotations import MASK_ENDING
from inspector_app.vision.decode import decode_mask, decode_pixels, read_bytes

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
GOOD = "good"
GOLDEN_SHARE = 0.05
VALIDATION_SHARE = 0.3


class DatasetLayoutError(KeeperError):
    """The source folder is not what it should be; the message names what is missing and where."""


@dataclass(frozen=True)
class PairPlan:
    """One pair of the converted set: where its parts come from and what it is called."""

    name: str
    kind: str
    test: Path
    golden: Path
    mask: Path | None


@dataclass(frozen=True)
class ConversionSummary:
    """What a conversion wrote: the goldens used and the number of pairs by kind in each split."""

    out: Path
    goldens: tuple[str, ...]
    train: Mapping[str, int]
    val: Mapping[str, int]
    folds: tuple[Mapping[str, int], ...] = ()
    """Pairs by kind in each fold's validation list."""

    @property
    def pairs(self) -> int:
        """Number of pairs in both splits together."""
        return sum(self.train.values()) + sum(self.val.values())


def convert_mvtec(
    src: Path, out: Path, seed: int = 0, goldens: Sequence[str] | None = None, folds: int = 0
) -> ConversionSummary:
    """Convert the MVTec class folder ``src`` (``train/good``, ``test/<type>``, ``ground_truth``) to ``out``.

    The goldens are the first 5% of ``train/good`` by name, or those named in ``goldens`` (without suffix).
    Every other image becomes a test image with one golden drawn at random, and each type is split 70/30.
    With ``folds`` (2 or more) the lists of a cross-validation are written beside that split.
    The same ``seed`` gives the same files.  Raises DatasetLayoutError when a folder, a mask or a golden is
    missing or when ``out`` already holds a data set.
    """
    if (out / "list").exists():
        raise DatasetLayoutError(
            "dataset_layout", f"{out} already holds a data set.", "Choose another folder."
        )
    rng = np.random.default_rng(seed)
    golden_files = choose_goldens(_folder(src) / "train" / GOOD, goldens)
    plans = plan_pairs(src, golden_files, rng)
    validation = stratified_split(plans, VALIDATION_SHARE, rng)
    for folder in ("A", "B", "label"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for plan in plans:
        _write_pair(plan, out)
    train = [plan for plan in plans if plan.name not in validation]
    val = [plan for plan in plans if plan.name in validation]
    _write_lists(out / "list", [p.name for p in train], [p.name for p in val])
    dealt = deal_folds(plans, folds, seed) if folds else ()
    _write_fold_lists(out / "list", plans, dealt)
    by_fold = tuple(_count(plan for plan in plans if plan.name in held_out) for held_out in dealt)
    return ConversionSummary(out, tuple(g.stem for g in golden_files), _count(train), _count(val), by_fold)


def choose_goldens(folder: Path, names: Sequence[str] | None = None) -> tuple[Path, ...]:
    """Return the golden images of ``train/good``: those named, or the first 5% by name (at least one).

    MVTec numbers its images from 000 without gaps.  Where images were taken out, 5% of the *numbering*
    (the highest number plus one) is meant, so that the same images stay golden.
    """
    files = images_in(folder)
    if names is not None:
        wanted = set(names)
        chosen = tuple(f for f in files if f.stem in wanted)
        if len(chosen) != len(wanted):
            missing = sorted(wanted - {f.stem for f in chosen})
            raise DatasetLayoutError("dataset_layout", f"{folder} has no image named {', '.join(missing)}.")
        return chosen
    numbers = [int(f.stem) for f in files if f.stem.isdecimal()]
    total = max(numbers) + 1 if len(numbers) == len(files) else len(files)
    limit = max(1, int(total * GOLDEN_SHARE))
    if len(numbers) == len(files):
        return tuple(f for f in files if int(f.stem) < limit) or files[:1]
    return files[:limit]


def plan_pairs(src: Path, goldens: Sequence[Path], rng: np.random.Generator) -> tuple[PairPlan, ...]:
    """Return a pair for every image of ``src`` that is not a golden, in a fixed order."""
    taken = set(goldens)
    plans = [
        PairPlan(f"train_{GOOD}_{f.stem}.png", GOOD, f, _draw(goldens, rng), None)
        for f in images_in(src / "train" / GOOD)
        if f not in taken
    ]
    for kind in sorted(d.name for d in _folder(src / "test").iterdir() if d.is_dir()):
        for file in images_in(src / "test" / kind):
            mask = None if kind == GOOD else _mask_of(src, kind, file)
            name = f"test_{GOOD}_{file.stem}.png" if kind == GOOD else f"{kind}_{file.stem}.png"
            plans.append(PairPlan(name, kind, file, _draw(goldens, rng), mask))
    return tuple(plans)


def stratified_split(plans: Iterable[PairPlan], share: float, rng: np.random.Generator) -> frozenset[str]:
    """Return the names that go to validation: ``share`` of each kind, rounded, at least one of each."""
    by_kind: dict[str, list[str]] = {}
    for plan in plans:
        by_kind.setdefault(plan.kind, []).append(plan.name)
    chosen: set[str] = set()
    for kind in sorted(by_kind):
        names = by_kind[kind]
        count = max(1, round(share * len(names)))
        chosen.update(names[int(i)] for i in rng.permutation(len(names))[:count])
    return frozenset(chosen)


def deal_folds(plans: Sequence[PairPlan], folds: int, seed: int) -> tuple[frozenset[str], ...]:
    """Deal the pairs out: the names that each of ``folds`` folds holds out for validation.

    Every pair is held out by exactly one fold.  Each stratum (the folder that the test images come from, so good
    images of MVTec's ``train`` and ``test`` are strata of their own) is shuffled and dealt in turn, each going on at
    the fold where the last one ended: folds differ by at most one pair in any stratum and in all.
    """
    rng = np.random.default_rng([seed, folds])
    strata: dict[Path, list[str]] = {}
    for plan in plans:
        strata.setdefault(plan.test.parent, []).append(plan.name)
    held_out: list[set[str]] = [set() for _ in range(folds)]
    # Defects are dealt first, so that their total is even too.
    order = sorted(strata, key=lambda folder: (folder.name == GOOD, folder.parent.name, folder.name))
    dealt = 0
    for folder in order:
        for index in rng.permutation(len(strata[folder])):
            held_out[dealt % folds].add(strata[folder][int(index)])
            dealt += 1
    return tuple(frozenset(names) for names in held_out)


def images_in(folder: Path) -> tuple[Path, ...]:
    """Return the image files of ``folder`` by name; raises DatasetLayoutError if there are none."""
    files = tuple(sorted(f for f in _folder(folder).iterdir() if f.suffix.lower() in IMAGE_SUFFIXES))
    if not files:
        raise DatasetLayoutError("dataset_layout", f"{folder} holds no image.")
    return files


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Return the H x W mask of ``path``; any value above zero is marked, so 0/1 and 0/255 both work."""
    try:
        return decode_mask(read_bytes(path))
    except OperatorError as error:
        raise DatasetLayoutError(
            "dataset_layout", f"{path} cannot be read as a mask: {error.message}"
        ) from error


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise DatasetLayoutError(
            "dataset_layout",
            f"There is no folder {path}.",
            "A class folder of MVTec AD holds train, test and ground_truth.",
        )
    return path


def _mask_of(src: Path, kind: str, image: Path) -> Path:
    path = src / "ground_truth" / kind / f"{image.stem}{MASK_ENDING}.png"
    if not path.is_file():
        raise DatasetLayoutError(
            "dataset_layout", f"{path} is missing: {kind}/{image.name} has no ground truth."
        )
    return path


def _draw(goldens: Sequence[Path], rng: np.random.Generator) -> Path:
    return goldens[int(rng.integers(len(goldens)))]


def _read_colour(path: Path) -> NDArray[np.uint8]:
    """``H x W x 3``, BGR as the encoder wants it."""
    try:
        return decode_pixels(read_bytes(path))[:, :, ::-1]
    except OperatorError as error:
        raise DatasetLayoutError("dataset_layout", f"{path} cannot be read: {error.message}") from error


def _write_pair(plan: PairPlan, out: Path) -> None:
    test = _read_colour(plan.test)
    mask = np.zeros(test.shape[:2], bool) if plan.mask is None else read_mask(plan.mask)
    if mask.shape != test.shape[:2]:
        raise DatasetLayoutError("dataset_layout", f"{plan.mask} is not of the size of {plan.test}.")
    _copy_as_png(plan.test, test, out / "A" / plan.name)
    _copy_as_png(plan.golden, None, out / "B" / plan.name)
    _write_png(out / "label" / plan.name, mask.astype(np.uint8) * 255)


def _copy_as_png(source: Path, image: NDArray[np.uint8] | None, target: Path) -> None:
    if source.suffix.lower() == ".png":
        shutil.copyfile(source, target)
    else:
        _write_png(target, _read_colour(source) if image is None else image)


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    encoded, data = cv2.imencode(".png", image)
    if not encoded:
        raise DatasetLayoutError("dataset_layout", f"{path} could not be encoded.")
    data.tofile(path)


def _write_lists(folder: Path, train: Sequence[str], val: Sequence[str]) -> None:
    """Write the lists; TAO's test and predict lists name the validation pairs, ``all`` names every pair."""
    folder.mkdir(parents=True, exist_ok=True)
    lists = {"train": train, "val": val, "test": val, "predict": val, "all": [*train, *val]}
    for split, names in lists.items():
        _write_list(folder / f"{split}.txt", names)


def _write_fold_lists(folder: Path, plans: Sequence[PairPlan], dealt: Sequence[frozenset[str]]) -> None:
    """The order of each list is that of the pairs, so that only the seed decides a file's content."""
    for number, held_out in enumerate(dealt):
        names = [plan.name for plan in plans]
        _write_list(folder / f"fold{number}_train.txt", [name for name in names if name not in held_out])
        _write_list(folder / f"fold{number}_val.txt", [name for name in names if name in held_out])


def _write_list(path: Path, names: Iterable[str]) -> None:
    path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def _count(plans: Iterable[PairPlan]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for plan in plans:
        counts[plan.kind] = counts.get(plan.kind, 0) + 1
    return counts
