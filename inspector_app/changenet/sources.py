"""Where training pairs come from: a bank of real pictures of one object, stored pairs, or a renderer.

A source is a function of (index, size): the same seed and index always give the same pair, so that a
resumed training sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inspector_app.changenet.arrays import Image, Mask, Pair
from inspector_app.changenet.augment import AugmentStrength, augment_pair
from inspector_app.changenet.defects import paste_defect, random_defect, soil
from inspector_app.changenet.displaced import (
    OUTLINE_SHARE,
    Scene,
    damage_lead,
    displace,
    take_apart,
    vote_outline,
)
from inspector_app.changenet.pair_folder import PairFolderError

Render = Callable[[np.random.Generator], Pair]


class PairSource(Protocol):
    """Gives the ``index``-th training pair at ``size`` x ``size`` pixels."""

    def pair(self, index: int, size: int) -> Pair:
        """Return the pair; a pure function of its arguments and the source's seed."""


@dataclass(frozen=True)
class ObjectMix:
    """Shares of the kinds of training pairs for one object; what remains is synthetic small defects."""

    good: float = 0.3
    real: float = 0.3
    pasted: float = 0.12
    displaced: float = 0.14
    lead: float = 0.1
    soiled: float = 0.35
    """Chance that the background beside the part gets scratches and specks that are no defects."""


class ObjectSource:
    """Pairs of one object: any good picture serves as golden, defects are real, pasted or synthetic."""

    def __init__(self, pairs: Sequence[Pair], seed: int, strength: AugmentStrength, mix: ObjectMix) -> None:
        """Take the training pairs of one size; all with an empty mask, and the goldens, count as good.

        Raises PairFolderError when there are no good pictures.
        """
        self._good = _distinct([p.golden for p in pairs] + [p.test for p in pairs if not p.mask.any()])
        if not self._good:
            raise PairFolderError("pairs_one_sided", "The training split holds no good picture.")
        self._small = [p for p in pairs if 0 < p.mask.mean() <= OUTLINE_SHARE]
        self._large = [p for p in pairs if p.mask.mean() > OUTLINE_SHARE]
        self._outline = vote_outline([p.mask for p in self._large])
        self._scenes = (
            [take_apart(image, self._outline) for image in self._good] if self._outline is not None else []
        )
        self._seed, self._strength, self._mix = seed, strength, mix

    def pair(self, index: int, size: int) -> Pair:
        """Return the augmented pair of this index."""
        rng = np.random.default_rng([self._seed, index])
        test, mask = self._test_image(rng)
        if self._outline is not None and rng.random() < self._mix.soiled:
            test = np.where(mask[:, :, None], test, soil(test, self._outline | mask, rng))
        golden = self._good[int(rng.integers(len(self._good)))]
        return augment_pair(Pair(golden, test, mask), size, self._strength, rng)

    def _test_image(self, rng: np.random.Generator) -> tuple[Image, Mask]:
        draw, mix = rng.random(), self._mix
        image = self._good[int(rng.integers(len(self._good)))]
        if draw < mix.good:
            return image, np.zeros(image.shape[:2], bool)
        draw -= mix.good
        if draw < mix.real and (self._small or self._large):
            return self._real(rng)
        draw -= mix.real
        if draw < mix.pasted and self._small:
            chosen = self._small[int(rng.integers(len(self._small)))]
            return paste_defect(image, chosen.test, chosen.mask, rng)
        draw -= mix.pasted
        if draw < mix.displaced + mix.lead and self._outline is not None:
            return self._taken_apart(draw < mix.displaced, self._outline, rng)
        return self._small_defects(image, self._any_scene(rng), rng)

    def _real(self, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Return a real defective picture: a displaced part in four of ten, for it holds most pixels."""
        pool = self._large if self._large and (rng.random() < 0.4 or not self._small) else self._small
        chosen = pool[int(rng.integers(len(pool)))]
        return chosen.test, chosen.mask

    def _taken_apart(self, displaced: bool, outline: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        scene = self._scenes[int(rng.integers(len(self._scenes)))]
        if displaced:
            return displace(scene, self._scenes[int(rng.integers(len(self._scenes)))], outline, rng)
        return damage_lead(scene, rng) or self._small_defects(scene.image, scene, rng)

    def _any_scene(self, rng: np.random.Generator) -> Scene | None:
        return self._scenes[int(rng.integers(len(self._scenes)))] if self._scenes else None

    def _small_defects(
        self, image: Image, scene: Scene | None, rng: np.random.Generator
    ) -> tuple[Image, Mask]:
        """Return up to three small defects on the part; a soiled background is not a defect here."""
        image = scene.image if scene is not None else image
        mask = np.zeros(image.shape[:2], bool)
        for _ in range(int(rng.integers(1, 4))):
            donor = self._good[int(rng.integers(len(self._good)))]
            place = self._outline if scene is None else scene.part
            image, changed = random_defect(image, donor, place, rng)
            mask |= changed
        return image, mask


class StoredSource:
    """Ready-made pairs, visited in an order shuffled anew every round, with generic augmentation."""

    def __init__(self, pairs: Sequence[Pair], seed: int, strength: AugmentStrength) -> None:
        """Take pairs of one size; raises PairFolderError when there are none."""
        if not pairs:
            raise PairFolderError("pairs_missing", "There are no training pairs.")
        self._pairs, self._seed, self._strength = pairs, seed, strength

    def pair(self, index: int, size: int) -> Pair:
        """Return the augmented pair of this index."""
        turn, place = divmod(index, len(self._pairs))
        order = np.random.default_rng([self._seed, 1, turn]).permutation(len(self._pairs))
        rng = np.random.default_rng([self._seed, 2, index])
        return augment_pair(self._pairs[int(order[place])], size, self._strength, rng)


class RenderedSource:
    """Pairs rendered on the fly, each used once."""

    def __init__(self, render: Render, seed: int, strength: AugmentStrength) -> None:
        """``render`` returns a new pair for the generator that it is given."""
        self._render, self._seed, self._strength = render, seed, strength

    def pair(self, index: int, size: int) -> Pair:
        """Return the augmented pair of this index."""
        rng = np.random.default_rng([self._seed, index])
        return augment_pair(self._render(rng), size, self._strength, rng)


def _distinct(images: Sequence[Image]) -> list[Image]:
    """Return the images without repetitions (a golden serves many pairs), first ones first."""
    return list({image.tobytes(): image for image in images}.values())
