"""An FP16 copy of an exported graph, float32 at its borders, and how far it agrees with the original."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.tao.export import INPUTS, OUTPUTS, open_session
from inspector_app.engines.half import convert_to_half

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Agreement:
    """How two graphs agree in ``output_final`` over a number of pairs.

    Attributes:
        pairs: how many were compared.
        largest_logit_difference: over all pixels and classes.
        largest_probability_difference: of the change class, over all pixels.
        same_class: share of pixels with the same most likely class, 0..1.
    """

    pairs: int
    largest_logit_difference: float
    largest_probability_difference: float
    same_class: float


def write_half(file: Path, out: Path, pairs: Iterable[Pair]) -> Agreement:
    """Write the graph ``file`` with FP16 weights and arithmetic to ``out``; inputs and outputs stay float32.

    Args:
        file: a graph of ``export_tao_onnx``.
        out: the copy, replaced atomically.
        pairs: test and golden tensors, ``1 x 3 x H x W`` each, to measure the agreement on.

    Raises:
        ValueError: there are no pairs.
    """
    beside = out.with_name(f".{out.name}.tmp")
    try:
        convert_to_half(file, beside)
        agreement = measure_agreement(file, beside, pairs)
        os.replace(beside, out)
    finally:
        beside.unlink(missing_ok=True)
    return agreement


def measure_agreement(first: Path, second: Path, pairs: Iterable[Pair]) -> Agreement:
    """Run two graphs of TAO's interface on the same ``pairs`` and compare their final outputs.

    Raises:
        ValueError: there are no pairs.
    """
    sessions = open_session(first), open_session(second)
    count, logit, probability, same = 0, 0.0, 0.0, 0.0
    for pair in pairs:
        ours, theirs = (_final(session, pair) for session in sessions)
        count += 1
        logit = max(logit, float(np.abs(ours - theirs).max()))
        probability = max(probability, float(np.abs(_change(ours) - _change(theirs)).max()))
        same += float((ours.argmax(1) == theirs.argmax(1)).mean())
    if not count:
        raise ValueError("no pairs to measure the agreement on")
    return Agreement(count, logit, probability, same / count)


def _final(session: Any, pair: Pair) -> NDArray[np.float32]:
    batch = session.get_inputs()[0].shape[0]
    copies = batch if isinstance(batch, int) else 1
    feed = {name: np.repeat(image, copies, axis=0) for name, image in zip(INPUTS, pair, strict=True)}
    logits: NDArray[np.float32] = session.run([OUTPUTS[-1]], feed)[0][:1]
    return logits


def _change(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    shares: NDArray[np.float32] = 1 - exponents[:, 0] / exponents.sum(1)
    return shares
