"""What a batch is to inspect: a list of test images, each with its golden and its annotation's place."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from inspector_app.core.errors import KeeperError
from inspector_app.core.inspection import printable
from inspector_app.sources.folder import list_images
from inspector_app.vision.annotations import MASK_ENDING


@dataclass(frozen=True)
class BatchItem:
    """One test image: its path, its name in the records (unique in its batch), its golden's path.

    ``golden`` is None when the recipe's goldens serve. ``known_good`` says that its truth is all zero.
    """

    path: Path
    name: str
    golden: Path | None = None
    truth: Path | None = None
    known_good: bool = False


def plan_folder(folder: Path, golden: Path | None, recursive: bool = False) -> tuple[BatchItem, ...]:
    """All images of ``folder`` in natural order, against one golden or against a folder of goldens.

    ``NAME_mask`` beside ``NAME`` is its annotation and no image.

    In a folder of goldens an image's golden has the same relative name, else the same but for the image suffix.

    Raises:
        KeeperError: ``folder_missing``, ``folder_empty``, ``golden_missing``, ``golden_ambiguous``.
    """
    if folder.is_file():
        raise KeeperError("folder_missing", f"{folder} is a file; give the folder that holds it, or --pairs.")
    if not folder.is_dir():
        raise KeeperError("folder_missing", f"There is no folder {folder}.")
    # Records name files by path: they must be found again from wherever the window is started.
    folder, golden = folder.absolute(), golden.absolute() if golden else None
    paths = _without_masks(list_images(folder, recursive))
    if not paths:
        hint = (
            "Linked folders are not entered." if recursive else "Add --recursive to look into its subfolders."
        )
        raise KeeperError("folder_empty", f"There are no images in {folder}.", hint)
    names = [printable(path.relative_to(folder).as_posix()) for path in paths]
    if golden is None:
        return tuple(BatchItem(path, name) for path, name in zip(paths, names, strict=True))
    if golden.is_dir():
        find = _golden_finder(golden)
        return tuple(BatchItem(path, name, find(name)) for path, name in zip(paths, names, strict=True))
    if not golden.is_file():
        raise KeeperError("golden_missing", f"There is no golden {golden}.")
    return tuple(BatchItem(path, name, golden) for path, name in zip(paths, names, strict=True))


def _without_masks(paths: Sequence[Path]) -> list[Path]:
    units = {path.with_suffix("") for path in paths}
    return [path for path in paths if not _annotates(path, units)]


def _annotates(path: Path, units: Set[Path]) -> bool:
    """Whether this is the mask of a unit that lies beside it."""
    name = path.stem.removesuffix(MASK_ENDING)
    return name != path.stem and bool(name) and path.with_name(name) in units


def _golden_finder(folder: Path) -> Callable[[str], Path]:
    """Gives the golden of a name, which need not exist."""
    by_name = {
        printable(path.relative_to(folder).as_posix()): path for path in list_images(folder, recursive=True)
    }
    by_stem: dict[str, list[Path]] = {}
    for name, path in by_name.items():
        by_stem.setdefault(_stem(name), []).append(path)

    def find(name: str) -> Path:
        if name in by_name:
            return by_name[name]
        alike = by_stem.get(_stem(name), [folder / name])
        if len(alike) > 1:
            raise KeeperError(
                "golden_ambiguous",
                f"{name} has two goldens, {alike[0].name} and {alike[1].name}.",
                "Leave one of them in the folder, or list the pairs: --pairs FILE.csv",
            )
        return alike[0]

    return find


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]


PAIR_COLUMNS = ("test", "golden", "truth")
GOOD = "good"


def plan_pairs(table: Path) -> tuple[BatchItem, ...]:
    """A CSV with the columns ``test``, ``golden`` and, if wanted, ``truth``; paths are relative to the file.

    A truth is an annotation's path, or the word ``good``; an empty one means that none is known.

    Raises:
        KeeperError: ``pairs_invalid``, naming every bad line.
    """
    try:
        text = table.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise KeeperError("pairs_invalid", f"There is no file {table}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeeperError("pairs_invalid", f"{table} cannot be read as UTF-8 text: {error}.") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    columns = rows.fieldnames or []
    missing = [name for name in PAIR_COLUMNS[:2] if name not in columns]
    if missing:
        raise KeeperError("pairs_invalid", f"{table} has no column {' and no column '.join(missing)}.")
    return _pair_items(table.absolute().parent, rows, table)


def _pair_items(base: Path, rows: csv.DictReader[str], table: Path) -> tuple[BatchItem, ...]:
    items: list[BatchItem] = []
    problems: list[str] = []
    seen: set[str] = set()
    for number, row in enumerate(_lines(rows, table), start=2):
        test, golden, truth = ((row.get(column) or "").strip() for column in PAIR_COLUMNS)
        if not test or not golden:
            problems.append(f"line {number}: test or golden is empty")
        elif test in seen:
            problems.append(f"line {number}: {test} stands here a second time")
        else:
            seen.add(test)
            good = truth == GOOD
            annotation = base / truth if truth and not good else None
            items.append(BatchItem(base / test, test, base / golden, annotation, good))
    if not items and not problems:
        problems.append("no line")
    if problems:
        raise KeeperError("pairs_invalid", f"{table}: {'; '.join(problems[:20])}.")
    return tuple(items)


def _lines(rows: csv.DictReader[str], table: Path) -> Iterator[dict[str, str | None]]:
    try:
        yield from rows
    except csv.Error as error:
        raise KeeperError("pairs_invalid", f"{table} is no table: {error}.") from error


def plan_demo(folder: Path) -> tuple[BatchItem, ...]:
    """The bundled demo set: ``<product>/golden.png``, ``test/<kind>/*.png``, ``ground_truth/<kind>/*_mask.png``.

    Raises:
        KeeperError: ``demo_missing``.
    """
    items = []
    for golden in sorted(folder.glob("*/golden.png")):
        product = golden.parent
        for path in list_images(product / "test", recursive=True):
            kind = path.parent.name
            mask = product / "ground_truth" / kind / f"{path.stem}_mask.png"
            name = path.relative_to(folder).as_posix()
            items.append(BatchItem(path, name, golden, None if kind == GOOD else mask, kind == GOOD))
    if not items:
        raise KeeperError("demo_missing", f"There is no demo set in {folder}.", "Install Inspector again.")
    return tuple(items)


def items_digest(items: Sequence[BatchItem]) -> str:
    """A hash of which golden each image has, for runs that pair images one by one."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(
            f"{item.name}\0{item.golden}\0{item.truth}\0{item.known_good}\n".encode(errors="surrogateescape")
        )
    return digest.hexdigest()
