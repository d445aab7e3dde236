"""INT8 copies of a graph: QuantizeLinear/DequantizeLinear pairs round what is to be computed in whole numbers.

Static quantisation by onnxruntime's tools (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html):
ranges of all activations are measured on calibration pairs, weights are rounded channel by channel.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import Tensor
from inspector_app.engines.models import Model
from inspector_app.engines.sentences import first_line

if TYPE_CHECKING:
    import onnx

Pair = tuple[Tensor, Tensor]
"""Test and golden, ``1 x 3 x H x W`` float32 each."""
HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm")
FUSED = ("Relu", "Clip")
"""Activations that a quantised convolution absorbs."""
CHUNK = 4
"""Pairs whose activations are held in memory at once."""
PERCENTILE = 99.99


@dataclass(frozen=True)
class Int8Setting:
    """How a graph is quantised.

    Attributes:
        activation: ``uint8`` with ``int8`` weights is what CPUs multiply fastest; ``int8`` for both
            overflows nowhere.
        reduce_range: weights of 7 bits. Where a processor adds two products of 8 bits into 16 (AVX2's vpmaddubsw,
            without VNNI), 8-bit weights overflow there and the result is wrong.
        ranges: of activations: the least and greatest value seen, or without the last ten-thousandth.
        layers_only: quantise convolutions and products, and leave additions, resizing and joining in float32.
        in_float: names of layers that stay in float32. They should stand in groups: onnxruntime rounds the weights of
            a single one between two quantised layers by itself, and more coarsely.
    """

    activation: Literal["uint8", "int8"] = "uint8"
    reduce_range: bool = True
    ranges: Literal["minmax", "percentile"] = "minmax"
    layers_only: bool = False
    in_float: frozenset[str] = frozenset()

    def describe(self) -> str:
        """For the report."""
        weights = "7-bit weights" if self.reduce_range else "8-bit weights"
        scope = "layers only" if self.layers_only else "whole graph"
        kept = f", {len(self.in_float)} layers in float32" if self.in_float else ""
        return f"{self.activation} activations, {weights}, {self.ranges} ranges, {scope}{kept}"


class Quantiser:
    """Makes INT8 copies of one model; calibration runs once for each way of choosing ranges."""

    def __init__(self, model: Model, pairs: Sequence[Pair], folder: Path) -> None:
        """Prepare the graph (shapes inferred, constants folded) in ``folder``.

        Raises:
            KeeperError: ``quantise_failed`` when onnxruntime's tools cannot read it.
            ValueError: there are no pairs.
        """
        import onnx
        from onnxruntime.quantization.shape_inference import quant_pre_process

        if not pairs:
            raise ValueError("no pairs to calibrate on")
        self._names = (model.manifest.test_input, model.manifest.golden_input)
        self._copies = model.manifest.batch or 1
        self._pairs = pairs
        self._folder = folder
        self._ready = folder / "prepared.onnx"
        with _told("prepared"):
            quant_pre_process(str(model.path), str(self._ready), skip_symbolic_shape=True)
            self._graph = onnx.load(str(self._ready))
        self._ranges: dict[str, Any] = {}
        self.layers = tuple(_layers(self._graph.graph))
        """Names of the nodes that can be quantised, in order of computation."""

    def write(self, setting: Int8Setting, out: Path) -> None:
        """Write the graph quantised by ``setting`` to ``out``.

        Raises:
            KeeperError: ``quantise_failed``.
        """
        from onnxruntime.quantization import QDQQuantizer, QuantType
        from onnxruntime.quantization.registry import QDQRegistry

        kind = QuantType.QUInt8 if setting.activation == "uint8" else QuantType.QInt8
        types = [*HEAVY, *FUSED] if setting.layers_only else list(QDQRegistry)
        with _told("quantised"):
            quantiser = QDQQuantizer(
                self._copy(),
                self._opset() >= 13,
                setting.reduce_range,
                QuantType.QInt8,
                kind,
                self._measured(setting.ranges),
                [],
                sorted(setting.in_float),
                types,
                {},
            )
            quantiser.quantize_model()
            quantiser.model.save_model_to_file(str(out), False)

    def _copy(self) -> onnx.ModelProto:
        import onnx

        copy = onnx.ModelProto()
        copy.CopyFrom(self._graph)
        return copy

    def _opset(self) -> int:
        """Rounding channel by channel came with opset 13."""
        return max(
            int(entry.version) for entry in self._graph.opset_import if entry.domain in ("", "ai.onnx")
        )

    def _measured(self, ranges: str) -> Any:
        """Ranges of all activations over the calibration pairs."""
        if ranges not in self._ranges:
            from onnxruntime.quantization import CalibrationMethod, create_calibrator

            method = CalibrationMethod.MinMax if ranges == "minmax" else CalibrationMethod.Percentile
            options = {} if ranges == "minmax" else {"percentile": PERCENTILE, "symmetric": False}
            calibrator = create_calibrator(
                self._ready,
                None,
                str(self._folder / "watched.onnx"),
                calibrate_method=method,
                extra_options=options,
            )
            # All activations of a call are kept until they are counted, so pairs are given a few at a time.
            for first in range(0, len(self._pairs), CHUNK):
                calibrator.collect_data(_Reader(self._feeds(first)))
            self._ranges[ranges] = calibrator.compute_data()
        return self._ranges[ranges]

    def _feeds(self, first: int) -> Iterator[Mapping[str, NDArray[np.float32]]]:
        for pair in self._pairs[first : first + CHUNK]:
            yield {
                name: np.repeat(image, self._copies, axis=0)
                for name, image in zip(self._names, pair, strict=True)
            }


class _Reader:
    """What a calibrator reads from: one feed a call, then None."""

    def __init__(self, feeds: Iterator[Mapping[str, NDArray[np.float32]]]) -> None:
        self._feeds = feeds

    def get_next(self) -> Mapping[str, NDArray[np.float32]] | None:
        return next(self._feeds, None)


def _layers(graph: onnx.GraphProto) -> Iterator[str]:
    constants = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in HEAVY and len(node.input) > 1 and node.input[1] in constants:
            yield node.name


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Silence the tools' printing, and turn what they raise for a graph that they do not know into a sentence."""
    from google.protobuf.message import DecodeError
    from onnx.checker import ValidationError
    from onnx.shape_inference import InferenceError

    from inspector_app.engines.onnx_runtime import ort_faults

    known: tuple[type[Exception], ...] = (
        *ort_faults(),
        DecodeError,
        ValidationError,
        InferenceError,
        LookupError,
        TypeError,
        AttributeError,
        OSError,
    )
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except known as error:
        raise KeeperError(
            "quantise_failed", f"The network cannot be {what} for whole numbers: {first_line(error)}."
        ) from error
