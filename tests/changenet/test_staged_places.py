"""A part laid elsewhere is marked where it lies and where it belongs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector_app.changenet.scene import Scene
from inspector_app.changenet.staged_places import displace


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_displaced_part_covers_its_place_and_where_it_lies(scene: Scene, seed: int) -> None:
    image, mask = displace(scene, scene, np.random.default_rng(seed))
    assert image.shape == scene.image.shape
    assert not (scene.outline & ~mask).any()
