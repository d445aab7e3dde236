"""The part families: every one draws a random product on a canvas of the wanted shape."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from inspector_app.synthesis.canvas import Shape
from inspector_app.synthesis.families.boards import bare_board, bitmap_board, populated_board
from inspector_app.synthesis.families.leaded import leaded_part
from inspector_app.synthesis.families.metal import casting, machined
from inspector_app.synthesis.families.mouldings import abstract, connector, plastic, ring, tray
from inspector_app.synthesis.families.print_and_cloth import label, textile, wood
from inspector_app.synthesis.families.showcase import bearing, blister, fuse_box
from inspector_app.synthesis.scene import Scene

Family = Callable[[np.random.Generator, Shape], Scene]
"""Draws one random product of the family; the same generator state gives the same product."""

TRAINING_FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "abstract": abstract,
        "bare_board": bare_board,
        "bitmap_board": bitmap_board,
        "casting": casting,
        "connector": connector,
        "label": label,
        "leaded_part": leaded_part,
        "machined": machined,
        "plastic": plastic,
        "populated_board": populated_board,
        "ring": ring,
        "textile": textile,
        "tray": tray,
        "wood": wood,
    }
)
"""What the shipped default model learns from."""

TRAINING_MIX: tuple[str, ...] = (*sorted(TRAINING_FAMILIES), "abstract", "bitmap_board", "leaded_part")
"""Families to draw from evenly; those that teach most about change as such stand twice."""

DEMO_FAMILIES: Mapping[str, Family] = MappingProxyType(
    {"bearing": bearing, "blister": blister, "fuse_box": fuse_box}
)
"""What the bundled demo set shows: families that no training ever uses."""
