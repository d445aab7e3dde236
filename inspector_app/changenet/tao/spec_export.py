"""Export by TAO's spec: the ONNX file, and on request its FP16 copy with its agreement on the spec's own pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspector_app.changenet.tao.export import TaoExportError, export_tao_onnx
from inspector_app.changenet.tao.half import Agreement, write_half
from inspector_app.changenet.tao.predict import spec_checkpoint
from inspector_app.core.errors import KeeperError
from inspector_app.core.files import ensure_folder
from inspector_app.core.manifest import InputSpec
from inspector_app.core.tao_spec.experiment import Experiment
from inspector_app.vision.segment_pairs import SegmentPairs
from inspector_app.vision.tensors import to_tensor


@dataclass(frozen=True)
class SpecExport:
    """What was written.

    Attributes:
        onnx: the file.
        largest_difference: between graph and network, in any logit of the five outputs.
        half: the FP16 copy, if one was asked for.
        agreement: of the two, on the spec's validation list.
    """

    onnx: Path
    largest_difference: float
    half: Path | None = None
    agreement: Agreement | None = None


def export_spec(experiment: Experiment, half: bool = False) -> SpecExport:
    """Write the ONNX file that the spec describes, proved against PyTorch by onnxruntime.

    Args:
        experiment: its ``export`` section, and for the FP16 copy the validation list of ``dataset.segment``.
        half: also write ``NAME_fp16.onnx``, with float32 inputs and outputs.

    Raises:
        KeeperError: the checkpoint or the pairs do not serve, or ``export_failed``.
    """
    settings = experiment.export
    checkpoint = Path(settings.checkpoint)
    out = Path(settings.onnx_file) if settings.onnx_file else checkpoint.with_suffix(".onnx")
    augmentation = experiment.dataset.segment.augmentation
    if augmentation.mean != (0.5, 0.5, 0.5) or augmentation.std != (0.5, 0.5, 0.5):
        raise KeeperError(
            "spec_invalid",
            "TAO's ONNX interface says nothing of mean and std: whoever runs the file takes 0.5 for both.",
            "Train and export with augmentation.mean and std of 0.5.",
        )
    pairs = SegmentPairs(experiment.dataset.segment)
    # Before the export, which takes a while.
    names = pairs.names(experiment.dataset.segment.validation_split) if half else ()
    network = spec_checkpoint(checkpoint, experiment)
    ensure_folder(out.parent)
    size = (settings.input_height, settings.input_width)
    batch = None if settings.batch_size == -1 else settings.batch_size
    try:
        difference = export_tao_onnx(network, out, batch, settings.opset_version, size)
    except TaoExportError as error:
        raise KeeperError("export_failed", f"The export failed: {error}.") from error
    if not half:
        return SpecExport(out, difference)
    second = out.with_name(f"{out.stem}_fp16.onnx")
    spec = experiment.input_spec.model_copy(update={"height": size[0], "width": size[1]})
    return SpecExport(out, difference, second, write_half(out, second, _tensors(pairs, names, spec)))


def _tensors(
    pairs: SegmentPairs, names: tuple[str, ...], spec: InputSpec
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    for name in names:
        test, golden = pairs.images(name)
        yield to_tensor(test, spec), to_tensor(golden, spec)
