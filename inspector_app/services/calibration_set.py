"""The images that a model of lower precision is measured on, and which of them its ranges are taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inspector_app.core.errors import KeeperError
from inspector_app.services.evaluate import kind_of, plan_dataset
from inspector_app.services.plan import GOOD, BatchItem, plan_demo, plan_folder

ENOUGH = 12
"""Images from which on calibration and acceptance get images of their own."""
CALIBRATION_SHARE = 3
"""Every third image calibrates."""
MOST_CALIBRATED = 48


@dataclass(frozen=True)
class CalibrationSet:
    """``calibration`` gives the ranges, ``acceptance`` the verdicts; ``disjoint`` says that they share no image."""

    calibration: tuple[BatchItem, ...]
    acceptance: tuple[BatchItem, ...]
    disjoint: bool


def plan_calibration(folders: Sequence[Path], golden: Path | None = None) -> tuple[BatchItem, ...]:
    """All images of the folders, each with its golden and what is known of it.

    A folder is a data set in TAO's layout (all its lists), a set in the demo's (``PRODUCT/golden.png``, ``test``,
    ``ground_truth``), or a tree of images that are all compared with ``golden``: those in a folder ``good`` are
    good.

    Raises:
        KeeperError: ``calibration_invalid`` when a folder is none of these, or is named twice; what reading it raises.
    """
    many = len(folders) > 1
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise KeeperError("calibration_invalid", "A folder of calibration images is named twice.")
    items: list[BatchItem] = []
    for place, folder in enumerate(folders, start=1):
        found = _plan(folder.absolute(), golden)
        # Names are unique in one folder; of several, they bear the folder's, and its place where two are called alike.
        alike = sum(each.name == folder.name for each in folders) > 1
        label = f"{folder.name}-{place}" if alike else folder.name
        items.extend(replace(item, name=f"{label}/{item.name}") if many else item for item in found)
    return tuple(items)


def divide(items: Sequence[BatchItem]) -> CalibrationSet:
    """Every third image in the order of kinds calibrates, up to 48, and all others accept; few images do both."""
    if len(items) < ENOUGH:
        return CalibrationSet(tuple(items), tuple(items), disjoint=False)
    in_order = sorted(items, key=lambda item: (kind_of(item.name), item.name))
    chosen = in_order[CALIBRATION_SHARE // 2 :: CALIBRATION_SHARE]
    calibration = tuple(chosen[:: max(1, -(-len(chosen) // MOST_CALIBRATED))])
    names = {item.name for item in calibration}
    return CalibrationSet(calibration, tuple(item for item in items if item.name not in names), disjoint=True)


def _plan(folder: Path, golden: Path | None) -> tuple[BatchItem, ...]:
    lists = sorted((folder / "list").glob("*.txt"))
    if lists:
        found = {item.name: item for path in lists for item in plan_dataset(folder, path.stem)}
        return tuple(found.values())
    if golden is not None:
        return tuple(
            replace(item, known_good=GOOD in Path(item.name).parts[:-1])
            for item in plan_folder(folder, golden, recursive=True)
        )
    if any(folder.glob("*/golden.png")):
        return plan_demo(folder)
    raise KeeperError(
        "calibration_invalid",
        f"{folder} is neither a data set in TAO's layout nor one laid out as the demo set.",
        "For a folder of images add --golden FILE.",
    )
