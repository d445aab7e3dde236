"""Where training pairs come from: a bank of real pictures of one object, stored pairs, or a renderer.

A source is a function of (index, size): the same seed and index always give the same pair, so that a
resumed training sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inspector_app.changenet.arrays import Image, Mask, Pair
from inspector_app.changenet.augment import (
    AugmentStrength,
    Matrix,
    augment_pair,
    framing,
    misalignment,
    piece,
    seen,
    stretched,
    warp_mask,
)
from inspector_app.changenet.config import TrainConfig
from inspector_app.changenet.defects import paste_defect, random_defect, soil
from inspector_app.changenet.good_parts import dull_feet, lean, put_back
from inspector_app.changenet.pair_folder import PairFolder, PairFolderError
from inspector_app.changenet.scene import OUTLINE_SHARE, Scene, take_all_apart, vote_outline
from inspector_app.changenet.staged_bodies import break_body
from inspector_app.changenet.staged_leads import damage_leads
from inspector_app.changenet.staged_places import displace

_USUAL_SIZE, _OBJECT_CACHE_SIDE = 256, 320
_FRAMED_KEPT = 8
"""So many goldens as they are seen are kept for the pairs that have them in turn."""
# Rendered pairs of many objects: any orientation. The renderer moves and lights them itself, and its masks lie
# in the test's frame: to move or to exchange the two again would take the mask off the change.
_GENERIC = AugmentStrength(
    turn=0.75, zoom=0.15, misalign=0.0, tilt=0.0, far=0.0, jitter=0.05, degrade=0.1, swap=0.0
)

Render = Callable[[np.random.Generator], Pair]


class PairSource(Protocol):
    """Gives the ``index``-th training pair at ``size`` x ``size`` pixels."""

    def pair(self, index: int, size: int) -> Pair:
        """Return the pair; a pure function of its arguments and the source's seed, called by several threads at once."""


@dataclass(frozen=True)
class ObjectMix:
    """Shares of the kinds of training pairs for one object; what remains is synthetic small defects."""

    good: float = 0.16
    real: float = 0.2
    pasted: float = 0.06
    displaced: float = 0.24
    lead: float = 0.2
    broken: float = 0.12
    stretched: float = 0.7
    """Chance that a real picture with a small defect is drawn out of shape a little."""
    put_back: float = 0.5
    """Chance that a good part was cut out and put back, so that traces of staging tell less."""
    leaning: float = 0.5
    """Share of these whose body stands aside of its leads' ends."""
    dulled: float = 0.05
    """Chance that some leads' feet are dark, which is no defect."""
    soiled: float = 0.35
    """Chance that the background beside the part gets scratches and specks that are no defects."""
    pieces: float = 0.5
    """Share of training images smaller than the view that are cut out of it; the others are made smaller."""


