"""Bringing a test image onto several goldens."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from inspector_app.core.change_map import Registration
from inspector_app.core.errors import InspectorError
from inspector_app.core.frame import Frame
from inspector_app.core.recipe import Alignment, AlignmentMethod
from inspector_app.vision.registration import carry, check_alignment, register

PAIRS_KEPT = 1000
"""Ten goldens make ninety pairs."""


@dataclass(frozen=True, eq=False)
class Aligned:
    """The goldens that a test image lies on, the best match first, and how.

    With ``error`` set it lies on none of them, and ``found`` tells of the best match alone.
    """

    found: tuple[tuple[Frame, Registration], ...]
    error: InspectorError | None = None


class GoldenAligner:
    """Aligns a test image with one golden, and from there with the others. Thread-safe.

    Each golden by itself would cost as much again for each, and a spoiled part may be taken for moved under one
    golden and for whole under the next; by way of the first, all see it in the same place.
    """

    def __init__(self) -> None:
        self._between: OrderedDict[tuple[str, str, AlignmentMethod], Registration] = OrderedDict()
        self._lock = Lock()

    def align(self, test: Frame, goldens: Sequence[Frame], alignment: Alignment) -> Aligned:
        """On the first of ``goldens`` (the best match first) that it can be aligned with, and on those after it
        that the way by the first leads to within the limits."""
        refused: list[Aligned] = []
        for index, golden in enumerate(goldens):
            registration = register(golden, test, alignment.method)
            error = _refusal(registration, alignment)
            if error is None:
                rest = self._carried(test, registration, golden, goldens[index + 1 :], alignment)
                return Aligned(((golden, registration), *rest))
            refused.append(Aligned(((golden, registration),), error))
        return refused[0]

    def _carried(
        self,
        test: Frame,
        registration: Registration,
        first: Frame,
        others: Sequence[Frame],
        alignment: Alignment,
    ) -> list[tuple[Frame, Registration]]:
        found = []
        for other in others:
            between = self._from_to(first, other, alignment.method)
            carried = carry(registration, between, other, test)
            if _refusal(between, alignment) is None and _refusal(carried, alignment) is None:
                found.append((other, carried))
        return found

    def _from_to(self, first: Frame, second: Frame, method: AlignmentMethod) -> Registration:
        key = (first.sha256, second.sha256, method)
        with self._lock:
            known = self._between.get(key)
        if known is None:
            # Outside the lock: at worst two threads find the same.
            known = register(second, first, method)
            with self._lock:
                self._between[key] = known
                while len(self._between) > PAIRS_KEPT:
                    self._between.popitem(last=False)
        return known


def _refusal(registration: Registration, alignment: Alignment) -> InspectorError | None:
    try:
        check_alignment(registration, alignment)
    except InspectorError as error:
        return error
    return None
