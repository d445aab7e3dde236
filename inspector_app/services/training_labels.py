"""What a station's records say of their pictures: good, defective, or why nobody can tell."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inspector_app.core.change_map import Mask
from inspector_app.core.errors import InspectorError, OperatorError
from inspector_app.core.inspection import InspectionRecord
from inspector_app.core.verdict import Disposition, Verdict
from inspector_app.services.truths import recorded_truth
from inspector_app.vision.annotations import TruthFinder

_SAID = {Disposition.CONFIRMED: True, Disposition.FALSE_CALL: False}
_NOWHERE = Path("/images")
"""Annotations are looked for by the images' names alone, wherever the images themselves lie."""


class LeftOut(StrEnum):
    """Why a record takes no part in a training."""

    UNDECIDED = "rejected, and nobody has decided"
    FAILED = "could not be inspected"
    SET_ASIDE = "accepted with reason, or repaired: neither good nor a defect to learn"
    CONTRADICTED = "annotation and disposition contradict each other"
    BAD_ANNOTATION = "its annotation cannot be used"
    SHARED_NAME = "another picture has its name, and one corrected mask may be of either"
    OTHER_GOLDEN = "compared with a golden that the recipe no longer has"
    IS_GOLDEN = "is a golden itself"
    REPEATED = "another record of the same picture says more"
    PICTURE_GONE = "its picture was not kept, is gone, or has changed"
    OTHER_SIZE = "is not of the golden's size"
    NO_MASK = "no mask or no alignment, and its unit is trained on"
    OLDER = "older than the newest that fit into memory"


@dataclass(frozen=True)
class Candidate:
    """A record whose picture is known to be good or defective.

    ``confirmed`` says that a person confirmed what the machine marked.
    """

    record: int
    name: str
    sha256: str
    defective: bool
    confirmed: bool = False


@dataclass(frozen=True)
class Refused:
    """A record that is left out."""

    record: int
    name: str
    reason: LeftOut


@dataclass(frozen=True)
class Labelled:
    """What all records of a recipe came to.

    Attributes:
        candidates: one for each picture, the newest record first.
        serials: by the picture's hash, every serial that it was recorded under.
    """

    candidates: tuple[Candidate, ...]
    refused: tuple[Refused, ...]
    serials: dict[str, frozenset[str]]


@dataclass(frozen=True)
class _Said:
    """``weight`` orders the records of one picture: a person's word first, then an annotation's, then the newest."""

    weight: tuple[bool, bool, int]
    result: Candidate | Refused


class SharedNameError(OperatorError):
    """A corrected mask goes by a name that several pictures have."""


def shared_names(records: Iterable[InspectionRecord], recipe: str) -> frozenset[str]:
    """The names under which more than one picture was recorded."""
    first: dict[str, str] = {}
    shared = set()
    for record in _of(records, recipe):
        if first.setdefault(record.image.name, record.image.sha256) != record.image.sha256:
            shared.add(record.image.name)
    return frozenset(shared)


class Annotations:
    """The annotation of a record: from a folder of corrected masks, else the one that it was measured against."""

    def __init__(self, folder: Path | None = None, shared: Collection[str] = ()) -> None:
        """``shared``: see ``shared_names``.

        Raises:
            OperatorError: ``truth_missing`` when ``folder`` is not there.
        """
        self._finder = None if folder is None else TruthFinder(folder, _NOWHERE)
        self._shared = shared

    def mask(self, record: InspectionRecord) -> Mask | None:
        """``H x W`` bool in the test image's frame; None where there is none.

        Raises:
            InspectorError: it cannot be read, or is not the one that was measured against.
        """
        corrected = self._corrected(record)
        return recorded_truth(record, _size(record)) if corrected is None else corrected

    def defective(self, record: InspectionRecord) -> bool | None:
        """What the annotation says of the unit; None where there is none.

        Raises:
            InspectorError: a corrected mask cannot be read.
        """
        corrected = self._corrected(record)
        if corrected is not None:
            return bool(corrected.any())
        return record.truth.defective if record.truth is not None else None

    def _corrected(self, record: InspectionRecord) -> Mask | None:
        if self._finder is None:
            return None
        found = self._finder.find(_NOWHERE / record.image.name, _size(record))
        if found.error is not None:
            raise found.error
        if found.mask is not None and record.image.name in self._shared:
            raise SharedNameError("truth_ambiguous", f"More than one picture is named {record.image.name}.")
        return found.mask