class ObjectSource:
    """Pairs of one object: any good picture serves as golden, defects are real, pasted or synthetic."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        seed: int,
        strength: AugmentStrength,
        mix: ObjectMix,
        view: int | None = None,
        golden_share: int = 1,
        threads: int = 1,
    ) -> None:
        """Take the training pairs of one size; all with an empty mask, and the goldens, count as good.

        ``view`` is the side that whole pictures are brought to; smaller pairs are cut out of it or made smaller.
        ``golden_share`` pairs in a row have one golden, pixel for pixel. ``threads`` take the pictures apart.

        Raises PairFolderError when there are no good pictures.
        """
        self._good = _distinct([p.golden for p in pairs] + [p.test for p in pairs if not p.mask.any()])
        if not self._good:
            raise PairFolderError("pairs_one_sided", "The training split holds no good picture.")
        self._small = [p for p in pairs if 0 < p.mask.mean() <= OUTLINE_SHARE]
        self._large = [p for p in pairs if p.mask.mean() > OUTLINE_SHARE]
        outline = vote_outline([p.mask for p in self._large], [p.test for p in self._large])
        self._scenes = take_all_apart(self._good, outline, threads) if outline is not None else []
        self._seed, self._strength, self._mix, self._view = seed, strength, mix, view
        self._share = golden_share
        self._framed: OrderedDict[tuple[int, int], tuple[Image, Matrix]] = OrderedDict()

    def pair(self, index: int, size: int) -> Pair:
        """Return the augmented pair of this index."""
        rng = np.random.default_rng([self._seed, index])
        test, mask, part = self._test_image(rng)
        if part is not None and rng.random() < self._mix.soiled:
            test = np.where(mask[:, :, None], test, soil(test, part | mask, rng))
        golden, frame = self._framed_golden(index // self._share, size)
        frame = frame @ misalignment(test.shape[0], self._strength, rng)
        return Pair(golden, seen(test, frame, size, self._strength, rng), warp_mask(mask, frame, size))

    def _framed_golden(self, number: int, size: int) -> tuple[Image, Matrix]:
        """Return the ``number``-th golden as it is seen, and the frame that it is seen through."""
        framed = self._framed.get((number, size))
        if framed is None:
            rng = np.random.default_rng([self._seed, number, 1])
            golden = self._good[int(rng.integers(len(self._good)))]
            # Pieces show small defects at their own scale, whole pictures where a part ought to lie.
            view = max(size, self._view or size) if rng.random() < self._mix.pieces else size
            frame = piece(size, view, rng) @ framing(golden.shape[0], view, self._strength, rng)
            framed = seen(golden, frame, size, self._strength, rng), frame
            self._framed[number, size] = framed
            # Threads may be at several goldens; one that another has dropped meanwhile is made anew.
            if len(self._framed) > _FRAMED_KEPT:
                self._framed.popitem(last=False)
        return framed

    def _test_image(self, rng: np.random.Generator) -> tuple[Image, Mask, Mask | None]:
        """Return a test image, its mask, and where its part is where that is known."""
        draw, mix = rng.random(), self._mix
        scene = self._scenes[int(rng.integers(len(self._scenes)))] if self._scenes else None
        if scene is not None and rng.random() < mix.put_back:
            scene = lean(scene, rng) if rng.random() < mix.leaning else put_back(scene, rng)
        if scene is not None and rng.random() < mix.dulled:
            scene = dull_feet(scene, rng)
        image = self._good[int(rng.integers(len(self._good)))] if scene is None else scene.image
        part = None if scene is None else scene.outline
        if draw < mix.good:
            return image, np.zeros(image.shape[:2], bool), part
        draw -= mix.good
        if draw < mix.real and (self._small or self._large):
            return *self._real(rng), None
        draw -= mix.real
        if draw < mix.pasted and self._small:
            chosen = self._small[int(rng.integers(len(self._small)))]
            return *paste_defect(image, chosen.test, chosen.mask, rng), part
        draw -= mix.pasted
        if scene is not None and draw < mix.displaced + mix.lead + mix.broken:
            return *self._staged(draw, scene, rng), part
        return *self._small_defects(image, None if scene is None else scene.part, rng), part

    def _real(self, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Return a real defective picture: a displaced part in three of ten, for it holds most pixels."""
        pool = self._large if self._large and (rng.random() < 0.3 or not self._small) else self._small
        chosen = pool[int(rng.integers(len(pool)))]
        # A displaced part's mask covers where the part belongs, which does not change shape.
        if pool is self._small and rng.random() < self._mix.stretched:
            return stretched(chosen.test, chosen.mask, rng)
        return chosen.test, chosen.mask

    def _staged(self, draw: float, scene: Scene, rng: np.random.Generator) -> tuple[Image, Mask]:
        if draw < self._mix.displaced:
            return displace(scene, self._scenes[int(rng.integers(len(self._scenes)))], rng)
        if draw < self._mix.displaced + self._mix.lead:
            return damage_leads(scene, rng)
        return break_body(scene, rng)

    def _small_defects(
        self, image: Image, place: Mask | None, rng: np.random.Generator
    ) -> tuple[Image, Mask]:
        """Return up to three small defects on the part; a soiled background is not a defect here."""
        mask = np.zeros(image.shape[:2], bool)
        for _ in range(int(rng.integers(1, 4))):
            donor = self._good[int(rng.integers(len(self._good)))]
            image, changed = random_defect(image, donor, place, rng)
            mask |= changed
        return image, mask


class StoredSource:
    """Ready-made pairs, visited in an order shuffled anew every round, with generic augmentation."""

    def __init__(self, pairs: Sequence[Pair], seed: int, strength: AugmentStrength) -> None:
        """Take square pairs; raises PairFolderError when there are none, or one is not square."""
        if not pairs:
            raise PairFolderError("pairs_missing", "There are no training pairs.")
        for pair in pairs:
            height, width = pair.mask.shape
            if height != width:
                raise PairFolderError(
                    "pairs_invalid",
                    f"A training pair is {width} x {height} pixels; this way of training takes square pictures.",
                    "Cut the pictures to squares.",
                )
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


def build_source(config: TrainConfig) -> PairSource:
    """Return the source of training pairs that ``config`` names; of the lists only ``train_list`` is ever read."""
    if config.data is None:
        return RenderedSource(_renderer(config), config.seed, _GENERIC)
    folder = PairFolder(config.data)
    names = folder.names(config.train_list)
    if config.mode == "object":
        pairs = list(folder.read_all(names, _kept_side(config)))
        share = config.tests_a_golden
        return ObjectSource(
            pairs, config.seed, AugmentStrength(), ObjectMix(), config.size, share, config.threads
        )
    return StoredSource(list(folder.read_all(names, config.cache_size)), config.seed, _GENERIC)


def _kept_side(config: TrainConfig) -> int:
    """The side at which pictures of one object are kept: so much larger than they are shown that zooming in stays sharp."""
    beyond = 7 * config.size // 5 if config.size > _USUAL_SIZE else _OBJECT_CACHE_SIDE
    return config.cache_size or beyond


def _renderer(config: TrainConfig) -> Callable[[np.random.Generator], Pair]:
    from inspector_app.synthesis import render_pair

    def render(rng: np.random.Generator) -> Pair:
        made = render_pair(rng, families=config.families, size=config.cache_size or config.size)
        return Pair(made.golden, made.test, made.mask)

    return render
