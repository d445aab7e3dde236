"""Which ways of quantising a network are tried, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from inspector_app.engines.quantise import Int8Setting

RESTORED = (1, 2, 4, 6)
"""How many of the worst groups of layers go back to float32, one try after the other."""


def first_settings(layers: Sequence[str]) -> Iterator[Int8Setting]:
    """The usual ones: each kind of arithmetic, both ways to choose ranges, and with the first and the last of
    ``layers`` in float32, which are often the tender ones."""
    plain = Int8Setting()
    yield plain
    yield replace(plain, ranges="percentile")
    yield replace(plain, reduce_range=False)
    yield replace(plain, activation="int8", reduce_range=False)
    yield replace(plain, layers_only=True)
    if len(layers) > 2:
        yield replace(plain, in_float=frozenset({layers[0], layers[-1]}))


def restored_settings(setting: Int8Setting, harm: Mapping[tuple[str, ...], float]) -> Iterator[Int8Setting]:
    """``setting`` with its most harmful groups of layers in float32, ever more of them."""
    worst = sorted(harm, key=harm.__getitem__, reverse=True)
    for count in RESTORED:
        if count < len(worst):
            names = {name for group in worst[:count] for name in group}
            yield replace(setting, layers_only=True, in_float=setting.in_float | names)
