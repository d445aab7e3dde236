"""Choose what a training of a recipe learns from and is examined on, and write it out."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from inspector_app.core.change_map import ChangeMap, Mask
from inspector_app.core.errors import KeeperError
from inspector_app.core.files import atomic_write, ensure_folder
from inspector_app.core.frame import Frame, RgbArray
from inspector_app.core.geometry import Region
from inspector_app.core.report_file import write_report
from inspector_app.services.plan import GOOD
from inspector_app.services.savers import write_png
from inspector_app.services.training_examples import Example, ExampleReader, MaskSource
from inspector_app.services.training_labels import Candidate, Labelled, LeftOut, Refused
from inspector_app.services.training_plan import BAD, HELD_OUT, PAIRS, PLAN, Picture, TrainingPlan, omissions
from inspector_app.services.unit_split import Unit, hold_out, units_of
from inspector_app.vision.regions import inspect_mask

LEAST_GOOD = 8
"""Good pictures below which no training is started."""
OnDone = Callable[[int, int], None]


@dataclass(frozen=True)
class Past:
    """The hashes of the pictures that earlier trainings of the same model saw, and that they were examined on."""

    trained: frozenset[str] = frozenset()
    held_out: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Known:
    """What is kept of a picture that was read: no pixels."""

    candidate: Candidate
    source: MaskSource
    trainable: bool
    pixels: str
    """Hash of the decoded picture: two files may hold one."""


class TooFewRecordsError(KeeperError):
    """The records hold too few good parts to learn from."""


@dataclass(frozen=True)
class Beginning:
    """How a training begins: see ``TrainingPlan``."""

    recipe: str
    revision: int
    start_from: str
    settings: dict[str, int | float]


@dataclass(frozen=True, eq=False)
class Choice:
    """All that a choice depends on.

    Attributes:
        labelled: what the records say.
        reader: reads the pictures.
        goldens: the recipe's, of one size.
        regions: the recipe's, to inspect and to ignore.
        past: of the model that is trained further.
        most: pictures of each kind, good and defective, that fit into memory.
    """

    beginning: Beginning
    labelled: Labelled
    reader: ExampleReader
    goldens: tuple[Frame, ...]
    regions: tuple[Region, ...]
    past: Past
    most: int

    @cached_property
    def looked_at(self) -> Mask | None:
        """``H x W`` bool in the goldens' frame: what is inspected; None when that is everything."""
        size = (self.goldens[0].width, self.goldens[0].height)
        return inspect_mask(ChangeMap(np.zeros((1, 1), np.uint8), size, size), self.regions)


def make_plan(choice: Choice, folder: Path, on_done: OnDone) -> TrainingPlan:
    """Choose, write the pictures into ``folder`` and the plan last; what an earlier plan left there goes.

    ``on_done`` hears how many of the candidates have been looked at.

    Raises:
        TooFewRecordsError: fewer than 8 good pictures can be used.
        KeeperError: the folder cannot be written.
    """
    begun = choice.beginning
    clear(folder)
    known, refused = _look(choice, on_done)
    good = sum(not one.candidate.defective for one in known)
    if good < LEAST_GOOD:
        raise _too_few(begun.recipe, good, refused)
    held_out = _held_out(choice, known)
    pictures: list[Picture] = []
    for one in known:
        if one.trainable or one.candidate.sha256 in held_out:
            pictures.append(_write(choice, one, folder, one.candidate.sha256 in held_out))
        else:
            refused.append(_refuse(one.candidate, LeftOut.NO_MASK))
    trained = [picture for picture in pictures if picture.sha256 not in held_out]
    _write_list(folder / PAIRS, [*(picture.file for picture in trained), *_write_goldens(choice, folder)])
    plan = TrainingPlan(
        recipe=begun.recipe,
        revision=begun.revision,
        start_from=begun.start_from,
        settings=begun.settings,
        trained=tuple(trained),
        held_out=tuple(picture for picture in pictures if picture.sha256 in held_out),
        left_out=omissions([*choice.labelled.refused, *refused]),
    )
    write_report(folder / PLAN, plan)
    return plan


def clear(folder: Path) -> None:
    """Remove what a plan wrote, its pictures too."""
    (folder / PLAN).unlink(missing_ok=True)
    for part in (PAIRS, HELD_OUT):
        shutil.rmtree(folder / part, ignore_errors=True)


def _look(choice: Choice, on_done: OnDone) -> tuple[list[_Known], list[Refused]]:
    """Read every candidate once, the newest first, until there are enough of its kind."""
    known: list[_Known] = []
    refused: list[Refused] = []
    counts = {True: 0, False: 0}
    goldens = {_pixel_hash(golden) for golden in choice.goldens}
    for number, candidate in enumerate(choice.labelled.candidates, start=1):
        full = counts[candidate.defective] >= choice.most
        found = LeftOut.OLDER if full else _known(choice.reader.read(candidate), candidate, goldens)
        if isinstance(found, _Known):
            known.append(found)
            counts[candidate.defective] += 1
        else:
            refused.append(_refuse(candidate, found))
        on_done(number, len(choice.labelled.candidates))
    return known, refused


