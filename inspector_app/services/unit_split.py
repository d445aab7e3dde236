"""Which units a training may see and which only its examiner: by their hashes, for ever the same."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

HELD_OUT_SHARE = 0.3


@dataclass(frozen=True)
class Unit:
    """Pictures that must stay together, since they show one unit.

    Attributes:
        key: the least hash among its pictures.
        stratum: what is dealt out evenly, such as ``good`` or ``defect``.
        only_shown: nothing of it can be trained on.
    """

    key: str
    stratum: str
    images: frozenset[str]
    only_shown: bool = False


def units_of(serials: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """The pictures of each unit, by its key. ``serials`` says under which serials each picture was recorded;
    pictures that share one, also by way of a third picture, show one unit."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for image, names in serials.items():
        for name in names:
            parent[root(f"serial {name}")] = root(f"image {image}")
    members: dict[str, list[str]] = {}
    for image in serials:
        members.setdefault(root(f"image {image}"), []).append(image)
    return {min(images): frozenset(images) for images in members.values()}


def hold_out(
    units: Iterable[Unit],
    salt: str,
    trained_before: Collection[str] = (),
    held_before: Collection[str] = (),
    share: float = HELD_OUT_SHARE,
) -> frozenset[str]:
    """The keys of the units that are held out: ``share`` of each stratum, rounded, at least one of two or more.

    Who comes first is decided by a hash of ``salt`` and the unit's key. A unit of which an earlier training saw a
    picture (``trained_before``, hashes) is trained on again, and one that was held out stays held out: the model
    that is trained further has seen the former, and its figures were taken from the latter.
    """
    strata: dict[str, list[Unit]] = {}
    chosen: set[str] = set()
    seen, kept = frozenset(trained_before), frozenset(held_before)
    for unit in units:
        if unit.only_shown and not unit.images & seen:
            chosen.add(unit.key)
        else:
            strata.setdefault(unit.stratum, []).append(unit)
    for members in strata.values():
        free = [unit for unit in members if not unit.images & seen]
        held = [unit.key for unit in free if unit.images & kept]
        wanted = max(1, round(share * len(members))) if len(members) > 1 else 0
        new = sorted((unit.key for unit in free if not unit.images & kept), key=lambda key: _rank(salt, key))
        chosen.update(held, new[: max(0, wanted - len(held))])
    return frozenset(chosen)


def _rank(salt: str, key: str) -> str:
    return hashlib.sha256(f"{salt}\0{key}".encode()).hexdigest()