def label_all(
    records: Iterable[InspectionRecord], recipe: str, goldens: Collection[str], annotations: Annotations
) -> Labelled:
    """Sort out all records of one recipe; ``goldens`` are the hashes of those that it has now."""
    best: dict[str, _Said] = {}
    serials: dict[str, set[str]] = {}
    repeated: list[Refused] = []
    for record in _of(records, recipe):
        key = record.image.sha256 or f"record {record.id}"
        serials.setdefault(key, set()).update({record.identity.serial} - {""})
        said, known = _said(record, goldens, annotations), best.get(key)
        if known is None or said.weight > known.weight:
            best[key] = said
        if known is not None:
            other = known.result if best[key] is said else said.result
            repeated.append(Refused(other.record, other.name, LeftOut.REPEATED))
    results = sorted((said.result for said in best.values()), key=lambda one: -one.record)
    return Labelled(
        candidates=tuple(one for one in results if isinstance(one, Candidate)),
        refused=(*(one for one in results if isinstance(one, Refused)), *repeated),
        serials={key: frozenset(names) for key, names in serials.items()},
    )


def _of(records: Iterable[InspectionRecord], recipe: str) -> Iterator[InspectionRecord]:
    # The store matches texts anywhere in a name.
    return (record for record in records if record.settings.recipe == recipe)


def _said(record: InspectionRecord, goldens: Collection[str], annotations: Annotations) -> _Said:
    person = record.disposition
    weight = (person is not None, record.truth is not None, record.id)
    if record.image.sha256 in goldens:
        return _Said(weight, _refused(record, LeftOut.IS_GOLDEN))
    if record.golden.sha256 not in goldens:
        return _Said(weight, _refused(record, LeftOut.OTHER_GOLDEN))
    try:
        annotated = annotations.defective(record)
    except SharedNameError:
        return _Said(weight, _refused(record, LeftOut.SHARED_NAME))
    except InspectorError:
        return _Said(weight, _refused(record, LeftOut.BAD_ANNOTATION))
    label = label_of(record.verdict, person.disposition if person else None, annotated)
    if isinstance(label, LeftOut):
        return _Said(weight, _refused(record, label))
    confirmed = person is not None and person.disposition is Disposition.CONFIRMED
    return _Said(weight, Candidate(record.id, record.image.name, record.image.sha256, label, confirmed))


def label_of(verdict: Verdict, person: Disposition | None, annotated: bool | None) -> bool | LeftOut:
    """Whether a unit is defective, by what a person decided, what its annotation says, and the machine's PASS.

    A machine's FAIL or REVIEW alone says nothing: nobody has looked whether it is right.
    """
    if person in (Disposition.ACCEPTED, Disposition.REPAIRED):
        return LeftOut.SET_ASIDE
    said = None if person is None else _SAID[person]
    if said is not None and annotated is not None and said is not annotated:
        return LeftOut.CONTRADICTED
    known = annotated if said is None else said
    if known is not None:
        return known
    if verdict is Verdict.PASS:
        return False
    return LeftOut.FAILED if verdict is Verdict.ERROR else LeftOut.UNDECIDED


def _refused(record: InspectionRecord, reason: LeftOut) -> Refused:
    return Refused(record.id, record.image.name, reason)


def _size(record: InspectionRecord) -> tuple[int, int]:
    return record.image.width, record.image.height