def _known(found: Example | LeftOut, candidate: Candidate, goldens: Collection[str]) -> _Known | LeftOut:
    if isinstance(found, LeftOut):
        return found
    pixels = _pixel_hash(found.test)
    if pixels in goldens:
        return LeftOut.IS_GOLDEN
    return _Known(candidate, found.source, found.trainable, pixels)


def _pixel_hash(frame: Frame) -> str:
    return hashlib.sha256(frame.pixels.data).hexdigest()


def _held_out(choice: Choice, known: Sequence[_Known]) -> frozenset[str]:
    """The hashes of the pictures that are held out."""
    by_hash = {one.candidate.sha256: one for one in known}
    units = []
    links = {
        image: names | {f"pixels {by_hash[image].pixels}"} if image in by_hash else names
        for image, names in choice.labelled.serials.items()
    }
    for key, images in units_of(links).items():
        members = [by_hash[image] for image in images if image in by_hash]
        if members:
            usable = [one for one in members if one.trainable]
            bad = any(one.candidate.defective for one in usable or members)
            units.append(Unit(key, BAD if bad else GOOD, images, only_shown=not usable))
    keys = hold_out(units, choice.beginning.recipe, choice.past.trained, choice.past.held_out)
    return frozenset(image for unit in units if unit.key in keys for image in unit.images)


def _write(choice: Choice, one: _Known, folder: Path, held_out: bool) -> Picture:
    example = choice.reader.read(one.candidate)
    if isinstance(example, LeftOut):
        raise KeeperError(
            "training_picture_gone",
            f"The picture of {one.candidate.name} has gone while the training was prepared.",
            "Start it again.",
        )
    kind: Literal["good", "bad"] = "bad" if one.candidate.defective else "good"
    name = f"{kind}_{one.candidate.record:07d}.png"
    if held_out:
        _write_rgb(folder / HELD_OUT / kind / name, example.test.pixels)
        if kind == BAD and example.mask is not None:
            _write_mask(folder / HELD_OUT / "label" / name, example.mask)
    else:
        pixels, mask = example.pair()
        _write_pair(choice, folder / PAIRS, name, pixels, example.golden.pixels, mask)
    candidate = one.candidate
    return Picture(
        record=candidate.record,
        image=candidate.name,
        sha256=candidate.sha256,
        kind=kind,
        file=name,
        mask=one.source,
    )


def _write_goldens(choice: Choice, folder: Path) -> Iterator[str]:
    """Every golden against itself, so that the training knows those too that no chosen record was compared with."""
    for number, golden in enumerate(choice.goldens):
        name = f"golden_{number}.png"
        mask = np.zeros((golden.height, golden.width), np.bool_)
        _write_pair(choice, folder / PAIRS, name, golden.pixels, golden.pixels, mask)
        yield name


def _write_pair(
    choice: Choice, folder: Path, name: str, test: RgbArray, golden: RgbArray, mask: Mask
) -> None:
    """Where the recipe does not look, all pictures are the first golden: what varies there (a label, a date) must
    not teach the network to let such changes pass elsewhere."""
    if (seen := choice.looked_at) is not None:
        same = choice.goldens[0].pixels
        test, golden = (np.where(seen[:, :, None], pixels, same) for pixels in (test, golden))
        mask = mask & seen
    _write_rgb(folder / "A" / name, test)
    _write_rgb(folder / "B" / name, golden)
    _write_mask(folder / "label" / name, mask)


def _write_rgb(path: Path, pixels: RgbArray) -> None:
    write_png(path, pixels[:, :, ::-1])


def _write_mask(path: Path, mask: Mask) -> None:
    write_png(path, mask.astype(np.uint8) * 255)


def _write_list(pairs: Path, names: Sequence[str]) -> None:
    ensure_folder(pairs / "list")
    atomic_write(pairs / "list" / "train.txt", "".join(f"{name}\n" for name in names).encode())


def _refuse(candidate: Candidate, reason: LeftOut) -> Refused:
    return Refused(candidate.record, candidate.name, reason)


def _too_few(recipe: str, good: int, refused: Sequence[Refused]) -> TooFewRecordsError:
    gone = sum(one.reason is LeftOut.PICTURE_GONE for one in refused)
    also = f"; of {gone} others the pictures are gone or have changed" if gone else ""
    return TooFewRecordsError(
        "records_too_few",
        f'The records of the recipe "{recipe}" hold {good} good pictures that can be used{also}; '
        f"a training needs {LEAST_GOOD}.",
        "Inspect more good parts by this recipe, and keep their pictures.",
    )
