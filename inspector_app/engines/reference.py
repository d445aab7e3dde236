"""The network's share of the reference loop: the whole graph with all its outputs, for each pair anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import Tensor
from inspector_app.engines.models import Model
from inspector_app.engines.onnx_runtime import create_default_session, ort_faults
from inspector_app.engines.sentences import first_line


class ReferenceLoop:
    """What a plain Python program does with an ONNX file: a default onnxruntime session on the CPU, no features
    kept, no output left out, argmax over the classes.

    ``benchmarks/reference_loop.py`` is the same with files read and written; there it stands by itself, so that
    its readers need to trust nothing of this program.
    """

    def __init__(self, model: Model) -> None:
        """Load.

        Raises:
            KeeperError: ``model_damaged``, ``engine_missing``.
        """
        self.manifest = model.manifest
        self._session = create_default_session(model.path)

    @property
    def label(self) -> str:
        """For tables."""
        return f"reference loop, {self.manifest.name}"

    @property
    def batch(self) -> int:
        """Pairs that a call takes: one, or as many as the graph is fixed to."""
        return self.manifest.batch or 1

    def run(self, tests: Tensor, goldens: Tensor) -> NDArray[np.int64]:
        """The class of each pixel, ``N x H x W``, of ``N x 3 x H x W`` tests and goldens; N is ``batch``.

        Raises:
            KeeperError: ``engine_failed``.
        """
        manifest = self.manifest
        feed = {manifest.test_input: tests, manifest.golden_input: goldens}
        names = [output.name for output in self._session.get_outputs()]
        try:
            outputs = self._session.run(None, feed)
        except ort_faults() as error:
            raise KeeperError(
                "engine_failed", f"The reference loop could not be run: {first_line(error)}."
            ) from error
        return np.asarray(np.argmax(outputs[names.index(manifest.output)], axis=1), dtype=np.int64)
